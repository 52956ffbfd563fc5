package pipeline

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

// waitFor waits until the world is as a test wants it, at most a day.
func (w *world) waitFor(t *testing.T, is func() bool) {
	t.Helper()
	for range 24 * 60 * 60 {
		w.mu.Lock()
		ready := is()
		w.mu.Unlock()
		if ready {
			return
		}
		time.Sleep(time.Second)
	}
	t.Fatal("it does not come to pass within a day")
}

// TestStopSweepsAlsoAfterARefusedWindow has the service refuse listings of the first pass of a stop. A blob that showed
// up late, behind the overlap, cannot be read after the stop.
func TestStopSweepsAlsoAfterARefusedWindow(t *testing.T) {
	for _, refuse := range []int32{1, 2, 30} { // the first listing, that of the sweep, and every one for a while
		t.Run(fmt.Sprint(refuse), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.switchable = true
				_, end := w.begin(t, func(s *Settings) { s.PollInterval = time.Hour })
				time.Sleep(3*time.Hour + 10*time.Minute)
				w.add("late", time.Now().Add(-time.Hour), "late")
				var asked atomic.Int32
				w.mu.Lock()
				w.onList = func(audit.Window) error {
					if n := asked.Add(1); n == refuse || refuse > 2 && n < refuse {
						return fault(audit.CauseWindow, audit.OfStream)
					}
					return nil
				}
				w.mu.Unlock()
				w.ask(audit.Stopped)
				w.waitFor(t, func() bool { return w.c.Desired.State == audit.Stopped })
				end()
				if len(w.stops) != 1 || w.delivered["late"] != 1 {
					t.Errorf("%d stops, the late blob was delivered %d times", len(w.stops), w.delivered["late"])
				}
			})
		})
	}
}

// TestLastTryIsMoreThanOne stops a stream of which a blob is pending that the service sends cut now and then. What becomes
// available while it is tried is read, too.
func TestLastTryIsMoreThanOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.switchable = true
		var stopping atomic.Bool
		var failed atomic.Int32 // after the wish to stop
		w.add("cut", time.Now().Add(-10*time.Minute), "cut")
		w.onFetch = func(b audit.Blob) error {
			if b.ID != "cut" || stopping.Load() && failed.Add(1) == tries {
				return nil
			}
			return fault(audit.CauseCut, audit.OfBlob)
		}
		_, end := w.begin(t)
		time.Sleep(5 * time.Minute)
		if n := len(w.stored().Pending); n != 1 {
			t.Fatalf("%d blobs are pending", n)
		}
		stopping.Store(true)
		w.add("meanwhile", time.Now().Add(5*time.Second), "meanwhile")
		w.ask(audit.Stopped)
		time.Sleep(5 * time.Minute)
		end()
		if w.delivered["cut"] != 1 || w.delivered["meanwhile"] != 1 || len(w.letters) != 0 || len(w.stops) != 1 {
			t.Errorf("delivered %d times, and %d times, dead letters %v, %d stops", w.delivered["cut"], w.delivered["meanwhile"], w.letters, len(w.stops))
		}
	})
}

// TestLastTryWaitsForTheLastPass has a backlog to be read before the stop: what is pending may heal as long as that takes.
func TestLastTryWaitsForTheLastPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.switchable = true
		began := time.Now()
		for i := range 500 {
			w.add(fmt.Sprint(i), began.Add(-50*time.Minute+time.Duration(i)*6*time.Second), fmt.Sprint(i))
		}
		for i := range 300 { // while the backlog is read
			w.add(fmt.Sprint("new", i), began.Add(time.Duration(i)*time.Second), fmt.Sprint("new", i))
		}
		var healed atomic.Bool
		w.onFetch = func(b audit.Blob) error {
			time.Sleep(time.Second)
			if b.ID == "7" && !healed.Load() {
				return fault(audit.CauseServer, audit.OfBlob)
			}
			return nil
		}
		_, end := w.begin(t)
		time.Sleep(20 * time.Second)
		w.ask(audit.Stopped)
		w.waitFor(t, func() bool { return w.delivered["499"] > 0 }) // the first pass
		time.Sleep(25 * time.Second)                                // longer than the tries of a blob take, shorter than the next passes
		healed.Store(true)
		w.waitFor(t, func() bool { return w.c.Desired.State == audit.Stopped })
		end()
		if w.delivered["7"] != 1 || len(w.letters) != 0 {
			t.Errorf("delivered %d times, dead letters %v", w.delivered["7"], w.letters)
		}
	})
}

// TestStopOfASubscriptionThatIsOff does not wait for the next look at a subscription that was off and may not be started.
func TestStopOfASubscriptionThatIsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.switchable = true
		w.enabled = false
		_, end := w.begin(t, func(s *Settings) { s.AutoSubscribe = false })
		time.Sleep(5*time.Minute + time.Second)
		asked := time.Now()
		w.ask(audit.Stopped)
		w.waitFor(t, func() bool { return w.c.Desired.State == audit.Stopped })
		if took := time.Since(asked); took > 10*time.Second {
			t.Errorf("stopped after %s", took)
		}
		end()
	})
}
