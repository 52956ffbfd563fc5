package pipeline

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"o365-kafka-connector/internal/audit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func fault(cause audit.Cause, scope audit.Scope) *audit.Fault {
	return &audit.Fault{Cause: cause, Scope: scope, Err: errors.New(string(cause))}
}

func TestBacklogAndLiveContentAreDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		now := time.Now()
		for i := range 1000 {
			id := fmt.Sprint("blob-", i)
			w.add(id, now.Add(-160*time.Hour+time.Duration(i)*11*time.Minute), id+"/1", id+"/2", "filtered")
		}
		w.runFor(t, 24*time.Hour, func(s *Settings) { s.FirstFetch = 167 * time.Hour })
		w.check(t)
		if got, want := w.c.Progress.Watermark, time.Now().Add(-time.Minute); got.Before(want) {
			t.Errorf("watermark is %s, want at least %s", got, want)
		}
		for _, l := range w.lists {
			if l.Duration() > audit.MaxWindow {
				t.Fatalf("window of %s listed", l.Duration())
			}
		}
	})
}

func TestLateBlobIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		now := time.Now()
		w.add("same-ms-1", now.Add(10*time.Minute), "a")
		w.add("same-ms-2", now.Add(10*time.Minute), "b").visible = now.Add(11 * time.Minute)
		w.add("late", now.Add(20*time.Minute), "c").visible = now.Add(9 * time.Hour)
		w.add("very late", now.Add(30*time.Minute), "d").visible = now.Add(40 * time.Hour)
		w.runFor(t, 60*time.Hour)
		w.check(t)
	})
}

func TestBlobAtWindowStartIsTakenWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		start := firstStart(time.Now(), time.Hour)
		for i := range 3600 {
			id := fmt.Sprint("blob-", i)
			w.add(id, start.Add(time.Duration(i)*time.Second), id+"/1", id+"/2").partial = true
		}
		w.runFor(t, 3*time.Hour)
		w.check(t)
	})
}

func TestFailingBlobBecomesPendingAndIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		now := time.Now()
		w.add("bad", now.Add(-10*time.Minute), "a")
		w.add("good", now.Add(-5*time.Minute), "b")
		w.onFetch = func(b audit.Blob) error {
			if b.ID == "bad" && time.Since(now) < 50*time.Minute {
				return fault(audit.CauseServer, audit.OfBlob)
			}
			return nil
		}
		w.runFor(t, 10*time.Minute)
		if w.delivered["b"] != 1 || len(w.c.Pending) != 1 {
			t.Fatalf("delivered %v, pending %v", w.delivered, w.c.Pending)
		}
		if w.c.Progress.Watermark.Before(now) {
			t.Errorf("the pending blob holds the watermark at %s", w.c.Progress.Watermark)
		}
		w.runFor(t, 2*time.Hour)
		w.check(t)
		if len(w.c.Pending) != 0 {
			t.Errorf("still pending: %v", w.c.Pending)
		}
	})
}

func TestHopelessBlobBecomesDeadLetter(t *testing.T) {
	causes := []audit.Cause{audit.CauseNotFound, audit.CauseMalformed, audit.CauseServer}
	for _, cause := range causes[:seeds(3)] { // a week each
		t.Run(string(cause), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				created := time.Now().Add(-10 * time.Minute)
				w.add("bad", created, "a")
				w.onFetch = func(audit.Blob) error {
					f := fault(cause, audit.OfBlob)
					f.SHA256 = "5a"
					return f
				}
				w.runFor(t, 8*24*time.Hour)
				if len(w.letters) != 1 || len(w.c.Pending) != 0 || len(w.c.Gaps) != 1 {
					t.Fatalf("letters %v, pending %v, gaps %v", w.letters, w.c.Pending, w.c.Gaps)
				}
				after := w.letters[0].LastFailed.Sub(created)
				soonest := map[audit.Cause]time.Duration{
					audit.CauseNotFound: time.Hour, audit.CauseMalformed: 6 * time.Hour, audit.CauseServer: audit.Lifetime,
				}[cause]
				if after < soonest || after > soonest+time.Hour {
					t.Errorf("given up after %s, want about %s", after, soonest)
				}
			})
		})
	}
}

func TestStreamFaultHoldsAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		now := time.Now()
		for i := range 50 {
			w.add(fmt.Sprint(i), now.Add(time.Duration(i)*time.Minute), fmt.Sprint(i))
		}
		var calls atomic.Int32
		w.onFetch = func(audit.Blob) error {
			if time.Since(now) < 40*time.Minute {
				calls.Add(1)
				f := fault(audit.CauseThrottled, audit.OfTenant)
				f.RetryAfter = 5 * time.Minute
				return f
			}
			return nil
		}
		w.runFor(t, 2*time.Hour)
		w.check(t)
		if n := calls.Load(); n > 9*4 {
			t.Errorf("%d calls in 40 minutes although each was told to wait 5", n)
		}
	})
}

func TestStoreAndSinkAwayLoseNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		now := time.Now()
		for i := range 600 {
			w.add(fmt.Sprint(i), now.Add(time.Duration(i)*time.Second), fmt.Sprint(i))
		}
		away := func() error {
			if s := time.Since(now) % time.Minute; s < 20*time.Second {
				return errors.New("connection refused")
			}
			return nil
		}
		w.onStore = func(string) error { return away() }
		w.runFor(t, 2*time.Hour)
		w.check(t)
	})
}

// TestCrashesLoseNothing ends the process, as far as the run can tell, at random calls to the store: before and after
// they took effect. What was published and not applied is repeated; nothing is lost.
func TestCrashesLoseNothing(t *testing.T) {
	for seed := range seeds(20) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			rnd := rand.New(rand.NewPCG(seed, 0))
			var mu sync.Mutex
			oneIn20 := func() bool {
				mu.Lock()
				defer mu.Unlock()
				return rnd.IntN(20) == 0
			}
			now := time.Now()
			for i := range 400 {
				b := w.add(fmt.Sprint(i), now.Add(time.Duration(rnd.IntN(3600))*time.Second), fmt.Sprint(i, "a"), fmt.Sprint(i, "b"))
				if rnd.IntN(10) == 0 {
					b.visible = b.Created.Add(time.Duration(rnd.IntN(7200)) * time.Second)
				}
			}
			w.onStore = func(call string) error {
				if call != "acquire" && oneIn20() {
					return audit.ErrFenced
				}
				return nil
			}
			w.onSend = func() error {
				if oneIn20() {
					return errors.New("broken pipe")
				}
				return nil
			}
			w.onFetch = func(audit.Blob) error {
				switch {
				case oneIn20():
					return fault(audit.CauseServer, audit.OfBlob)
				case oneIn20():
					return fault(audit.CauseTransport, audit.OfStream)
				}
				return nil
			}
			w.runFor(t, 6*time.Hour)
			w.onStore, w.onSend, w.onFetch = nil, nil, nil
			w.runFor(t, 2*time.Hour)
			if lost := w.lost(); len(lost) > 0 {
				t.Errorf("seed %d: %d records lost, as %q", seed, len(lost), lost[0])
			}
		})
	}
}

func TestLostCheckpointGoesOnFromMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		now := time.Now()
		for i := range 180 {
			w.add(fmt.Sprint(i), now.Add(time.Duration(i)*time.Minute), fmt.Sprint(i))
		}
		flushed := false
		w.onStore = func(string) error {
			if !flushed && time.Since(now) > 90*time.Minute {
				flushed, w.exists, w.c, w.ledger = true, false, audit.Checkpoint{}, map[audit.Hash]bool{}
			}
			return nil
		}
		w.runFor(t, 4*time.Hour, func(s *Settings) { s.FirstFetch = time.Minute })
		if lost := w.lost(); len(lost) > 0 {
			t.Errorf("%d records lost, as %q", len(lost), lost[0])
		}
		if w.opened < 2 {
			t.Error("the loss was not noticed")
		}
	})
}

func TestTooOldContentIsAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.runFor(t, time.Minute)
		mark := w.c.Progress.Watermark
		time.Sleep(10 * 24 * time.Hour)
		r := w.runFor(t, time.Hour)
		if len(w.c.Gaps) != 1 {
			t.Fatalf("gaps: %v", w.c.Gaps)
		}
		if g := w.c.Gaps[0]; !g.From.Equal(mark) || g.Cause != audit.CauseAge {
			t.Errorf("gap %v, want from %s", g, mark)
		}
		if got := r.Board.Snapshot()[0].Gaps; len(got) != 1 {
			t.Errorf("status shows gaps %v", got)
		}
	})
}

// A process may die between the commit that notes a gap and the message that tells of it.
func TestNewGapsAreToldAgainByWhoeverTakesTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.runFor(t, time.Minute)
		time.Sleep(10 * 24 * time.Hour)
		gaps := func() (told []audit.StatusMessage) {
			w.messages = nil
			w.runFor(t, time.Hour)
			for _, m := range w.messages {
				if m.Kind == "gap" {
					told = append(told, m)
				}
			}
			return told
		}
		first, again := gaps(), gaps()
		if d := cmp.Diff(first, again); len(first) != 1 || d != "" {
			t.Errorf("told %v first, and again: %s", first, d)
		}
		time.Sleep(24 * time.Hour)
		if old := gaps(); len(old) != 0 {
			t.Errorf("told a day later: %v", old)
		}
	})
}

func TestSlowListingIsHalved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		now := time.Now()
		for i := range 100 {
			w.add(fmt.Sprint(i), now.Add(-time.Duration(i)*time.Minute), fmt.Sprint(i))
		}
		w.onList = func(win audit.Window) error {
			if win.Duration() > 20*time.Minute {
				return fault(audit.CauseTooSlow, audit.OfStream)
			}
			return nil
		}
		w.runFor(t, 3*time.Hour, func(s *Settings) { s.FirstFetch = 2 * time.Hour })
		w.check(t)
	})
}

func TestSubscriptionIsStartedOnceIn15Minutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.enabled = false
		for range 29 {
			w.runFor(t, time.Minute)
		}
		if n := len(w.starts); n != 2 {
			t.Errorf("started %d times in 29 minutes, want 2", n)
		}
		w.enabled = true
		w.add("a", time.Now(), "a")
		w.runFor(t, 10*time.Minute)
		w.check(t)
	})
}

func TestDrainFinishesWhatIsInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("slow", time.Now().Add(-time.Minute), "a")
		w.onFetch = func(audit.Blob) error {
			time.Sleep(3 * time.Second)
			return nil
		}
		w.runFor(t, time.Second)
		if w.delivered["a"] != 1 || !w.ledger[audit.HashOf("slow")] {
			t.Errorf("delivered %v, ledger %v", w.delivered, w.ledger)
		}
	})
}
