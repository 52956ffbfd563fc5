package pipeline

import (
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

func TestFirstFailureOutlivesAnotherCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		began := time.Now()
		w.add("bad", began.Add(-10*time.Minute), "a")
		w.onFetch = func(audit.Blob) error {
			if time.Since(began) < 3*time.Hour {
				return fault(audit.CauseServer, audit.OfBlob)
			}
			return fault(audit.CauseNotFound, audit.OfBlob)
		}
		w.runFor(t, 6*time.Hour)
		if len(w.letters) != 1 {
			t.Fatalf("letters %v", w.letters)
		}
		l := w.letters[0]
		if first := l.FirstFailed.Sub(began); first > time.Minute {
			t.Errorf("first failed after %s", first)
		}
		if last := l.LastFailed.Sub(began); last < 4*time.Hour || last > 5*time.Hour {
			t.Errorf("given up after %s: the second cause has to last for an hour", last)
		}
	})
}
