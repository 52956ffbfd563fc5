package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

// TestBrokenListingLeavesOtherPlannersAlone has the live window wait for blobs that a sweep has claimed when the
// sweep's listing breaks off.
func TestBrokenListingLeavesOtherPlannersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.runFor(t, 10*time.Minute)
		mark := w.c.Progress.Watermark
		time.Sleep(time.Hour)
		for i := range 20 {
			id := string(rune('a' + i))
			w.add(id, mark.Add(-time.Duration(i+1)*time.Second), id)
		}
		w.onSubscribed = func() { time.Sleep(time.Second) } // the sweep comes first
		w.onFetch = func(audit.Blob) error {
			time.Sleep(10 * time.Second)
			return nil
		}
		broken := false
		w.onListed = func(win audit.Window) error {
			if win.End.After(mark) || broken {
				return nil
			}
			broken = true
			time.Sleep(3 * time.Second)
			return fault(audit.CausePage, audit.OfStream)
		}
		before := w.opened
		w.runFor(t, 10*time.Minute)
		w.check(t)
		if n := w.opened - before; !broken || n != 1 {
			t.Errorf("the stream was taken %d times, want once", n)
		}
	})
}

func TestPlannersDoNotStartTheSubscriptionTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.onSubscribed = func() { time.Sleep(100 * time.Millisecond) }
		began := time.Now()
		off := func() bool { return time.Since(began) > 10*time.Minute }
		w.onList = func(audit.Window) error {
			if !off() {
				return nil
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.enabled = false
			return fault(audit.CauseSubscription, audit.OfStream)
		}
		w.runFor(t, 3*time.Hour)
		if len(w.starts) < 8 {
			t.Errorf("%d starts in 3 hours", len(w.starts))
		}
		for i := 1; i < len(w.starts); i++ {
			if d := w.starts[i].Sub(w.starts[i-1]); d < startAgain {
				t.Fatalf("start %d came %s after the one before", i, d)
			}
		}
	})
}

func TestUndatedBlobIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("undated", time.Now().Add(-time.Minute), "a").undated = true
		w.runFor(t, time.Hour)
		w.check(t)
	})
}

func TestNewStreamStartsByTheServiceClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.skew = 5 * time.Hour
		w.add("before", time.Now().Add(-50*time.Minute), "a")
		w.add("after", time.Now().Add(time.Hour), "b")
		w.runFor(t, 8*time.Hour)
		w.check(t)
	})
}

func TestNewStreamOfSevenDaysHasNoGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.onSubscribed = func() { time.Sleep(3 * time.Second) }
		w.runFor(t, time.Hour, func(s *Settings) { s.FirstFetch = 168 * time.Hour })
		if len(w.c.Gaps) != 0 {
			t.Errorf("gaps: %v", w.c.Gaps)
		}
	})
}

func TestHalvedWindowsStaySmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var slow atomic.Int32
		w.onList = func(win audit.Window) error {
			if win.Duration() > 20*time.Minute {
				slow.Add(1)
				return fault(audit.CauseTooSlow, audit.OfStream)
			}
			return nil
		}
		w.runFor(t, 30*time.Minute, func(s *Settings) { s.FirstFetch, s.SweepInterval = 23*time.Hour, 24*time.Hour }) // no sweep
		if n := slow.Load(); n > 7 {
			t.Errorf("%d listings were too slow, want one for each halving", n)
		}
	})
}

func TestPendingBlobOutlivesALostCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		now := time.Now()
		w.add("bad", now.Add(-50*time.Minute), "a")
		w.onFetch = func(audit.Blob) error {
			if time.Since(now) < 3*time.Hour {
				return fault(audit.CauseServer, audit.OfBlob)
			}
			return nil
		}
		flushed := false
		w.onStore = func(string) error {
			if !flushed && time.Since(now) > 2*time.Hour {
				flushed, w.exists, w.c, w.ledger = true, false, audit.Checkpoint{}, map[audit.Hash]bool{}
			}
			return nil
		}
		w.runFor(t, 6*time.Hour)
		w.check(t)
	})
}

func TestFencedRunIsToldFromOthers(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			w.add("a", time.Now().Add(-time.Minute), "a")
			w.onStore = func(call string) error {
				if call == "unseen" {
					return audit.ErrFenced
				}
				return nil
			}
			var fenced atomic.Int32
			r, s := w.runner(), w.settings()
			r.Meter = noMeter{fenced: &fenced}
			_, err := r.Run(t.Context(), s, audit.Checkpoint{})
			if !errors.Is(err, audit.ErrFenced) {
				t.Fatalf("the run ended with %v", err)
			}
		})
	}
}

func TestAnswerAboutABlobEndsTheTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		now := time.Now()
		w.add("gone", now.Add(-time.Minute), "a")
		w.onFetch = func(audit.Blob) error {
			if time.Since(now) < 5*time.Minute {
				return fault(audit.CauseTransport, audit.OfStream)
			}
			return fault(audit.CauseNotFound, audit.OfBlob)
		}
		r := w.runner()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() { r.Supervise(ctx, w.settings()) })
		time.Sleep(20 * time.Minute)
		if s := r.Board.Snapshot()[0]; s.State == audit.StateFailing || s.PendingBlobs != 1 {
			t.Errorf("state %s with %d pending blobs", s.State, s.PendingBlobs)
		}
		cancel()
		wg.Wait()
	})
}

// TestSlowBlobHoldsUpNobody has a blob that takes two hours while others of its stream come in. The watermark waits.
func TestSlowBlobHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		began := time.Now()
		slow := w.add("slow", began.Add(10*time.Minute), "slow").Created
		for i := range 60 {
			id := fmt.Sprint(i)
			w.add(id, began.Add(time.Duration(11+i)*time.Minute), id)
		}
		w.onFetch = func(b audit.Blob) error {
			if b.ID == "slow" {
				time.Sleep(2 * time.Hour)
			}
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() { w.runner().Supervise(ctx, w.settings()) })
		time.Sleep(75 * time.Minute)
		w.mu.Lock()
		if n := len(w.delivered); n != 60 || w.c.Progress.Watermark.After(slow) {
			t.Errorf("%d blobs passed the slow one, watermark %s", n, w.c.Progress.Watermark)
		}
		w.mu.Unlock()
		wg.Wait()
		w.check(t)
		if lag := time.Since(w.c.Progress.Watermark); lag > time.Minute {
			t.Errorf("watermark is %s behind", lag)
		}
	})
}

// TestWatermarkPassesSlowBlobs has some blob under way at any time.
func TestWatermarkPassesSlowBlobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for i := range 180 {
			id := fmt.Sprint(i)
			w.add(id, time.Now().Add(time.Duration(i)*20*time.Second), id)
		}
		w.onFetch = func(audit.Blob) error {
			time.Sleep(45 * time.Second)
			return nil
		}
		w.runFor(t, 59*time.Minute)
		if lag := time.Since(w.c.Progress.Watermark); lag > 4*time.Minute {
			t.Errorf("watermark is %s behind", lag)
		}
	})
}
