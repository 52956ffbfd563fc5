package command_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/command"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/emulator"
)

const exchangeOff = `{"MicrosoftManagement":{"Subscription":{"ContentType":"Audit.Exchange","Enabled":false}}}`

func TestStopWhereNobodyOwnsTheStream(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 500, RecordsPerBlob: 10, ContentTypes: []string{emulator.Exchange}, Backlog: 3 * time.Hour})
	r.do("!ms-management-activity-stop-subscription content_type=audit.exchange").want(t, control.OutcomeDone,
		"Successfully stopped subscription to content type: audit.exchange\nUp to 25 blobs were available and unread: they can never be read now", exchangeOff)
	if n := r.api.Stats().Count("stop", "200"); n != 1 {
		t.Errorf("%d stops, want 1", n)
	}
	if w := r.wish(stream(audit.Exchange)); w.State != audit.Stopped {
		t.Errorf("wish %+v", w)
	}
	r.do("!stop-subscription content_type=audit.exchange").want(t, control.OutcomeAlreadyStopped,
		"The subscription to content type audit.exchange is already stopped", exchangeOff)
	if n := r.api.Stats().Count("stop", ""); n != 1 {
		t.Errorf("%d stops, want 1", n)
	}
}

func TestStopNowCountsWhatIsBehindTheWatermark(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 500, RecordsPerBlob: 10, ContentTypes: []string{emulator.Exchange}, Backlog: 3 * time.Hour})
	var blobs []time.Time
	for b := range r.api.Truth(contoso, emulator.Exchange) {
		blobs = append(blobs, b.Created)
	}
	h, err := r.store.Acquire(t.Context(), stream(audit.Exchange))
	if err != nil {
		t.Fatal(err)
	}
	start := audit.Checkpoint{Position: -1, FirstStart: blobs[0], Progress: audit.Progress{Watermark: blobs[20].Truncate(time.Second)}}
	if err := h.Reset(t.Context(), start); err != nil {
		t.Fatal(err)
	}
	pending := audit.Pending{Blob: audit.Blob{ID: "failed", Created: blobs[3]}, Cause: audit.CauseCut}
	if err := h.Apply(t.Context(), audit.Entry{N: 1, Time: time.Now(), Pending: []audit.Pending{pending}}, 1); err != nil {
		t.Fatal(err)
	}
	r.report(stream(audit.Exchange), audit.StateReading)
	got := r.do("!stop-subscription content_type=audit.exchange now=true")
	if got.err != nil || !strings.Contains(got.text, "\nUp to 6 blobs were available and unread") {
		t.Errorf("want 5 blobs behind the watermark and one that failed: %+v", got)
	}
	if n := r.api.Stats().Count("stop", "200"); n != 1 {
		t.Errorf("%d stops, want 1", n)
	}
}

func TestStopNowLeavesOutWhatWasReadAhead(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 500, RecordsPerBlob: 10, ContentTypes: []string{emulator.Exchange}, Backlog: 3 * time.Hour})
	var blobs []time.Time
	for b := range r.api.Truth(contoso, emulator.Exchange) {
		blobs = append(blobs, b.Created.UTC())
	}
	h, err := r.store.Acquire(t.Context(), stream(audit.Exchange))
	if err != nil {
		t.Fatal(err)
	}
	progress := audit.Progress{Watermark: blobs[5].Truncate(time.Second)}
	progress.Head = audit.Window{Start: blobs[8].Truncate(time.Second), End: blobs[20].Truncate(time.Second)}
	if err := h.Reset(t.Context(), audit.Checkpoint{Position: -1, FirstStart: blobs[0], Progress: progress}); err != nil {
		t.Fatal(err)
	}
	r.report(stream(audit.Exchange), audit.StateReading)
	got := r.do("!stop-subscription content_type=audit.exchange now=true")
	if got.err != nil || !strings.Contains(got.text, "\nUp to 8 blobs were available and unread") {
		t.Errorf("want 3 blobs before and 5 behind what was read ahead: %+v", got)
	}
}

func TestStopNowThoughNothingCanBeCounted(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 50})
	if err := r.api.SetFaults(emulator.Fault{Kind: emulator.Error, Operation: "content", Status: 400, Code: "AF20055", Text: "no"}); err != nil {
		t.Fatal(err)
	}
	got := r.do("!stop-subscription content_type=audit.exchange now=true")
	if got.outcome != control.OutcomeDone || !strings.Contains(got.text, "\nHow much was available and unread could not be counted: list-content: AF20055") {
		t.Errorf("%+v", got)
	}
}

// owner obeys a wish to stop as a stream's owner does: it reads for a while, then stops at Microsoft.
func (r *rig) owner(ctx context.Context, s audit.Stream) {
	for r.wish(s).State != audit.Stopped {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(time.Second)
	other := r.doIn(ctx, "!stop-subscription now=true content_type="+string(s.ContentType)) // its way to Microsoft
	if other.err != nil {
		r.t.Error(other.err)
	}
	r.report(s, audit.StateStopped)
}

func TestStopWaitsForTheOwner(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 50})
	s := stream(audit.Exchange)
	r.report(s, audit.StateReading)
	done := make(chan struct{})
	go func() { defer close(done); r.owner(t.Context(), s) }()
	began := time.Now()
	r.do("!stop-subscription content_type=audit.exchange").want(t, control.OutcomeDone,
		"Successfully stopped subscription to content type: audit.exchange", exchangeOff)
	if took := time.Since(began); took < time.Second {
		t.Errorf("it did not wait: %s", took)
	}
	<-done
	want := command.Progress{Text: "reading what is left: backlog 7 blobs, pending 2, state reading"}
	if got := <-r.progress; got != want {
		t.Errorf("progress %+v", got)
	}
}

func TestStopThatIsInterruptedStands(t *testing.T) {
	r := newRig(t, emulator.Config{})
	s := stream(audit.Exchange)
	r.report(s, audit.StateReading)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-r.progress
		cancel()
	}()
	r.doIn(ctx, "!stop-subscription content_type=audit.exchange").refused(t, control.OutcomeFailed, "the stop stands")
	if w := r.wish(s); w.State != audit.Stopped {
		t.Errorf("wish %+v", w)
	}
	if n := r.api.Stats().Count("stop", ""); n != 0 {
		t.Errorf("%d stops: what is there would be lost", n)
	}
}

// TestStopThatNobodyConfirmsEnds has the owner stop, and Microsoft give no answer any more.
func TestStopThatNobodyConfirmsEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Config{})
	s := stream(audit.Exchange)
	r.report(s, audit.StateReading)
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-r.progress
		if err := r.api.SetFaults(emulator.Fault{Kind: emulator.Error, Operation: "subscriptions", Status: 401, Code: "AF10001", Text: "no"}); err != nil {
			t.Error(err)
		}
		r.report(s, audit.StateStopped)
	}()
	r.doIn(t.Context(), "!stop-subscription content_type=audit.exchange").refused(t, control.OutcomeFailed,
		"has read what was left and has stopped, but Microsoft does not tell", "list-subscriptions")
	<-done
	if n := r.api.Stats().Count("subscriptions", ""); n > 12 {
		t.Errorf("%d questions", n)
	}
}

// TestStopThatIsCalledOffEnds has somebody start the subscription, or the store forget the stop, while the owner reads.
func TestStopThatIsCalledOffEnds(t *testing.T) {
	for name, callOff := range map[string]func(*testing.T, *rig, audit.Stream){
		"start": func(t *testing.T, r *rig, _ audit.Stream) {
			if a := r.do("!start-subscription content_type=audit.exchange"); a.err != nil {
				t.Error(a.err)
			}
		},
		"lost wish": func(t *testing.T, r *rig, s audit.Stream) {
			if err := r.store.ChangeWish(t.Context(), s, func(w *audit.Wish) { *w = audit.Wish{} }); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, emulator.Config{BacklogRecords: 50})
			s := stream(audit.Exchange)
			r.report(s, audit.StateReading)
			done := make(chan struct{})
			go func() {
				defer close(done)
				<-r.progress
				callOff(t, r, s)
			}()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			r.doIn(ctx, "!stop-subscription content_type=audit.exchange").refused(t, control.OutcomeRefused, "was called off", "id of its own")
			<-done
			if n := r.api.Stats().Count("stop", ""); n != 0 {
				t.Errorf("%d stops", n)
			}
		})
	}
}

// A member may die, or give its partition away, when Microsoft has stopped and nobody has been answered.
func TestStopThatAnotherMemberBeganIsDone(t *testing.T) {
	r := newRig(t, emulator.Config{})
	once, err := control.New(string(control.StopSubscription), "", map[string]any{"content_type": "Audit.General"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	once.ID = "once"
	for range 2 {
		if got := r.run(t.Context(), once); got.err != nil || got.outcome != control.OutcomeDone {
			t.Errorf("%+v", got)
		}
	}
	if got := r.do("!stop-subscription content_type=Audit.General"); got.outcome != control.OutcomeAlreadyStopped {
		t.Errorf("another stop: %+v", got)
	}
	if n := r.api.Stats().Count("stop", ""); n != 1 {
		t.Errorf("%d stops", n)
	}
}
