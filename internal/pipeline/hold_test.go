package pipeline

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

// After each pause one caller finds out whether the outage is over; only then do all go on.
func TestOneCallerTriesAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHold()
		over := time.Now().Add(time.Minute)
		var during, after atomic.Int32
		h.raise(fault(audit.CauseServer, audit.OfStream))
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					if err := h.wait(t.Context()); err != nil {
						t.Error(err)
						return
					}
					if time.Now().After(over) {
						after.Add(1)
						h.clear()
						return
					}
					during.Add(1)
					time.Sleep(10 * time.Millisecond)
					h.raise(fault(audit.CauseServer, audit.OfStream))
				}
			})
		}
		wg.Wait()
		if n := during.Load(); n < 5 || n > 15 {
			t.Errorf("%d tries in a minute of outage, want about ten", n)
		}
		if n := after.Load(); n != 8 {
			t.Errorf("%d of 8 callers went on", n)
		}
	})
}

// A caller that never says how its try went does not keep the others waiting for long.
func TestSilentTryIsNotWaitedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHold()
		h.raise(fault(audit.CauseServer, audit.OfStream))
		began := time.Now()
		for range 2 {
			if err := h.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took < probing || took > probing+2*time.Second {
			t.Errorf("the second caller went on after %s", took)
		}
	})
}
