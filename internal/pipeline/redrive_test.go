package pipeline

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

// buried is a world in which blobs could not be read for an hour and more, and became dead letters. Now they can be.
func buried(t *testing.T, blobs int) *world {
	t.Helper()
	w := newWorld()
	began := time.Now()
	for i := range blobs {
		w.add(fmt.Sprint("b", i), began.Add(-time.Duration(i+1)*time.Second), fmt.Sprint(i, "x"), fmt.Sprint(i, "y"))
	}
	w.add("good", began.Add(-time.Minute), "good")
	w.onFetch = func(b audit.Blob) error {
		if b.ID == "good" {
			return nil
		}
		return fault(audit.CauseNotFound, audit.OfBlob)
	}
	w.runFor(t, 3*time.Hour)
	if w.dead() != blobs || len(w.delivered) != 1 {
		t.Fatalf("%d dead letters, %d delivered", w.dead(), len(w.delivered))
	}
	w.onFetch = nil
	return w
}

func redriveOf(id string, f audit.RedriveFilter) audit.Backfill {
	return audit.Backfill{ID: id, Mode: audit.BackfillRedrive, Redrive: &f}
}

func TestRedrivePutsDeadLettersBackOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := buried(t, 30)
		gaps := len(w.stored().Gaps)
		w.askFill(redriveOf("r1", audit.RedriveFilter{}))
		w.runFor(t, time.Minute)
		w.check(t)
		p := filled(t, w, "r1")
		if p.State != audit.BackfillDone || p.Redrive.Letters != 30 || p.Blobs != 30 || p.Records != 60 || p.Requests != 30 || p.Redrive.Again != 0 {
			t.Errorf("progress %+v, %+v", p, p.Redrive)
		}
		w.askFill(redriveOf("r2", audit.RedriveFilter{ContentID: "b7"}))
		w.askFill(redriveOf("r3", audit.RedriveFilter{}))
		w.runFor(t, time.Minute)
		w.check(t)
		if p := filled(t, w, "r3"); p.State != audit.BackfillDone || p.Redrive.Letters != 0 || p.Redrive.Known != 30 {
			t.Errorf("progress %+v, %+v", p, p.Redrive)
		}
		if n := len(w.stored().Gaps); n != gaps || len(w.wish.Backfills) != 0 {
			t.Errorf("%d gaps, had been %d; wish %+v", n, gaps, w.wish)
		}
	})
}

func TestInterruptedRedriveGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := buried(t, 40)
		var calls atomic.Int32
		w.onFetch = func(audit.Blob) error {
			calls.Add(1)
			time.Sleep(time.Second)
			return nil
		}
		w.askFill(redriveOf("r1", audit.RedriveFilter{}))
		for range 30 {
			w.runFor(t, 4*time.Second)
		}
		w.check(t)
		p := filled(t, w, "r1")
		if p.State != audit.BackfillDone || p.Redrive.Letters != 40 || p.Blobs != 40 || len(p.Redrive.Behind) != 0 {
			t.Errorf("progress %+v, %+v", p, p.Redrive)
		}
		if n := calls.Load(); n < 40 || n > 60 {
			t.Errorf("%d downloads of 40 blobs", n)
		}
	})
}

func TestRedriveThatIsCancelledIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := buried(t, 40)
		w.onFetch = func(audit.Blob) error { time.Sleep(time.Second); return nil }
		w.askFill(redriveOf("r1", audit.RedriveFilter{Cause: audit.CauseNotFound}))
		_, end := w.begin(t)
		time.Sleep(9500 * time.Millisecond)
		w.mu.Lock()
		w.wish.Backfills[0].Cancelled = true
		w.mu.Unlock()
		time.Sleep(10 * time.Second)
		p := filled(t, w, "r1")
		if n := p.Redrive.Letters; p.State != audit.BackfillCancelled || n < 10 || n > 30 || w.deliveredBlobs(40) != int(n) {
			t.Errorf("%d delivered, progress %+v, %+v", w.deliveredBlobs(40), p, p.Redrive)
		}
		w.askFill(redriveOf("r2", audit.RedriveFilter{}))
		time.Sleep(time.Minute)
		end()
		w.check(t)
		if q := filled(t, w, "r2"); q.Redrive.Letters+p.Redrive.Letters != 40 || q.Redrive.Known != p.Redrive.Letters {
			t.Errorf("progress %+v, %+v", q, q.Redrive)
		}
	})
}

// TestRedriveBehindACancelledOne has a redrive begin while one that was cancelled still has blobs and records in hand, or
// waits for a worker: each is put back by one of them.
func TestRedriveBehindACancelledOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := buried(t, 12)
		for i := range 12 {
			of := w.blobs[i]
			w.letters = append(w.letters, audit.DeadLetter{
				Stream: testStream, Blob: of.Blob, Record: true, Ordinal: i, Value: fmt.Append(nil, "single", i), Cause: audit.CauseTooLarge, LastFailed: time.Now(),
			})
		}
		w.onFetch = func(audit.Blob) error { time.Sleep(5 * time.Second); return nil }
		w.onSend = func() error { time.Sleep(time.Second); return nil }
		_, end := w.begin(t)
		for round := range 30 {
			id, next := fmt.Sprint("r", round), fmt.Sprint("r", round+1)
			if round == 0 {
				w.askFill(redriveOf(id, audit.RedriveFilter{}))
			}
			w.askFill(redriveOf(next, audit.RedriveFilter{}))
			time.Sleep(3700 * time.Millisecond)
			w.mu.Lock()
			for i, b := range w.wish.Backfills {
				w.wish.Backfills[i].Cancelled = b.Cancelled || b.ID == id
			}
			w.mu.Unlock()
		}
		time.Sleep(2 * time.Minute)
		end()
		w.check(t)
		for i := range 12 {
			if n := w.delivered[fmt.Sprint("single", i)]; n != 1 {
				t.Errorf("record %d was put back %d times", i, n)
			}
		}
	})
}

func (w *world) deliveredBlobs(blobs int) (sum int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range blobs {
		sum += w.delivered[fmt.Sprint(i, "x")]
	}
	return sum
}

func TestWhatFailsAgainIsADeadLetterAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := buried(t, 3)
		w.onFetch = func(b audit.Blob) error {
			if b.ID == "b1" {
				return fault(audit.CauseMalformed, audit.OfBlob)
			}
			return nil
		}
		first := w.letters[0]
		for _, l := range w.letters {
			if l.Blob.ID == "b1" {
				first = l
			}
		}
		gaps := len(w.stored().Gaps)
		w.askFill(redriveOf("r1", audit.RedriveFilter{}))
		w.runFor(t, time.Minute)
		p := filled(t, w, "r1")
		if p.State != audit.BackfillDone || p.Redrive.Letters != 3 || p.Redrive.Again != 1 || p.Blobs != 2 || len(w.stored().Gaps) != gaps {
			t.Errorf("progress %+v, %+v", p, p.Redrive)
		}
		l := w.letters[len(w.letters)-1]
		if len(w.letters) != 4 || l.Blob.ID != "b1" || l.Cause != audit.CauseMalformed || l.Attempts != first.Attempts+1 ||
			!l.FirstFailed.Equal(first.FirstFailed) || !l.LastFailed.After(first.LastFailed) {
			t.Errorf("%d letters, the last %+v after %+v", len(w.letters), l, first)
		}
		w.onFetch = nil
		w.askFill(redriveOf("r2", audit.RedriveFilter{Cause: audit.CauseNotFound}))
		w.askFill(redriveOf("r3", audit.RedriveFilter{}))
		w.runFor(t, time.Minute)
		w.check(t)
		if p := filled(t, w, "r3"); p.Redrive.Letters != 1 || p.Redrive.Known != 2 {
			t.Errorf("progress %+v, %+v", p, p.Redrive)
		}
	})
}

func TestRedriveOfRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		at := time.Now()
		w.add("blob", at.Add(-time.Minute), "r0", "r1", "r2")
		w.runFor(t, 10*time.Second)
		old := audit.Blob{ID: "old", Created: at.Add(-30 * 24 * time.Hour)}
		w.letters = []audit.DeadLetter{
			{Stream: testStream, Blob: w.blobs[0].Blob, Record: true, Ordinal: 1, Cause: audit.CauseTooLarge, Attempts: 1, LastFailed: at},
			{Stream: testStream, Blob: old, Record: true, Ordinal: 5, Value: []byte("kept"), Cause: audit.CauseRefused, Attempts: 4, LastFailed: at.Add(time.Hour)},
			{Stream: testStream, Blob: old, Record: true, Ordinal: 6, Cause: audit.CauseTooLarge, LastFailed: at},
			{Stream: testStream, Blob: old, Cause: audit.CauseNotFound, LastFailed: at},
		}
		w.askFill(redriveOf("since", audit.RedriveFilter{Since: at.Add(time.Minute)}))
		w.runFor(t, 10*time.Second)
		if p := filled(t, w, "since"); p.Redrive.Letters != 1 || w.delivered["kept"] != 1 || w.tries["old"] != 4 {
			t.Errorf("progress %+v, %d deliveries, %d tries", p.Redrive, w.delivered["kept"], w.tries["old"])
		}
		w.askFill(redriveOf("all", audit.RedriveFilter{}))
		w.runFor(t, time.Minute)
		p := filled(t, w, "all")
		if r := p.Redrive; r.Letters != 1 || r.Known != 1 || r.Expired != 2 || strings.Join(r.Examples, " ") != "old old" || p.Records != 1 || p.Blobs != 0 {
			t.Errorf("progress %+v, %+v", p, r)
		}
		if w.delivered["r0"] != 1 || w.delivered["r1"] != 2 || w.delivered["r2"] != 1 || w.delivered["kept"] != 1 || w.fetches["old"] != 0 {
			t.Errorf("delivered %v, fetched %v", w.delivered, w.fetches)
		}
	})
}

func TestRedriveThatCannotReadFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := buried(t, 1)
		w.lettersErr = errors.New("not allowed to read")
		w.askFill(redriveOf("r1", audit.RedriveFilter{}))
		w.runFor(t, time.Minute)
		if p := filled(t, w, "r1"); p.State != audit.BackfillFailed || !strings.Contains(p.Error, "not allowed to read") {
			t.Errorf("progress %+v", p)
		}
		if w.opened != 2 {
			t.Errorf("the stream was taken %d times", w.opened)
		}
	})
}

func TestRedriveWaitsForListingsThatSeeTheSameBlobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := buried(t, 30)
		w.onStore = func(call string) error {
			if call == "unseen" {
				w.mu.Unlock()
				time.Sleep(500 * time.Millisecond) // meanwhile all that was listed is claimed
				w.mu.Lock()
			}
			return nil
		}
		w.askFill(redriveOf("r1", audit.RedriveFilter{}))
		w.runFor(t, 5*time.Minute, func(s *Settings) { s.SweepInterval, s.SweepDepth = time.Second, 24*time.Hour })
		w.check(t)
		if p := filled(t, w, "r1"); p.State != audit.BackfillDone || p.Blobs != 30 || p.Redrive.Known != 0 {
			t.Errorf("progress %+v, %+v", p, p.Redrive)
		}
	})
}
