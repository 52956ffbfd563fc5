package command_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/emulator"
)

const exchangeOn = `{"MicrosoftManagement":{"Subscription":{"ContentType":"Audit.Exchange","Enabled":true}}}`

func TestStart(t *testing.T) {
	r := newRig(t, emulator.Config{Unsubscribed: true})
	before := time.Now().Add(-time.Second)
	r.do("!ms-management-activity-start-subscription content_type=AUDIT.exchange").
		want(t, control.OutcomeDone, "Successfully started subscription to content type: AUDIT.exchange", exchangeOn)
	if w := r.wish(stream(audit.Exchange)); w.State != audit.Running || w.Since.Before(before) || w.Command == "" {
		t.Errorf("wish %+v", w)
	}
	r.do("!start-subscription content_type=Audit.Exchange").
		want(t, control.OutcomeAlreadyEnabled, "The subscription to content type Audit.Exchange is already enabled", exchangeOn)
	if n := r.api.Stats().Count("start", ""); n != 1 {
		t.Errorf("%d starts, want 1: one that changes nothing uses up the next 15 minutes", n)
	}
}

func TestStartWithinFifteenMinutes(t *testing.T) {
	r := newRig(t, emulator.Config{Unsubscribed: true})
	for _, line := range []string{"!start-subscription content_type=DLP.All", "!stop-subscription content_type=DLP.All now=true"} {
		if a := r.do(line); a.err != nil {
			t.Fatal(a.err)
		}
	}
	r.do("!start-subscription content_type=DLP.All").refused(t, control.OutcomeRefused, "15 minutes", "try again in 1")
	if n := r.api.Stats().Count("start", ""); n != 1 {
		t.Errorf("%d starts, want 1: the second is answered from memory", n)
	}
	if w := r.wish(stream(audit.DLP)); w.State != audit.Stopped {
		t.Errorf("a refused start changed the wish: %+v", w)
	}
}

func TestStartSoonAfterTheOwnerTried(t *testing.T) {
	r := newRig(t, emulator.Config{Unsubscribed: true})
	h, err := r.store.Acquire(t.Context(), stream(audit.DLP))
	if err != nil {
		t.Fatal(err)
	}
	tried := time.Now().Add(-330 * time.Second).UTC()
	start := audit.Checkpoint{Position: -1, FirstStart: tried, Progress: audit.Progress{Watermark: tried, SubscribeTried: tried}}
	if err := h.Reset(t.Context(), start); err != nil {
		t.Fatal(err)
	}
	r.do("!start-subscription content_type=DLP.All").refused(t, control.OutcomeRefused, "try again in 9m")
	if n := r.api.Stats().Count("start", ""); n != 0 {
		t.Errorf("%d starts", n)
	}
}

func TestStartThatMicrosoftRefuses(t *testing.T) {
	r := newRig(t, emulator.Config{Unsubscribed: true})
	fault := emulator.Fault{Kind: emulator.Error, Operation: "start", Status: 429, Text: "Too many frequent subscription start requests. Please retry again after 14m 56s"}
	if err := r.api.SetFaults(fault); err != nil {
		t.Fatal(err)
	}
	r.do("!start-subscription content_type=DLP.All").refused(t, control.OutcomeRefused, "15 minutes", "try again in 14m56s")
	if err := r.api.SetFaults(); err != nil {
		t.Fatal(err)
	}
	r.do("!start-subscription content_type=DLP.All").refused(t, control.OutcomeRefused, "try again in 14m5")
	if n := r.api.Stats().Count("start", ""); n != 1 {
		t.Errorf("%d starts, want 1", n)
	}
	if err := r.api.SetFaults(emulator.Fault{Kind: emulator.Error, Operation: "subscriptions", Code: "AF20011", Text: "gone"}); err != nil {
		t.Fatal(err)
	}
	a := r.do("!start-subscription content_type=Audit.General")
	a.refused(t, control.OutcomeFailed, "gone")
	if code := control.AsRefusal(a.err).Code; code != string(audit.CauseTenant) {
		t.Errorf("code %s", code)
	}
}

// Content of a subscription that somebody else has started may be there since the stop.
func TestStartOfAStoppedStreamThatIsEnabledAlready(t *testing.T) {
	r := newRig(t, emulator.Config{})
	h, err := r.store.Acquire(t.Context(), stream(audit.Exchange))
	if err != nil {
		t.Fatal(err)
	}
	stopped := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	start := audit.Checkpoint{
		Position: -1, FirstStart: stopped, Progress: audit.Progress{Watermark: stopped},
		Desired: audit.Desired{State: audit.Stopped, Since: stopped},
	}
	if err := h.Reset(t.Context(), start); err != nil {
		t.Fatal(err)
	}
	if a := r.do("!start-subscription content_type=Audit.Exchange"); a.outcome != control.OutcomeAlreadyEnabled {
		t.Errorf("%+v", a)
	}
	w := r.wish(stream(audit.Exchange))
	if !w.Since.Equal(stopped.Add(time.Second)) {
		t.Errorf("wish since %s, want a second after %s", w.Since, stopped)
	}
	if len(w.Outages) != 1 || !w.Outages[0].From.Equal(stopped) || !w.Outages[0].To.Equal(stopped.Add(time.Second)) {
		t.Errorf("outages %+v", w.Outages)
	}
}

func TestStartAndStopWithoutTheStore(t *testing.T) {
	r := newRig(t, emulator.Config{Unsubscribed: true})
	r.down = errors.New("redis is away")
	got := r.do("!start-subscription content_type=Audit.Exchange")
	if got.outcome != control.OutcomeDone || !strings.HasPrefix(got.text, "Successfully started subscription to content type: Audit.Exchange\n") ||
		!strings.Contains(got.text, "redis is away") {
		t.Errorf("%+v", got)
	}
	// A stop that nobody remembers would be undone by auto_subscribe.
	r.do("!stop-subscription content_type=Audit.Exchange now=true").refused(t, control.OutcomeFailed, "redis is away")
	if n := r.api.Stats().Count("stop", ""); n != 0 {
		t.Errorf("%d stops", n)
	}
}

// What nobody owns has nobody to note from when to when it was off: the wish tells it to the next owner.
func TestStopAndStartWithoutAnOwnerAreNoted(t *testing.T) {
	r := newRig(t, emulator.Config{})
	s := stream(audit.Exchange)
	before := time.Now().UTC().Truncate(time.Second)
	r.do("!stop-subscription content_type=Audit.Exchange")
	if a := r.do("!stop-subscription content_type=Audit.Exchange"); a.outcome != control.OutcomeAlreadyStopped {
		t.Errorf("%+v", a)
	}
	w := r.wish(s)
	if len(w.Outages) != 1 || w.Outages[0].From.Before(before) || w.Outages[0].From.After(time.Now()) || !w.Outages[0].To.IsZero() {
		t.Fatalf("outages %+v", w.Outages)
	}
	from := w.Outages[0].From
	for range 2 {
		if a := r.do("!start-subscription content_type=Audit.Exchange"); a.err != nil {
			t.Fatal(a.err)
		}
		if w = r.wish(s); len(w.Outages) != 1 || !w.Outages[0].From.Equal(from) || !w.Outages[0].To.After(from) || w.State != audit.Running {
			t.Fatalf("wish %+v", w)
		}
	}
}

// An owner that was killed after it had stopped the subscription may not have noted it.
func TestStartAfterAStopThatNobodyNoted(t *testing.T) {
	r := newRig(t, emulator.Config{Unsubscribed: true})
	s := stream(audit.Exchange)
	asked := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	if err := r.store.ChangeWish(t.Context(), s, func(w *audit.Wish) { w.State, w.Since = audit.Stopped, asked }); err != nil {
		t.Fatal(err)
	}
	if a := r.do("!start-subscription content_type=Audit.Exchange"); a.outcome != control.OutcomeDone {
		t.Fatalf("%+v", a)
	}
	if w := r.wish(s); len(w.Outages) != 1 || !w.Outages[0].From.Equal(asked) || time.Since(w.Outages[0].To) > time.Minute {
		t.Errorf("wish %+v", w)
	}
}
