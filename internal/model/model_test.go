package model

import (
	"flag"
	"strings"
	"testing"

	"o365-kafka-connector/internal/testbed/race"
)

var (
	runs     = flag.Int("runs", 3000, "runs of each protocol that must hold")
	patience = flag.Int("patience", 20000, "runs of each broken variant, in one of which it must fail")
)

func TestExactlyOnce(t *testing.T) {
	t.Parallel()
	holds(t, rules{})
}

func TestAtLeastOnce(t *testing.T) {
	t.Parallel()
	holds(t, rules{atLeastOnce: true})
}

func holds(t *testing.T, r rules) {
	n := *runs
	if race.Enabled { // make test takes all of them without it
		n /= 10
	}
	for seed := range n {
		if play(r, seed) != "" {
			t.Fatal(explain(r, seed))
		}
	}
}

// TestEachBrokenVariantIsCaught leaves out one rule of the protocol at a time. Readers of Kafka must notice, too, unless
// something else mends it.
func TestEachBrokenVariantIsCaught(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			fails(t, v.rules)
			if !v.mended {
				v.rules.readersOnly = true
				fails(t, v.rules)
			}
		})
	}
}

func fails(t *testing.T, r rules) {
	t.Helper()
	n := *patience
	if race.Enabled {
		n /= 50
	}
	for seed := range n {
		if failure := play(r, seed); failure != "" {
			t.Logf("seed %d: %s", seed, failure)
			return
		}
	}
	if !race.Enabled {
		t.Errorf("nothing went wrong in %d runs", n)
	}
}

// TestMuchHappens looks whether runs see what they are about.
func TestMuchHappens(t *testing.T) {
	t.Parallel()
	const seen = 300
	counts := map[string]int{}
	for seed := range seen {
		w := newWorld(rules{}, choicesOf(seed))
		w.play()
		for what, n := range w.counts {
			counts[what] += n
		}
	}
	for _, h := range happenings {
		counts[h.name] += 0
	}
	for _, what := range []string{
		"a blob delivered", "a request landed late", "a transaction was aborted", "an entry was replayed", "a checkpoint was reset",
		"a number used again", "a run ended: " + errFenced.Error(), "a run ended: " + errLost.Error(), "a run ended: " + errUnanswered.Error(),
	} {
		counts[what] += 0
	}
	for what, n := range counts {
		t.Logf("%6d %s", n, what)
		if n == 0 {
			t.Errorf("%s: never in %d runs", what, seen)
		}
	}
}

// TestAFailureIsTold looks at what a person gets to see of a failure: the shortest run, step by step.
func TestAFailureIsTold(t *testing.T) {
	t.Parallel()
	text := explain(rules{redisFirst: true}, 0).Error()
	for _, want := range []string{"seed 0: Redis has entry", "blob 0 of stream 0 appears", "acquire", "commit offset 1", "BROKEN"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if n := strings.Count(text, "\n"); n > 30 || t.Failed() {
		t.Errorf("%d lines:\n%s", n, text)
	}
}
