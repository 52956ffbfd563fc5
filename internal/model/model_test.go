package model

import (
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
)

var (
	seeds    = flag.Int("model.seeds", 2000, "runs of each correct protocol")
	patience = flag.Int("model.patience", 20000, "runs of each broken variant in which it must fail")
	length   = flag.Int("model.length", 900, "choices in a run")
)

// choicesOf makes a tape.
func choicesOf(seed, length int) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	choices := make([]byte, length)
	_, _ = r.Read(choices)
	return choices
}

func fails(r rules) func([]byte) bool {
	return func(choices []byte) bool { return newWorld(r, choices).play() != "" }
}

// traced plays a tape again and returns what happened.
func traced(r rules, choices []byte) string {
	w := newWorld(r, choices)
	w.tracing = true
	w.play()
	return strings.Join(w.trace, "\n")
}

func TestExactlyOnce(t *testing.T) {
	t.Parallel()
	holds(t, rules{})
}

func TestAtLeastOnce(t *testing.T) {
	t.Parallel()
	holds(t, rules{atLeastOnce: true})
}

func holds(t *testing.T, r rules) {
	for seed := range *seeds {
		choices := choicesOf(seed, *length)
		if failure := newWorld(r, choices).play(); failure != "" {
			least := shrink(choices, 3000, fails(r))
			t.Fatalf("seed %d: %s; the least run that fails, with %d choices:\n%s", seed, failure, len(least), traced(r, least))
		}
	}
}

// TestEachBrokenVariantIsCaught leaves one rule of the protocol out at a time.
func TestEachBrokenVariantIsCaught(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			for seed := range *patience {
				choices := choicesOf(seed, *length)
				if failure := newWorld(v.rules, choices).play(); failure != "" {
					t.Logf("seed %d: %s", seed, failure)
					return
				}
			}
			t.Errorf("nothing went wrong in %d runs", *patience)
		})
	}
}
