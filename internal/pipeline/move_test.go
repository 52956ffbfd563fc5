package pipeline

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

// pausedWorld has read 100 blobs of the last hours, and rests.
func pausedWorld(t *testing.T) (w *world, now time.Time) {
	t.Helper()
	w = newWorld()
	began := time.Now()
	for i := range 100 {
		w.add(fmt.Sprint(i), began.Add(-100*time.Minute+time.Duration(i)*time.Minute), fmt.Sprint(i))
	}
	w.runFor(t, time.Minute, func(s *Settings) { s.FirstFetch = 2 * time.Hour })
	w.check(t)
	w.ask(audit.Paused)
	return w, time.Now().UTC().Truncate(time.Second)
}

func (w *world) askMove(m audit.WatermarkWish) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wish.Watermark = &m
}

func TestWatermarkIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, now := pausedWorld(t)
		w.add("overlooked", now.Add(-5*time.Hour), "overlooked")
		to := now.Add(-6 * time.Hour)
		w.askMove(audit.WatermarkWish{To: to, Command: "c1"})
		_, end := w.begin(t)
		time.Sleep(time.Minute)
		c := w.stored()
		if !c.Progress.Watermark.Equal(to) || c.Moved != "c1" || !c.FirstStart.Equal(to) {
			t.Errorf("stored %+v", c)
		}
		w.ask(audit.Running)
		time.Sleep(time.Hour)
		end()
		w.check(t)
		w.ask(audit.Paused)
		mark := w.stored().Progress.Watermark
		w.runFor(t, time.Hour) // the same wish is not done twice
		if c := w.stored(); c.Progress.Watermark.Before(mark) || len(c.Gaps) != 0 {
			t.Errorf("watermark went from %s to %s, gaps %v", mark, c.Progress.Watermark, c.Gaps)
		}
	})
}

func TestRunningStreamKeepsItsWatermark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, now := pausedWorld(t)
		w.askMove(audit.WatermarkWish{To: now.Add(-6 * time.Hour), Command: "c1"})
		w.ask(audit.Running)
		w.runFor(t, time.Hour)
		if c := w.stored(); c.Moved != "" || c.Progress.Watermark.Before(now) {
			t.Errorf("stored %+v", c)
		}
	})
}

func TestWatermarkIsSetForward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := pausedWorld(t)
		mark := w.stored().Progress.Watermark
		time.Sleep(5 * time.Hour)
		w.add("skipped", time.Now().Add(-2*time.Hour), "skipped")
		w.add("at the edge", time.Now().Add(-61*time.Minute), "edge")
		w.add("wanted", time.Now().Add(-59*time.Minute), "wanted")
		to := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
		w.askMove(audit.WatermarkWish{To: to, Command: "c1"})
		w.runFor(t, time.Minute)
		w.ask(audit.Running)
		w.runFor(t, 10*time.Hour)
		w.runFor(t, 30*time.Hour)
		if w.delivered["skipped"]+w.delivered["edge"] != 0 || w.delivered["wanted"] != 1 {
			t.Errorf("delivered: skipped %d, edge %d, wanted %d", w.delivered["skipped"], w.delivered["edge"], w.delivered["wanted"])
		}
		c := w.stored()
		if len(c.Gaps) != 1 || c.Gaps[0].Cause != audit.CauseSkipped || !c.Gaps[0].From.Equal(mark) || !c.Gaps[0].To.Equal(to) {
			t.Errorf("gaps %v, want one from %s to %s", c.Gaps, mark, to)
		}
	})
}

func TestResetPublishesAgainOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, now := pausedWorld(t)
		w.mu.Lock()
		w.c.Pending = []audit.Pending{{Blob: audit.Blob{ID: "bad", Created: now.Add(-30 * time.Hour)}, Cause: audit.CauseServer}}
		w.mu.Unlock()
		w.add("bad", now.Add(-30*time.Hour), "bad")
		w.askMove(audit.WatermarkWish{Reset: true, To: now.Add(-50 * time.Minute), Command: "c1"})
		w.runFor(t, time.Minute)
		w.ask(audit.Running)
		w.runFor(t, time.Hour)
		if w.delivered["bad"] != 1 {
			t.Errorf("the pending blob was delivered %d times", w.delivered["bad"])
		}
		twice := 0
		for i := range 100 {
			switch n := w.delivered[fmt.Sprint(i)]; n {
			case 1:
			case 2:
				twice++
			default:
				t.Errorf("%d was delivered %d times", i, n)
			}
		}
		if twice < 45 || twice > 55 {
			t.Errorf("%d blobs were published again", twice)
		}
		if c := w.stored(); c.Moved != "c1" || len(c.Gaps) != 0 {
			t.Errorf("stored %+v", c)
		}
	})
}

// TestKilledResetKeepsWhatIsPending ends the process at every call that a reset makes to the store, before it took
// effect and after.
func TestKilledResetKeepsWhatIsPending(t *testing.T) {
	for kill := 1; ; kill++ {
		calls := 0
		synctest.Test(t, func(t *testing.T) {
			w, now := pausedWorld(t)
			w.runFor(t, time.Minute) // obeys the pause
			w.mu.Lock()
			w.c.Pending = []audit.Pending{{Blob: audit.Blob{ID: "bad", Created: now.Add(-30 * time.Hour)}, Cause: audit.CauseServer}}
			w.c.Gaps = []audit.Gap{{From: now.Add(-50 * time.Hour), To: now.Add(-49 * time.Hour), Cause: audit.CauseAge, Noted: now}}
			w.mu.Unlock()
			w.add("bad", now.Add(-30*time.Hour), "bad")
			w.askMove(audit.WatermarkWish{Reset: true, To: now.Add(-50 * time.Minute), Command: "c1"})
			w.onStore = func(call string) error {
				if call == "acquire" || call == "wish" {
					return nil
				}
				if calls++; calls >= kill { // as long as this process lives, nothing is stored any more
					return errors.New("connection refused")
				}
				return nil
			}
			w.runFor(t, time.Minute)
			w.onStore = nil
			w.runFor(t, time.Minute)
			if c := w.stored(); c.Moved != "c1" || len(c.Pending) != 1 || len(c.Gaps) != 1 {
				t.Errorf("call %d: moved by %q, pending %v, gaps %v", kill, c.Moved, c.Pending, c.Gaps)
			}
			w.ask(audit.Running)
			w.runFor(t, time.Hour)
			if w.delivered["bad"] != 1 {
				t.Errorf("call %d: the pending blob was delivered %d times", kill, w.delivered["bad"])
			}
		})
		if calls < kill {
			if kill < 3 {
				t.Errorf("a reset makes only %d calls", calls)
			}
			return
		}
	}
}

// TestObeyedMoveIsTakenOutOfTheWish has the checkpoint forget who moved the watermark, as one that is built anew does.
func TestObeyedMoveIsTakenOutOfTheWish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, now := pausedWorld(t)
		w.askMove(audit.WatermarkWish{Reset: true, To: now.Add(-time.Minute), Command: "c1"})
		w.runFor(t, time.Minute)
		w.mu.Lock()
		left, moved := w.wish.Watermark, w.c.Moved
		w.c.Moved = ""
		w.mu.Unlock()
		if left != nil || moved != "c1" {
			t.Errorf("moved by %q, the wish is still %+v", moved, left)
		}
		w.ask(audit.Running)
		w.runFor(t, time.Hour)
		w.ask(audit.Paused)
		w.runFor(t, time.Minute)
		if c := w.stored(); c.Moved != "" {
			t.Errorf("moved again by %q", c.Moved)
		}
	})
}

// TestAWatermarkWishExpires has nobody run the stream until long after a reset was asked for.
func TestAWatermarkWishExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, now := pausedWorld(t)
		w.askMove(audit.WatermarkWish{Reset: true, To: now.Add(-90 * time.Minute), Command: "c1", Until: now.Add(24 * time.Hour)})
		time.Sleep(24*time.Hour + time.Second)
		w.runFor(t, time.Minute)
		if c := w.stored(); c.Moved != "" || w.wish.Watermark != nil {
			t.Errorf("moved by %q, wish %+v", c.Moved, w.wish.Watermark)
		}
		w.askMove(audit.WatermarkWish{To: now, Command: "c2", Until: time.Now().Add(time.Minute)})
		w.runFor(t, 30*time.Second)
		if c := w.stored(); c.Moved != "c2" {
			t.Errorf("moved by %q", c.Moved)
		}
	})
}
