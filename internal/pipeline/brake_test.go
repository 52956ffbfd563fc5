package pipeline

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

// badWorld has blobs of which none can be read for a time.
func badWorld(blobs int, cause audit.Cause, lasts time.Duration) *world {
	w := newWorld()
	began := time.Now()
	for i := range blobs {
		w.add(fmt.Sprint(i), began.Add(-time.Duration(i+1)*time.Second), fmt.Sprint(i))
	}
	w.onFetch = func(b audit.Blob) error {
		if time.Since(began) < lasts {
			f := fault(cause, audit.OfBlob)
			f.SHA256 = b.ID
			return f
		}
		return nil
	}
	return w
}

func (w *world) dead() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.letters)
}

func TestFeedIsNotEmptiedIntoDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := badWorld(120, audit.CauseMalformed, 10*time.Hour)
		r, end := w.begin(t)
		defer end()
		time.Sleep(9 * time.Hour)
		if n := w.dead(); n < tooMany || n > judged {
			t.Errorf("%d dead letters", n)
		}
		s := r.Board.Snapshot()[0]
		if s.State != audit.StateFailing || !strings.Contains(s.LastError.Message, "nearly all") || !strings.Contains(s.LastError.Hint, "resume Audit.Exchange") {
			t.Errorf("state %s, %+v", s.State, s.LastError)
		}
		w.mu.Lock()
		before := len(w.fetches)
		tries := 0
		for _, n := range w.fetches {
			tries += n
		}
		w.mu.Unlock()
		if perBlob := tries / before; perBlob > 60 {
			t.Errorf("each blob was asked for %d times", perBlob)
		}
		time.Sleep(3 * time.Hour)
		if n := w.dead(); n > judged || w.deliveries(0, 120) != 120-n {
			t.Errorf("%d dead letters, %d delivered", n, w.deliveries(0, 120))
		}
		if s := r.Board.Snapshot()[0]; s.State == audit.StateFailing || s.PendingBlobs != 0 {
			t.Errorf("state %s, %d pending, %+v", s.State, s.PendingBlobs, s.LastError)
		}
	})
}

func TestResumeMakesDeadLettersAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := badWorld(120, audit.CauseMalformed, 48*time.Hour)
		_, end := w.begin(t)
		defer end()
		time.Sleep(8 * time.Hour)
		held := w.dead()
		w.mu.Lock()
		w.wish.State, w.wish.Command = audit.Running, "resume-1"
		w.mu.Unlock()
		time.Sleep(3 * time.Hour)
		if n := w.dead(); held > judged || n != 120 {
			t.Errorf("%d dead letters before the resume, %d after it", held, n)
		}
	})
}

func TestExpiryDoesNotStopAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := badWorld(200, audit.CauseServer, 8*time.Hour)
		for i := range w.blobs {
			w.blobs[i].Expires = time.Now().Add(6 * time.Hour)
		}
		r, end := w.begin(t)
		defer end()
		time.Sleep(9 * time.Hour)
		w.add("new", time.Now(), "new")
		time.Sleep(time.Hour)
		if s := r.Board.Snapshot()[0]; w.dead() != 200 || s.State == audit.StateFailing {
			t.Errorf("%d dead letters, state %s: %+v", w.dead(), s.State, s.LastError)
		}
	})
}
