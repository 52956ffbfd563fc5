package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

// begin runs the stream in the background of a test's bubble.
func (w *world) begin(t *testing.T, change ...func(*Settings)) (r *Runner, end func()) {
	t.Helper()
	r, s := w.runner(), w.settings()
	for _, c := range change {
		c(&s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Supervise(ctx, s)
	}()
	return r, func() {
		cancel()
		<-done
	}
}

// stored is the checkpoint as it stands.
func (w *world) stored() audit.Checkpoint {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.c
	c.Gaps, c.Backfills, c.Pending = slices.Clone(c.Gaps), slices.Clone(c.Backfills), slices.Clone(c.Pending)
	return c
}

// asked counts listings and fetches.
func (w *world) asked() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.fetches {
		n += f
	}
	return n + len(w.lists)
}

func stateOf(r *Runner) audit.State { return r.Board.Snapshot()[0].State }

func TestPauseAsksNothingAndResumeGoesOnAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		now := time.Now()
		for i := range 600 {
			w.add(fmt.Sprint(i), now.Add(-time.Hour+time.Duration(i)*30*time.Second), fmt.Sprint(i))
		}
		var fast atomic.Bool
		w.onFetch = func(audit.Blob) error {
			if !fast.Load() {
				time.Sleep(7 * time.Second)
			}
			return nil
		}
		r, end := w.begin(t)
		time.Sleep(time.Minute)
		w.ask(audit.Paused)
		time.Sleep(20 * time.Second)
		before := w.asked()
		if state, c := stateOf(r), w.stored(); state != audit.StatePaused || c.Desired.State != audit.Paused {
			t.Fatalf("state %s, stored %+v", state, c.Desired)
		}
		time.Sleep(2 * time.Hour)
		end()
		r, end = w.begin(t) // survives a restart, and the loss of the wish
		w.mu.Lock()
		w.wish = audit.Wish{}
		w.mu.Unlock()
		time.Sleep(time.Hour)
		if n := w.asked(); n != before || stateOf(r) != audit.StatePaused {
			t.Errorf("%d requests while paused, state %s", n-before, stateOf(r))
		}
		w.ask(audit.Running)
		fast.Store(true)
		time.Sleep(10 * time.Second)
		if n := w.asked(); n == before {
			t.Error("nothing was asked 10 s after the resume")
		}
		time.Sleep(5 * time.Hour)
		end()
		w.check(t)
		if c := w.stored(); c.Desired.State != audit.Running || len(c.Gaps) != 0 {
			t.Errorf("stored %+v, gaps %v", c.Desired, c.Gaps)
		}
	})
}

func TestUnreadableWishKeepsTheLastOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.ask(audit.Paused)
		r, end := w.begin(t)
		time.Sleep(time.Minute)
		w.mu.Lock()
		w.onStore = func(call string) error {
			if call == "wish" {
				return errors.New("connection refused")
			}
			return nil
		}
		w.mu.Unlock()
		w.ask(audit.Running)
		time.Sleep(time.Hour)
		if s := stateOf(r); s != audit.StatePaused {
			t.Errorf("state %s", s)
		}
		end()
		r, end = w.begin(t) // nobody can say: what was obeyed last counts
		time.Sleep(time.Hour)
		if s := stateOf(r); s != audit.StatePaused {
			t.Errorf("state %s after a restart", s)
		}
		end()
	})
}

// TestStopLosesNothing stops a stream amidst a backlog of 500 blobs, some of which fail, and starts it again.
func TestStopLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.switchable = true
		began := time.Now()
		for i := range 500 {
			w.add(fmt.Sprint(i), began.Add(-50*time.Hour+time.Duration(i)*6*time.Minute), fmt.Sprint(i))
		}
		w.add("late", began.Add(-20*time.Hour), "late").visible = began.Add(100 * time.Second) // for the sweep of the stop
		w.onFetch = func(b audit.Blob) error {
			time.Sleep(time.Second)
			switch {
			case b.ID == "7":
				return fault(audit.CauseServer, audit.OfBlob)
			case b.ID == "8" && time.Since(began) < 90*time.Second: // pending for a while
				return fault(audit.CauseServer, audit.OfBlob)
			}
			return nil
		}
		_, end := w.begin(t, func(s *Settings) { s.FirstFetch = 60 * time.Hour })
		time.Sleep(10 * time.Second)
		w.ask(audit.Stopped)
		for w.stored().Desired.State != audit.Stopped {
			time.Sleep(time.Second)
			if time.Since(began) > time.Hour {
				t.Fatal("not stopped after an hour")
			}
		}
		if lost := w.lost(); len(lost) != 1 || lost[0] != "7" || len(w.letters) != 1 || w.letters[0].Cause != audit.CauseServer {
			t.Errorf("lost %v, dead letters %v", lost, w.letters)
		}
		c := w.stored()
		stopped := c.Desired.Since
		if len(w.stops) != 1 || len(c.Pending) != 0 || w.stops[0].Sub(stopped) > quickPass {
			t.Errorf("stopped %v, gap from %s, pending %v", w.stops, stopped, c.Pending)
		}
		checkOpenGap(t, c, stopped)
		before := w.asked()
		time.Sleep(26 * time.Hour)
		end()
		r, end := w.begin(t)
		time.Sleep(time.Hour)
		if n := w.asked(); n != before || stateOf(r) != audit.StateStopped || len(w.starts) != 0 {
			t.Errorf("%d requests while stopped, state %s, started %v", n-before, stateOf(r), w.starts)
		}
		w.ask(audit.Running)
		asked := time.Now()
		w.add("after", asked.Add(time.Minute), "after")
		time.Sleep(time.Hour)
		end()
		checkClosedGap(t, w.stored(), stopped, asked)
		if shown, stored := r.Board.Snapshot()[0].Gaps, w.stored().Gaps; len(shown) != len(stored) {
			t.Errorf("gaps %v are shown, %v stored", shown, stored)
		}
		if w.delivered["after"] != 1 || len(w.starts) != 1 {
			t.Errorf("delivered %d, started %v", w.delivered["after"], w.starts)
		}
		if kinds := w.told(); !slices.Contains(kinds, "stopped") || !slices.Contains(kinds, "started") {
			t.Errorf("messages: %v", kinds)
		}
	})
}

func checkOpenGap(t *testing.T, c audit.Checkpoint, from time.Time) {
	t.Helper()
	var open []audit.Gap
	for _, g := range c.Gaps {
		if g.Cause == audit.CauseStopped {
			open = append(open, g)
		}
	}
	if len(open) != 1 || !open[0].From.Equal(from) || !open[0].To.IsZero() {
		t.Errorf("gaps of stops: %v, want an open one from %s", open, from)
	}
}

func checkClosedGap(t *testing.T, c audit.Checkpoint, from, to time.Time) {
	t.Helper()
	var gaps []audit.Gap
	for _, g := range c.Gaps {
		if g.Cause == audit.CauseStopped {
			gaps = append(gaps, g)
		}
	}
	if len(gaps) != 1 || !gaps[0].From.Equal(from) || gaps[0].To.Sub(to).Abs() > time.Minute {
		t.Errorf("gaps of stops: %v, want one from %s to %s", gaps, from, to)
	}
	if c.Desired.State != audit.Running || c.Progress.Watermark.Before(to) {
		t.Errorf("desired %+v, watermark %s", c.Desired, c.Progress.Watermark)
	}
}

// TestKilledStopIsCompleted ends the run, as a crash does, at every call that a stop makes to the store and to
// Microsoft, before it took effect and after.
func TestKilledStopIsCompleted(t *testing.T) {
	for kill := 1; ; kill++ {
		reached := false
		synctest.Test(t, func(t *testing.T) { reached = killStop(t, kill) })
		if !reached {
			if kill < 5 {
				t.Errorf("a stop makes only %d calls", kill)
			}
			return
		}
	}
}

func killStop(t *testing.T, kill int) (reached bool) {
	w := newWorld()
	w.switchable = true
	began := time.Now()
	w.runFor(t, 10*time.Minute)
	for i := range 20 {
		w.add(fmt.Sprint(i), began.Add(5*time.Minute+time.Duration(i)*time.Minute/2), fmt.Sprint(i))
	}
	time.Sleep(time.Hour)
	w.ask(audit.Stopped)
	calls := 0
	next := func() error {
		if calls++; calls == kill {
			reached = true
			return audit.ErrFenced
		}
		return nil
	}
	w.onStore = func(call string) error {
		if call == "acquire" || call == "wish" {
			return nil
		}
		return next()
	}
	killed := false
	w.onUnsubscribe = func() error {
		if w.lost() != nil {
			t.Errorf("call %d: unsubscribed before everything was read", kill)
		}
		if before := next(); before != nil && !killed {
			killed = true
			return &audit.Fault{Cause: audit.CauseTransport, Scope: audit.OfStream, Err: before}
		}
		return nil
	}
	w.runFor(t, 10*time.Minute)
	if lost := w.lost(); len(lost) > 0 {
		t.Errorf("call %d: lost %v", kill, lost)
	}
	c := w.stored()
	if c.Desired.State != audit.Stopped || w.enabled {
		t.Errorf("call %d: obeyed %+v, enabled %t", kill, c.Desired, w.enabled)
	}
	checkOpenGap(t, c, c.Desired.Since)
	if back := began.Add(70 * time.Minute).Sub(c.Desired.Since); back > time.Minute {
		t.Errorf("call %d: the gap begins %s before the stop", kill, back)
	}
	w.ask(audit.Running)
	stopped := reached
	calls, kill = 0, kill%4+1
	w.runFor(t, 40*time.Minute)
	if c := w.stored(); c.Desired.State != audit.Running || !w.enabled {
		t.Errorf("call %d of the start: obeyed %+v, enabled %t", kill, c.Desired, w.enabled)
	}
	return stopped
}

func TestStopOfWhatIsOffIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.switchable = true
		w.add("bad", time.Now().Add(-time.Minute), "bad")
		w.onFetch = func(audit.Blob) error {
			if w.isOff() {
				return fault(audit.CauseSubscription, audit.OfStream)
			}
			return fault(audit.CauseServer, audit.OfBlob)
		}
		_, end := w.begin(t, func(s *Settings) { s.PollInterval = time.Hour })
		time.Sleep(20 * time.Minute)
		mark := w.stored().Progress.Watermark
		w.mu.Lock()
		w.enabled = false
		w.mu.Unlock()
		w.ask(audit.Stopped)
		time.Sleep(time.Minute)
		end()
		c := w.stored()
		if c.Desired.State != audit.Stopped || len(c.Pending) != 0 || len(w.letters) != 1 || len(w.starts) != 0 {
			t.Errorf("obeyed %+v, pending %v, letters %v, started %v", c.Desired, c.Pending, w.letters, w.starts)
		}
		checkOpenGap(t, c, mark)
		w.ask(audit.Running) // an operator starts it, although nobody else may
		w.runFor(t, time.Hour, func(s *Settings) { s.AutoSubscribe = false })
		if c := w.stored(); len(w.starts) != 1 || c.Desired.State != audit.Running {
			t.Errorf("started %v, obeyed %+v", w.starts, c.Desired)
		}
	})
}

func TestStopThatIsTakenBackGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.switchable = true
		now := time.Now()
		for i := range 100 {
			w.add(fmt.Sprint(i), now.Add(time.Duration(i-50)*time.Minute), fmt.Sprint(i))
		}
		w.onFetch = func(audit.Blob) error {
			time.Sleep(3 * time.Second)
			return nil
		}
		_, end := w.begin(t)
		time.Sleep(5 * time.Second)
		w.ask(audit.Stopped)
		time.Sleep(10 * time.Second)
		w.ask(audit.Running)
		time.Sleep(2 * time.Hour)
		end()
		w.check(t)
		if len(w.stops) != 0 || len(w.stored().Gaps) != 0 {
			t.Errorf("stopped %v, gaps %v", w.stops, w.stored().Gaps)
		}
	})
}

func TestStatusLineAndMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.switchable = true
		_, end := w.begin(t)
		time.Sleep(time.Minute)
		w.mu.Lock()
		n := len(w.lines)
		last := w.lines[n-1]
		w.enabled = false
		w.mu.Unlock()
		if n < 28 || n > 32 || last.Owner != "test" || last.State != audit.StateWaiting {
			t.Errorf("%d lines in a minute, the last one %+v", n, last)
		}
		time.Sleep(20 * time.Minute)
		w.mu.Lock()
		w.exists = false
		w.mu.Unlock()
		time.Sleep(10 * time.Minute)
		end()
		if w.lines != nil {
			t.Errorf("%d lines are still there", len(w.lines))
		}
		want := []string{"owned", "subscription_disabled", "started", "owned", "checkpoint_rebuilt", "released"}
		if got := w.told(); !slices.Equal(got, want) {
			t.Errorf("messages %v, want %v", got, want)
		}
	})
}
