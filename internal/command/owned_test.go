package command_test

import (
	"context"
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
