package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

// rationed is a service that takes so many requests a minute, in the order in which they come.
type rationed struct {
	*world

	every time.Duration
	mu    sync.Mutex
	next  time.Time
	asked int
}

func (r *rationed) ration() {
	r.mu.Lock()
	now := time.Now()
	r.next = latest(r.next, now).Add(r.every)
	wait := r.next.Sub(now)
	r.asked++
	r.mu.Unlock()
	time.Sleep(wait)
}

func (r *rationed) List(ctx context.Context, s audit.Stream, w audit.Window) iter.Seq2[audit.Blob, error] {
	r.ration()
	return r.world.List(ctx, s, w)
}

func (r *rationed) Fetch(ctx context.Context, s audit.Stream, b audit.Blob) (Content, error) {
	r.ration()
	return r.world.Fetch(ctx, s, b)
}

// perMinute rations the requests.
func (w *world) perMinute(n int) (*rationed, func(*Settings)) {
	r := &rationed{world: w, every: time.Minute / time.Duration(n)}
	return r, func(s *Settings) { s.Source, s.CatchUpAfter = r, time.Hour }
}

// fill adds a blob every so often.
func (w *world) fillTime(name string, from, to time.Time, every time.Duration) {
	for i, at := 0, from; at.Before(to); i, at = i+1, at.Add(every) {
		id := fmt.Sprint(name, "-", i)
		w.add(id, at, id)
	}
}

// slowest is the longest way of a record of the blobs from contentCreated to published, since a moment.
func (w *world) slowest(t *testing.T, from, to time.Time) (longest time.Duration) {
	t.Helper()
	for _, b := range w.blobs {
		if b.Created.Before(from) || !b.Created.Before(to) {
			continue
		}
		at, ok := w.when[b.ID]
		if !ok {
			t.Fatalf("%s of %s was not delivered", b.ID, b.Created)
		}
		longest = max(longest, at.Sub(b.Created))
	}
	return longest
}

func checkRead(t *testing.T, w *world) {
	t.Helper()
	w.check(t)
	c := w.stored()
	if len(c.Gaps) > 0 || c.Progress.Behind() || time.Since(c.Progress.Watermark) > 2*time.Minute {
		t.Errorf("gaps %v, progress %+v at %s", c.Gaps, c.Progress, time.Now())
	}
}

func TestLiveComesBeforeABacklogOfThreeDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.runFor(t, 10*time.Minute)
		mark := w.stored().Progress.Watermark
		w.fillTime("backlog", time.Now(), time.Now().Add(72*time.Hour), 12*time.Second)
		time.Sleep(72 * time.Hour)
		began := time.Now()
		w.fillTime("live", began, began.Add(4*time.Hour), 3*time.Second)
		_, rationing := w.perMinute(300)
		r, end := w.begin(t, rationing)
		time.Sleep(20 * time.Minute)
		s := r.Board.Snapshot()[0]
		c := w.stored()
		if s.Backlog == nil || s.State != audit.StateCatchingUp || !s.Watermark.Equal(c.Progress.Watermark) ||
			s.Backlog.To.Sub(began).Abs() > 6*time.Minute || s.Backlog.EstimatedEnd == nil {
			t.Fatalf("status %+v, backlog %+v, stored %+v", s, s.Backlog, c.Progress)
		}
		left, estimate := time.Since(mark).Hours()-s.Backlog.Hours, s.Backlog.EstimatedEnd.Sub(began)
		if left < 12 || left > 24 || estimate < 70*time.Minute || estimate > 4*time.Hour || s.HoursToLoss < 90 {
			t.Errorf("%v hours are read, %s in all, %v h to loss", left, estimate, s.HoursToLoss)
		}
		time.Sleep(4 * time.Hour)
		end()
		checkRead(t, w)
		if d := w.slowest(t, began, began.Add(4*time.Hour)); d > 2*time.Minute {
			t.Errorf("what happened meanwhile was delivered up to %s late", d)
		}
		if r.Board.Snapshot()[0].Backlog != nil {
			t.Error("a backlog is still shown")
		}
	})
}

// TestBacklogAboutToExpireGoesFirst has so much happen that nothing would be left for the backlog.
func TestBacklogAboutToExpireGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		began := time.Now()
		w.fillTime("backlog", began.Add(-audit.MaxAge+30*time.Minute), began, time.Minute)
		w.fillTime("live", began, began.Add(2*time.Hour), 950*time.Millisecond)
		w.fillTime("later", began.Add(2*time.Hour), began.Add(20*time.Hour), time.Minute)
		_, rationing := w.perMinute(60)
		_, end := w.begin(t, rationing, func(s *Settings) { s.FirstFetch = audit.MaxAge })
		time.Sleep(20 * time.Hour)
		end()
		checkRead(t, w)
		if d := w.slowest(t, began.Add(3*time.Hour), began.Add(19*time.Hour)); d > 2*time.Minute {
			t.Errorf("what happened later was delivered up to %s late", d)
		}
		if w.when["backlog-0"].Sub(began) > 5*time.Minute || w.when["live-0"].Before(w.when["backlog-100"]) {
			t.Errorf("the oldest was delivered after %s, the first of what happened after %s",
				w.when["backlog-0"].Sub(began), w.when["live-0"].Sub(began))
		}
	})
}

// TestOutagesDuringABacklog ends the process again and again while it works off a backlog, for a moment, an hour or a
// day, and at calls to the store.
func TestOutagesDuringABacklog(t *testing.T) {
	for seed := range seeds(4) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			rnd := rand.New(rand.NewPCG(seed, 1))
			w.runFor(t, 10*time.Minute)
			began := time.Now()
			w.fillTime("backlog", began, began.Add(100*time.Hour), 4*time.Minute)
			time.Sleep(50 * time.Hour)
			_, rationing := w.perMinute(60)
			away := false // for progress: losing it may cost listings, never more
			w.onStore = func(call string) error {
				if call == "advance" || call == "advanced" {
					away = away || rnd.IntN(30) == 0
				}
				if away && call != "apply" && call != "applied" {
					return errors.New("connection refused")
				}
				return nil
			}
			for range 6 {
				away = false
				w.runFor(t, time.Duration(rnd.IntN(120))*time.Minute, rationing)
				time.Sleep([]time.Duration{0, time.Hour, 7 * time.Hour}[rnd.IntN(3)])
			}
			w.onStore = nil
			w.runFor(t, time.Until(began.Add(110*time.Hour)), rationing)
			checkRead(t, w)
		})
	}
}

func TestPauseAndStopDuringABacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.switchable = true
		began := time.Now()
		w.fillTime("backlog", began.Add(-40*time.Hour), began.Add(10*time.Hour), time.Minute)
		_, rationing := w.perMinute(60)
		_, end := w.begin(t, rationing, func(s *Settings) { s.FirstFetch = 48 * time.Hour })
		time.Sleep(5 * time.Minute)
		w.ask(audit.Paused)
		time.Sleep(10 * time.Second)
		before, c := w.asked(), w.stored()
		if !c.Progress.Behind() || len(w.delivered) < 200 {
			t.Fatalf("progress %+v, %d delivered", c.Progress, len(w.delivered))
		}
		time.Sleep(3 * time.Hour)
		if n := w.asked(); n != before {
			t.Errorf("%d requests while paused", n-before)
		}
		w.ask(audit.Running)
		time.Sleep(3 * time.Minute)
		w.ask(audit.Stopped)
		for w.stored().Desired.State != audit.Stopped {
			time.Sleep(time.Second)
		}
		end()
		stopped := w.stored().Desired.Since
		for _, b := range w.blobs {
			if n := w.delivered[b.ID]; n > 1 || n == 0 && b.Created.Before(stopped) {
				t.Fatalf("%s of %s was delivered %d times; stopped %s", b.ID, b.Created, n, stopped)
			}
		}
		checkOpenGap(t, w.stored(), stopped)
		if d := w.stops[0].Sub(stopped); d > 5*time.Second {
			t.Errorf("the gap begins %s before the stop", d)
		}
	})
}

// What was read ahead of a watermark that is too old is not told as lost.
func TestGapLeavesOutWhatWasReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		began := time.Now()
		w.fillTime("backlog", began.Add(-40*time.Hour), began, time.Minute)
		_, rationing := w.perMinute(60)
		w.runFor(t, 10*time.Minute, rationing, func(s *Settings) { s.FirstFetch = 48 * time.Hour })
		p := w.stored().Progress
		time.Sleep(8 * 24 * time.Hour)
		w.runFor(t, 10*time.Minute, rationing)
		gaps := w.stored().Gaps
		if !p.Behind() || len(gaps) != 2 || !gaps[0].From.Equal(p.Watermark) || !gaps[0].To.Equal(p.Head.Start) ||
			!gaps[1].From.Equal(p.Head.End) {
			t.Errorf("gaps %v after %+v", gaps, p)
		}
	})
}

func TestWatermarkIsSetDuringABacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		began := time.Now()
		w.fillTime("backlog", began.Add(-40*time.Hour), began, 10*time.Minute)
		_, rationing := w.perMinute(20)
		r, end := w.begin(t, rationing, func(s *Settings) { s.FirstFetch = 48 * time.Hour })
		time.Sleep(5 * time.Minute)
		w.ask(audit.Paused)
		time.Sleep(10 * time.Second)
		p := w.stored().Progress
		to := time.Now().UTC().Truncate(time.Second)
		w.askMove(audit.WatermarkWish{To: to, Command: "c1"})
		time.Sleep(10 * time.Second)
		c := w.stored()
		if !p.Behind() || c.Progress.Behind() || !c.Progress.Watermark.Equal(to) || r.Board.Snapshot()[0].Backlog != nil {
			t.Errorf("from %+v to %+v", p, c.Progress)
		}
		if len(c.Gaps) != 2 || !c.Gaps[0].To.Equal(p.Head.Start) || !c.Gaps[1].From.Equal(p.Head.End) {
			t.Errorf("gaps %v after %+v", c.Gaps, p)
		}
		end()
	})
}

// Late blobs of what was read ahead are found while the backlog is worked off.
func TestSweepsLookAtWhatWasReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		began := time.Now()
		w.fillTime("backlog", began.Add(-40*time.Hour), began, 10*time.Second)
		w.add("late", began.Add(10*time.Minute), "late").visible = began.Add(30 * time.Minute)
		_, rationing := w.perMinute(60)
		w.runFor(t, 2*time.Hour, rationing, func(s *Settings) { s.FirstFetch = 48 * time.Hour })
		if !w.stored().Progress.Behind() || w.delivered["late"] != 1 {
			t.Errorf("progress %+v, delivered %d times", w.stored().Progress, w.delivered["late"])
		}
	})
}

func TestWithoutCatchUpTheOldestComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		began := time.Now()
		w.fillTime("backlog", began.Add(-40*time.Hour), began, time.Minute)
		_, rationing := w.perMinute(60)
		w.runFor(t, 10*time.Minute, rationing, func(s *Settings) { s.FirstFetch = 48 * time.Hour })
		if !w.stored().Progress.Behind() {
			t.Fatal("no backlog")
		}
		w.runFor(t, time.Minute, rationing, func(s *Settings) { s.CatchUpAfter = 0 })
		if p := w.stored().Progress; p.Behind() {
			t.Errorf("progress %+v", p)
		}
		w.runFor(t, time.Hour, rationing, func(s *Settings) { s.CatchUpAfter = 0 })
		checkRead(t, w)
	})
}

// background is a service that counts what is asked of it.
type background struct {
	*rationed

	lists, fetches atomic.Int32
}

func (b *background) List(ctx context.Context, s audit.Stream, w audit.Window) iter.Seq2[audit.Blob, error] {
	b.lists.Add(1)
	return b.rationed.List(ctx, s, w)
}

func (b *background) Fetch(ctx context.Context, s audit.Stream, blob audit.Blob) (Content, error) {
	b.fetches.Add(1)
	return b.rationed.Fetch(ctx, s, blob)
}

// What may wait is asked for in the background: the backlog, unless it is about to expire, and back-fills.
func TestBacklogAndBackfillsAskInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		began := time.Now()
		w.fillTime("backlog", began.Add(-40*time.Hour), began.Add(-6*time.Minute), time.Hour)
		w.fillTime("live", began.Add(-4*time.Minute), began.Add(time.Hour), time.Minute)
		ration, rationing := w.perMinute(300)
		back := &background{rationed: ration}
		w.runFor(t, 2*time.Hour, rationing, func(s *Settings) { s.FirstFetch, s.Background = 41*time.Hour, back })
		checkRead(t, w)
		if n := back.fetches.Load(); n != 40 || back.lists.Load() == 0 {
			t.Errorf("%d fetches in the background, want 40; %d listings", n, back.lists.Load())
		}
		w.askFill(audit.Backfill{ID: "b", From: began.Add(-10 * time.Hour), To: began.Add(-time.Hour), Mode: audit.BackfillRepublish})
		w.runFor(t, time.Hour, rationing, func(s *Settings) { s.Background = back })
		if n := back.fetches.Load(); n != 49 {
			t.Errorf("%d fetches in the background with a back-fill, want 49", n)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.fillTime("backlog", time.Now().Add(-audit.MaxAge+30*time.Minute), time.Now().Add(-166*time.Hour), time.Minute)
		ration, rationing := w.perMinute(60)
		back := &background{rationed: ration}
		w.runFor(t, time.Minute, rationing, func(s *Settings) { s.FirstFetch, s.Background = audit.MaxAge, back })
		if n := back.fetches.Load(); n != 0 || len(w.delivered) == 0 {
			t.Errorf("%d fetches in the background although the backlog is about to expire, %d delivered", n, len(w.delivered))
		}
	})
}
