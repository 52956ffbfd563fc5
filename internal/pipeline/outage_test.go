package pipeline

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

// command stops or starts the subscription as a command does that finds no owner.
func (w *world) command(state audit.DesiredState) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now().UTC()
	w.enabled = state == audit.Running
	switch state {
	case audit.Stopped:
		w.wish.Stopped(now)
	default:
		var off time.Time
		if w.c.Desired.State == audit.Stopped {
			off = w.c.Desired.Since
		}
		w.wish.Started(now, off)
	}
	w.wish.State, w.wish.Since = state, now
	return now.Truncate(time.Second)
}

func (w *world) stopGaps() (gaps []audit.Gap) {
	for _, g := range w.stored().Gaps {
		if g.Cause == audit.CauseStopped {
			gaps = append(gaps, audit.Gap{From: g.From, To: g.To})
		}
	}
	slices.SortFunc(gaps, func(a, b audit.Gap) int { return a.From.Compare(b.From) })
	return gaps
}

func wantGaps(t *testing.T, w *world, want ...audit.Gap) {
	t.Helper()
	equal := func(a, b audit.Gap) bool { return a.From.Equal(b.From) && a.To.Equal(b.To) }
	if got := w.stopGaps(); !slices.EqualFunc(got, want, equal) {
		t.Errorf("gaps %v, want %v", got, want)
	}
}

// TestOutagesWithoutAnOwnerAreGaps has commands stop and start the subscription while nobody owns the stream; the
// owners that come are killed at every call to the store.
func TestOutagesWithoutAnOwnerAreGaps(t *testing.T) {
	for kill := 1; ; kill++ {
		reached := false
		synctest.Test(t, func(t *testing.T) { reached = ownerlessStops(t, kill) })
		if !reached {
			if kill < 3 {
				t.Errorf("telling outages makes only %d calls", kill)
			}
			return
		}
	}
}

func ownerlessStops(t *testing.T, kill int) (reached bool) {
	w := newWorld()
	w.switchable = true
	w.runFor(t, 10*time.Minute)
	var want []audit.Gap
	for range 3 {
		time.Sleep(20 * time.Minute)
		stopped := w.command(audit.Stopped)
		time.Sleep(20*time.Minute + 345*time.Millisecond)
		want = append(want, audit.Gap{From: stopped, To: w.command(audit.Running)})
	}
	readable := time.Now().Add(-21 * time.Minute) // in the last outage
	w.add("between", readable.Add(-10*time.Minute), "between")
	calls := 0
	w.onStore = func(call string) error {
		if call == "acquire" || call == "wish" {
			return nil
		}
		if calls++; calls == kill {
			reached = true
			return audit.ErrFenced
		}
		return nil
	}
	w.runFor(t, 10*time.Minute)
	w.onStore = nil
	for range 2 {
		wantGaps(t, w, want...)
		if w.delivered["between"] == 0 || len(w.starts)+len(w.stops) != 0 || len(w.wish.Outages) != 0 {
			t.Errorf("call %d: delivered %d, started %v, wish %+v", kill, w.delivered["between"], w.starts, w.wish)
		}
		w.runFor(t, 10*time.Minute)
	}
	return reached
}

func TestOutageThatLastsIsTheOwnersGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.switchable = true
		w.runFor(t, 10*time.Minute)
		mark := w.stored().Progress.Watermark
		time.Sleep(time.Hour)
		w.command(audit.Stopped)
		w.runFor(t, time.Minute)
		wantGaps(t, w, audit.Gap{From: mark})
		if len(w.wish.Outages) != 0 {
			t.Errorf("wish %+v", w.wish)
		}
		time.Sleep(time.Hour)
		started := w.command(audit.Running) // nobody is there: the gap ends at this moment all the same
		time.Sleep(time.Minute)
		w.add("after", time.Now(), "after")
		time.Sleep(time.Hour)
		stopped := w.command(audit.Stopped)
		time.Sleep(time.Hour)
		again := w.command(audit.Running)
		time.Sleep(time.Hour)
		w.runFor(t, 10*time.Minute)
		wantGaps(t, w, audit.Gap{From: mark, To: started}, audit.Gap{From: stopped, To: again})
		w.check(t)
		if len(w.starts) != 0 || len(w.wish.Outages) != 0 {
			t.Errorf("started %v, wish %+v", w.starts, w.wish)
		}
	})
}

// A stop and a start between two looks at the wish are told, too, and a stop after a start without an owner goes on with
// the gap that is open.
func TestOutagesBesideAnOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.switchable = true
		_, end := w.begin(t)
		time.Sleep(20*time.Minute + time.Second/2)
		var want []audit.Gap
		for i := range 2 {
			stopped := w.command(audit.Stopped)
			want = append(want, audit.Gap{From: stopped, To: stopped.Add(time.Second)})
			w.command(audit.Running)
			w.add(fmt.Sprint(i), time.Now().Add(time.Minute), fmt.Sprint(i))
			time.Sleep(20 * time.Minute)
		}
		end()
		wantGaps(t, w, want...)
		w.check(t)
		w.ask(audit.Stopped)
		w.runFor(t, time.Minute)
		stopped := w.stored().Desired.Since
		time.Sleep(time.Hour)
		w.command(audit.Running)
		time.Sleep(time.Hour)
		w.command(audit.Stopped)
		time.Sleep(time.Hour)
		w.runFor(t, time.Minute)
		wantGaps(t, w, append(want, audit.Gap{From: stopped})...)
		if w.stored().Desired.State != audit.Stopped || len(w.wish.Outages) != 0 {
			t.Errorf("obeyed %+v, wish %+v", w.stored().Desired, w.wish)
		}
	})
}
