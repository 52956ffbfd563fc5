package command_test

import (
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/emulator"
)

// obey reports the state that is wished for, as an owner does, until the test ends.
func (r *rig) obey(s audit.Stream) {
	r.report(s, audit.StateReading)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
			state := audit.StateReading
			if r.wish(s).State == audit.Paused {
				state = audit.StatePaused
			}
			r.report(s, state)
		}
	}()
	r.t.Cleanup(func() { close(stop); <-done })
}

func TestPauseAndResume(t *testing.T) {
	r := newRig(t, emulator.Config{})
	s := stream(audit.General)
	r.obey(s)
	r.do("!pause content_type=audit.general issued_by=someone").want(t, control.OutcomeDone, "Stream contoso/Audit.General is paused",
		`{"pause":{"content_type":"Audit.General","outcome":"done","state":"paused","tenant":"`+contoso+`"}}`)
	if w := r.wish(s); w.State != audit.Paused || w.By != "someone" || w.Since.IsZero() {
		t.Errorf("wish %+v", w)
	}
	r.do("!resume content_type=audit.general").want(t, control.OutcomeDone, "Stream contoso/Audit.General is resumed",
		`{"resume":{"content_type":"Audit.General","outcome":"done","state":"running","tenant":"`+contoso+`"}}`)
	if n := len(r.api.Stats().Requests); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestPauseOfAStreamThatNobodyRuns(t *testing.T) {
	r := newRig(t, emulator.Config{})
	got := r.do("!pause content_type=audit.general")
	if got.outcome != control.OutcomeAccepted || got.text != "Stream contoso/Audit.General will be paused when an instance takes it: nobody runs it now" {
		t.Errorf("%+v", got)
	}
}

func TestACommandThatIsDoneAgainChangesNothing(t *testing.T) {
	r := newRig(t, emulator.Config{})
	s := stream(audit.General)
	c, err := control.New("pause", "", map[string]any{"content_type": "Audit.General"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c.ID = "once"
	r.run(t.Context(), c)
	first := r.wish(s)
	r.run(t.Context(), c)
	if again := r.wish(s); !again.Since.Equal(first.Since) {
		t.Errorf("wish %+v, before %+v", again, first)
	}
}

func TestAStoppedStreamIsNotPaused(t *testing.T) {
	r := newRig(t, emulator.Config{})
	if a := r.do("!stop-subscription content_type=DLP.All"); a.err != nil {
		t.Fatal(a.err)
	}
	for _, line := range []string{"!pause content_type=DLP.All", "!resume content_type=DLP.All"} {
		r.do(line).refused(t, control.OutcomeRefused, "is stopped", "start-subscription DLP.All")
	}
	if w := r.wish(stream(audit.DLP)); w.State != audit.Stopped {
		t.Errorf("wish %+v", w)
	}
}

// take begins a stream as an owner does.
func (r *rig) take(s audit.Stream, c audit.Checkpoint) checkpoint.Handle {
	r.t.Helper()
	h, err := r.store.Acquire(r.t.Context(), s)
	if err != nil {
		r.t.Fatal(err)
	}
	c.Position = -1
	if err := h.Reset(r.t.Context(), c); err != nil {
		r.t.Fatal(err)
	}
	return h
}

// A stop between a look at the stream and the change of its wish is not undone.
func TestResumeDoesNotUndoAStop(t *testing.T) {
	for _, line := range []string{"!resume content_type=audit.general", "!pause content_type=audit.general"} {
		r := newRig(t, emulator.Config{})
		s := stream(audit.General)
		r.asked = func() {
			r.asked = nil
			if err := r.store.ChangeWish(t.Context(), s, func(w *audit.Wish) { w.State = audit.Stopped }); err != nil {
				t.Error(err)
			}
		}
		r.do(line).refused(t, control.OutcomeRefused, "start-subscription")
		if w := r.wish(s); w.State != audit.Stopped {
			t.Errorf("%s: wish %+v", line, w)
		}
		r.do(line).refused(t, control.OutcomeRefused, "start-subscription")
	}
}

// TestACommandThatIsDoneAgainOverridesNoLaterOne does each command once more after another one to the contrary, as the next
// owner does whose predecessor died before it answered.
func TestACommandThatIsDoneAgainOverridesNoLaterOne(t *testing.T) {
	for _, c := range []struct {
		name  control.Name
		later string
		want  audit.DesiredState
	}{
		{control.StopSubscription, "!start-subscription content_type=Audit.General", audit.Running},
		{control.StartSubscription, "!stop-subscription content_type=Audit.General", audit.Stopped},
		{control.Pause, "!resume content_type=Audit.General", audit.Running},
		{control.Resume, "!pause content_type=Audit.General", audit.Paused},
	} {
		t.Run(string(c.name), func(t *testing.T) {
			r := newRig(t, emulator.Config{})
			s := stream(audit.General)
			again, err := control.New(string(c.name), "", map[string]any{"content_type": "Audit.General"}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			again.ID = "once"
			if got := r.run(t.Context(), again); got.err != nil {
				t.Fatal(got.err)
			}
			if w := r.wish(s); w.Command != "once" {
				t.Fatalf("wish %+v", w)
			}
			if err := r.store.ChangeWish(t.Context(), s, func(w *audit.Wish) { w.Ask(audit.Paused, "another") }); err != nil {
				t.Fatal(err)
			}
			if got := r.do(c.later); got.err != nil {
				t.Fatal(got.err)
			}
			before, requests := r.wish(s), r.api.Stats()
			r.run(t.Context(), again).refused(t, control.OutcomeRefused, "was called off")
			if w := r.wish(s); w.State != c.want || w.Command != before.Command || !w.Since.Equal(before.Since) {
				t.Errorf("wish %+v, before %+v", w, before)
			}
			for _, request := range []string{"start", "stop"} {
				if n := r.api.Stats().Count(request, "") - requests.Count(request, ""); n != 0 {
					t.Errorf("%d requests to %s", n, request)
				}
			}
		})
	}
}
