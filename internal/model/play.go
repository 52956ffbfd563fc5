package model

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

const (
	choicesInRun = 900
	shrinkTries  = 8000
)

// play makes one run of a protocol and returns what went wrong, empty if nothing did.
func play(r rules, seed int) string { return newWorld(r, choicesOf(seed)).play() }

// choicesOf makes a tape.
func choicesOf(seed int) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	choices := make([]byte, choicesInRun)
	_, _ = r.Read(choices)
	return choices
}

// explain tells the shortest run in which a protocol fails, step by step.
func explain(r rules, seed int) error {
	choices := shrink(choicesOf(seed), shrinkTries, func(choices []byte) bool { return newWorld(r, choices).play() != "" })
	w := newWorld(r, choices)
	w.tracing = true
	failure := w.play()
	return fmt.Errorf("seed %d: %s; the shortest run that fails, of %d choices:\n%s", seed, failure, len(choices), strings.Join(w.trace, "\n"))
}
