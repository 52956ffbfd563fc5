package telemetry

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestCheckThatHangsIsBoundedAndAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var health Health
		var asked atomic.Int32
		release := make(chan struct{})
		health.AddCheck("kafka", func(context.Context) error {
			asked.Add(1)
			<-release // heeds no deadline
			return nil
		})
		began := time.Now()
		for range 3 {
			if err := health.ready(t.Context())[0].Err; err == nil || !strings.Contains(err.Error(), "no answer") {
				t.Errorf("answer = %v", err)
			}
		}
		if took := time.Since(began); took != 3*checkTimeout {
			t.Errorf("took %s", took)
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("asked %d times at once", n)
		}
		close(release)
		health.wait()
		if err := health.ready(t.Context())[0].Err; err != nil {
			t.Errorf("after the answer: %v", err)
		}
	})
}

func TestAnswerIsKeptForTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var health Health
		asked := 0
		health.AddCheck("kafka", func(context.Context) error { asked++; return nil })
		health.ready(t.Context())
		time.Sleep(checkTimeout - time.Millisecond)
		health.ready(t.Context())
		if asked != 1 {
			t.Errorf("asked %d times within %s", asked, checkTimeout)
		}
		time.Sleep(time.Millisecond)
		health.ready(t.Context())
		if asked != 2 {
			t.Errorf("asked %d times, want a new answer after %s", asked, checkTimeout)
		}
		health.wait()
	})
}

func TestRepeatedFailureIsLoggedOncePerChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		var r Repeat
		r.Recover(log)
		for range 10 * 60 { // ten minutes, one failure a second
			r.Fail(log, "redis", errors.New("refused"))
			time.Sleep(time.Second)
		}
		r.Fail(log, "kafka", errors.New("refused"))
		r.Recover(log)
		r.Recover(log)
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 4 {
			t.Fatalf("%d lines, want first, after 5 min, change, recovery:\n%s", len(lines), out.String())
		}
		if !strings.Contains(lines[1], "times=301") {
			t.Errorf("second line has no count: %s", lines[1])
		}
	})
}
