package pipeline

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

func TestTroubleIsLoggedOncePerChangeOfState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		r := NewBoard(slog.New(slog.NewTextHandler(&out, nil)), "test").Report(testStream)
		lines := func() int {
			defer out.Reset()
			return strings.Count(out.String(), "\n")
		}
		blip := &audit.Fault{Cause: audit.CauseThrottled, Scope: audit.OfStream, Err: errors.New("429")}
		r.Fault(PartList, blip)
		r.OK(PartList)
		if n := lines(); n != 0 {
			t.Errorf("a blip gave %d lines", n)
		}
		for range 700 {
			r.Fault(PartList, blip)
			time.Sleep(time.Second)
		}
		if n := lines(); n != 3 {
			t.Errorf("trouble of 700 s gave %d lines, want one and two reminders", n)
		}
		wrong := &audit.Fault{Cause: audit.CauseCredentials, Scope: audit.OfTenant, Err: errors.New("wrong secret")}
		r.Fault(PartList, wrong)
		r.Fault(PartList, wrong)
		if n := lines(); n != 1 {
			t.Errorf("another cause gave %d lines, want 1", n)
		}
		r.OK(PartList)
		r.OK(PartList)
		if text := out.String(); !strings.Contains(text, "recovered") || lines() != 1 {
			t.Errorf("recovery gave %q", text)
		}
	})
}

func TestTroubleThatChangesIsLoggedAndNotAtEachChange(t *testing.T) {
	for _, faults := range [][2]audit.Fault{
		{{Cause: audit.CauseTimeout}, {Cause: audit.CauseServer}},
		{{Cause: audit.CauseCredentials}, {Cause: audit.CauseUnauthorized}},
		{{Cause: audit.CauseSink, Hint: "start Kafka"}, {Cause: audit.CauseSink, Hint: "grant the right"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			r := NewBoard(slog.New(slog.NewTextHandler(&out, nil)), "test").Report(testStream)
			for i := range 280 {
				f := faults[i%2]
				f.Scope, f.Err = audit.OfStream, errors.New("no")
				r.Fault(PartList, &f)
				time.Sleep(time.Second)
			}
			if n := strings.Count(out.String(), "\n"); n != 2 {
				t.Errorf("%v taking turns gave %d lines, want one for each:\n%s", faults, n, out.String())
			}
		})
	}
}

func TestGapsOnTheBoardAreBounded(t *testing.T) {
	r := NewBoard(slog.New(slog.DiscardHandler), "test").Report(testStream)
	for i := range 2 * maxGaps {
		r.gap([]audit.Gap{{To: time.Unix(1, 0), Count: i}})
	}
	gaps := r.status(time.Now()).Gaps
	if len(gaps) != maxGaps || gaps[len(gaps)-1].Count != 2*maxGaps-1 {
		t.Errorf("%d gaps, the last %+v", len(gaps), gaps[len(gaps)-1])
	}
}
