package chaos

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// played runs a lane for a minute and returns what it did, and when.
func played(t *testing.T, seed uint64, slow bool) []string {
	t.Helper()
	var did []string
	note := func(kind string) func(context.Context, *rand.Rand) error {
		return func(ctx context.Context, r *rand.Rand) error {
			d := between(r, time.Second, 5*time.Second)
			did = append(did, kind+d.String())
			pause(ctx, d)
			if slow {
				return errSlow
			}
			return nil
		}
	}
	l := lane{"test", time.Second, 3 * time.Second, []fault{{"one", 1, note("one")}, {"two", 2, note("two")}, {"never", 0, note("never")}}}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := l.run(ctx, seed, newTimeline(io.Discard)); err != nil {
			t.Error(err)
		}
	})
	return did
}

func TestSeedDecides(t *testing.T) {
	one := played(t, 1, false)
	if len(one) < 10 || slices.Contains(one, "never") {
		t.Errorf("did %q", one)
	}
	if again := played(t, 1, true); !slices.Equal(one, again) {
		t.Errorf("the same seed did %q, then %q", one, again)
	}
	if other := played(t, 2, false); slices.Equal(one, other) {
		t.Errorf("another seed did the same: %q", other)
	}
}

func TestLaneEndsWithItsError(t *testing.T) {
	broken := errors.New("broken")
	l := lane{"test", 0, 0, []fault{{"one", 1, func(context.Context, *rand.Rand) error { return broken }}}}
	if err := l.run(t.Context(), 1, newTimeline(io.Discard)); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}
