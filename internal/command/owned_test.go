package command_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/emulator"
)

// TestStopReadsFirstWhereTheOwnerHasNotSpokenYet has a member of the group that was given the stream and has not told
// anything of it.
func TestStopReadsFirstWhereTheOwnerHasNotSpokenYet(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 50})
	s := stream(audit.Exchange)
	r.members = []control.Member{{Instance: "a", Since: time.Now(), Streams: []string{s.Key()}}}
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	if got := r.doIn(ctx, "!stop-subscription content_type=audit.exchange"); got.err == nil {
		t.Errorf("the stop did not wait for the owner: %+v", got)
	}
	if n := r.api.Stats().Count("stop", ""); n != 0 {
		t.Errorf("%d stops before the owner has read, want none", n)
	}
	if w := r.wish(s); w.State != audit.Stopped {
		t.Errorf("wish %+v, want a stop", w)
	}
}

// unknown has nobody tell whether the stream has an owner: the broker is away, or the group shares out its streams.
var unknown = map[string]func(*rig){
	"broker away":  func(r *rig) { r.away = errors.New("connection refused") },
	"regroup":      func(r *rig) { r.members = []control.Member{{Instance: "one"}, {Instance: "two"}} },
	"away, joined": func(r *rig) { r.members, r.away = []control.Member{{Instance: "one"}}, errors.New("cut") },
}

func TestStopDoesNotGuessWhetherThereIsAnOwner(t *testing.T) {
	for name, set := range unknown {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, emulator.Config{BacklogRecords: 50})
			set(r)
			r.do("!stop-subscription content_type=audit.exchange").refused(t, control.OutcomeRefused,
				"nobody can tell whether an instance reads stream contoso/Audit.Exchange", "--now")
			if n := r.api.Stats().Count("stop", ""); n != 0 {
				t.Errorf("%d stops, want none", n)
			}
			if w := r.wish(stream(audit.Exchange)); w.State != "" {
				t.Errorf("wish %+v", w)
			}
			began := time.Now()
			if got := r.do("!stop-subscription content_type=audit.exchange now=true"); got.outcome != control.OutcomeDone || time.Since(began) > 5*time.Second {
				t.Errorf("after %s: %+v", time.Since(began), got)
			}
		})
	}
}

// TestAnUnknownOwnerMayBeThere has the others wait for it: what they want is stored.
func TestAnUnknownOwnerMayBeThere(t *testing.T) {
	r := newRig(t, emulator.Config{})
	unknown["broker away"](r)
	for _, line := range []string{"!pause", "!checkpoint reset", "!resume"} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		r.doIn(ctx, line+" content_type=audit.exchange").refused(t, control.OutcomeFailed, "wait for the stream's owner, which obeys all the same")
		cancel()
		if w := r.wish(stream(audit.Exchange)); line == "!pause" && w.State != audit.Paused || line == "!checkpoint reset" && w.Watermark == nil {
			t.Errorf("%s: wish %+v", line, w)
		}
	}
}

// TestAStopWaitsForAnUnknownOwner has the status line and the broker vanish while the owner reads.
func TestAStopWaitsForAnUnknownOwner(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 50})
	s := stream(audit.Exchange)
	r.report(s, audit.StateReading)
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-r.progress
		r.vanish.Store(true)
		if err := r.store.PutStatus(t.Context(), s, audit.StreamStatus{}, 0); err != nil {
			t.Error(err)
		}
		for told, end := false, time.After(20*time.Second); !told; {
			select {
			case p := <-r.progress:
				told = strings.Contains(p.Text, "owner unknown")
			case <-end:
				t.Error("the stop does not say that the owner is unknown")
				told = true
			}
		}
		r.owner(t.Context(), s)
	}()
	r.do("!stop-subscription content_type=audit.exchange").want(t, control.OutcomeDone,
		"Successfully stopped subscription to content type: audit.exchange", exchangeOff)
	<-done
}
