package pipeline

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

// readWorld has read 60 blobs of the last hour, and has 600 more of ten hours before that nobody has read.
func readWorld(t *testing.T) (w *world, now time.Time) {
	t.Helper()
	w = newWorld()
	began := time.Now()
	for i := range 660 {
		w.add(fmt.Sprint(i), began.Add(time.Duration(i-660)*time.Minute), fmt.Sprint(i), "filtered")
	}
	w.runFor(t, 10*time.Second)
	return w, time.Now()
}

func (w *world) askFill(b audit.Backfill) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wish.Backfills = append(w.wish.Backfills, b)
}

func (w *world) deliveries(from, to int) (sum int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := from; i < to; i++ {
		sum += w.delivered[fmt.Sprint(i)]
	}
	return sum
}

func filled(t *testing.T, w *world, id string) audit.BackfillProgress {
	t.Helper()
	for _, p := range w.stored().Backfills {
		if p.ID == id {
			return p
		}
	}
	t.Fatalf("nothing is known of back-fill %s", id)
	return audit.BackfillProgress{}
}

func TestBackfillOfWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, now := readWorld(t)
		mark := w.stored().Progress.Watermark
		old := w.deliveries(0, 660)
		w.askFill(audit.Backfill{ID: "b1", From: now.Add(-6 * time.Hour), To: now, Mode: audit.BackfillMissing})
		w.onFetch = func(b audit.Blob) error {
			if b.ID == "400" && time.Since(now) < time.Minute {
				return fault(audit.CauseServer, audit.OfBlob)
			}
			return nil
		}
		w.runFor(t, time.Hour)
		p := filled(t, w, "b1")
		if n := w.deliveries(301, 660); n != 359 || p.State != audit.BackfillDone || p.Blobs != 359-int64(old)-1 || p.Records != p.Blobs {
			t.Errorf("%d delivered, progress %+v", n, p)
		}
		if n := w.deliveries(0, 301); n != 0 {
			t.Errorf("%d delivered from before the back-fill", n)
		}
		if h := w.headers["350"]; h != "events backfill=b1" {
			t.Errorf("headers %q", h)
		}
		if c := w.stored(); c.Progress.Watermark.Before(mark) || len(w.wish.Backfills) != 0 || len(c.Pending) != 0 {
			t.Errorf("watermark %s, wish %+v, pending %v", c.Progress.Watermark, w.wish, c.Pending)
		}
		w.askFill(audit.Backfill{ID: "b2", From: now.Add(-6 * time.Hour), To: now, Mode: audit.BackfillMissing})
		w.runFor(t, time.Hour)
		if p := filled(t, w, "b2"); p.Blobs != 0 || w.deliveries(301, 660) != 359 {
			t.Errorf("a second one published %+v", p)
		}
	})
}

func TestBackfillRepublishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, now := readWorld(t)
		w.askFill(audit.Backfill{ID: "b1", From: now.Add(-2 * time.Hour), To: now, Mode: audit.BackfillRepublish, Topic: "again"})
		w.runFor(t, time.Hour)
		if n := w.deliveries(600, 660); n < 118 || n > 120 {
			t.Errorf("%d deliveries of 60 blobs", n)
		}
		if n := w.deliveries(541, 599); n != 58 || w.headers["550"] != "again backfill=b1" {
			t.Errorf("%d of 58 delivered, headers %q", n, w.headers["550"])
		}
		if w.ledger[audit.HashOf("550")] {
			t.Error("what went elsewhere is marked as done")
		}
		w.askFill(audit.Backfill{ID: "b2", From: now.Add(-2 * time.Hour), To: now, Mode: audit.BackfillRepublish})
		w.runFor(t, time.Hour)
		if !w.ledger[audit.HashOf("550")] || w.headers["550"] != "events backfill=b2" {
			t.Errorf("marked %t, headers %q", w.ledger[audit.HashOf("550")], w.headers["550"])
		}
	})
}

func TestBackfillNamesWhatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, now := readWorld(t)
		w.add("old", now.Add(-160*time.Hour), "old")
		w.onFetch = func(b audit.Blob) error {
			if b.ID == "500" {
				return fault(audit.CauseNotFound, audit.OfBlob)
			}
			return nil
		}
		w.askFill(audit.Backfill{ID: "b1", From: now.Add(-200 * time.Hour), To: now, Mode: audit.BackfillRepublish, Topic: "again"})
		w.askFill(audit.Backfill{ID: "b2", From: now.Add(-300 * time.Hour), To: now.Add(-200 * time.Hour), Mode: audit.BackfillMissing})
		w.askFill(audit.Backfill{ID: "b3", From: now.Add(-time.Hour), To: now, Mode: audit.BackfillMissing, Topic: "bad topic"})
		w.runFor(t, 3*time.Hour)
		if p := filled(t, w, "b1"); p.State != audit.BackfillDone || w.delivered["old"] != 1 ||
			!strings.Contains(p.Error, "older than the 7 days") || !strings.Contains(p.Error, "1 blobs between") {
			t.Errorf("progress %+v, old delivered %d times", p, w.delivered["old"])
		}
		for _, id := range []string{"b2", "b3"} {
			if p := filled(t, w, id); p.State != audit.BackfillFailed || p.Error == "" {
				t.Errorf("progress %+v", p)
			}
		}
	})
}

func TestBackfillIsCancelledAndSurvivesRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, now := readWorld(t)
		var busy, most atomic.Int32
		w.onFetch = func(b audit.Blob) error {
			most.Store(max(most.Load(), busy.Add(1)))
			time.Sleep(2 * time.Second)
			busy.Add(-1)
			return nil
		}
		w.askFill(audit.Backfill{ID: "b1", From: now.Add(-10 * time.Hour), To: now.Add(-time.Hour), Mode: audit.BackfillMissing})
		w.askFill(audit.Backfill{ID: "b2", From: now.Add(-10 * time.Hour), To: now.Add(-time.Hour), Mode: audit.BackfillMissing})
		w.runFor(t, 100*time.Second)
		p := filled(t, w, "b1")
		if p.State != audit.BackfillRunning || !p.Next.After(now.Add(-10*time.Hour)) || !p.Next.Before(now.Add(-time.Hour)) {
			t.Errorf("progress %+v", p)
		}
		if most.Load() > 2 {
			t.Errorf("%d of 4 workers work for a back-fill", most.Load())
		}
		w.mu.Lock()
		w.lists = nil
		w.mu.Unlock()
		_, end := w.begin(t)
		time.Sleep(100 * time.Second)
		w.mu.Lock()
		for _, l := range w.lists {
			if l.Start.Add(edge).Before(p.Next) {
				t.Errorf("%v was listed again although all before %s is done", l, p.Next)
			}
		}
		w.mu.Unlock()
		w.mu.Lock()
		w.wish.Backfills[1].Cancelled = true // while it waits for its turn
		w.mu.Unlock()
		time.Sleep(80 * time.Second)
		if p := filled(t, w, "b2"); p.State != audit.BackfillCancelled || filled(t, w, "b1").State != audit.BackfillRunning {
			t.Errorf("progress %+v", p)
		}
		w.mu.Lock()
		w.wish.Backfills[0].Cancelled = true
		w.mu.Unlock()
		time.Sleep(20 * time.Second)
		before := w.deliveries(0, 660)
		time.Sleep(time.Hour)
		end()
		for _, id := range []string{"b1", "b2"} {
			if p := filled(t, w, id); p.State != audit.BackfillCancelled {
				t.Errorf("progress %+v", p)
			}
		}
		if n := w.deliveries(0, 660); n != before || len(w.wish.Backfills) != 0 || n < 150 || n > 400 {
			t.Errorf("%d delivered before the cancel, %d after it, wish %+v", before, n, w.wish)
		}
		if r := w.repeated(); len(r) != 0 {
			t.Errorf("repeated: %v", r)
		}
	})
}

func TestRepublishedBlobIsPublishedOnceAlthoughListedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, now := readWorld(t)
		broken := map[time.Time]bool{}
		w.onListed = func(win audit.Window) error {
			w.mu.Lock()
			again := broken[win.Start]
			broken[win.Start] = true
			w.mu.Unlock()
			if again || win.Duration() != fillStep+edge {
				return nil
			}
			time.Sleep(time.Minute)
			return fault(audit.CausePage, audit.OfStream)
		}
		w.askFill(audit.Backfill{ID: "b1", From: now.Add(-5 * time.Hour), To: now.Add(-2 * time.Hour), Mode: audit.BackfillRepublish})
		w.runFor(t, time.Hour)
		if n, p := w.deliveries(361, 539), filled(t, w, "b1"); n != 178 || p.Requests < 178+6 {
			t.Errorf("%d deliveries of 178 blobs, progress %+v", n, p)
		}
	})
}
