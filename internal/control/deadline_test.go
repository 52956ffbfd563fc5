package control

import (
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/unit"
)

func TestADeadlineHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const day = 24 * time.Hour
		now := time.Now()
		for _, tc := range []struct {
			maxAge, expires  time.Duration // after it was sent; 0: not said
			deadline, answer time.Duration
		}{
			{day, 0, day, 2 * day},
			{day, time.Hour, time.Hour, 2 * day},
			{day, 7 * day, 7 * day, 8 * day},
			{day, 250 * 365 * day, 30 * day, 31 * day},
			{60 * day, 250 * 365 * day, 60 * day, 120 * day},
		} {
			c := Command{Origin: Origin{Time: now}}
			if tc.expires > 0 {
				c.Expires = now.Add(tc.expires)
			}
			if got := c.Deadline(tc.maxAge).Sub(now); got != tc.deadline {
				t.Errorf("%+v: the deadline is %v", tc, got)
			}
			n := &generation{Group: &Group{config: Config{MaxAge: unit.Duration(tc.maxAge)}}}
			if got := n.answerAge(c); got != tc.answer {
				t.Errorf("%+v: the answer is kept for %v", tc, got)
			}
		}
		n := &generation{Group: &Group{config: Config{MaxAge: unit.Duration(day)}}}
		far := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
		for _, sent := range []time.Time{now, far} {
			if got := n.answerAge(Command{Expires: far, Origin: Origin{Time: sent}}); got != 31*day {
				t.Errorf("sent at %v: the answer is kept for %v", sent, got)
			}
		}
	})
}
