package command_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/command"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/emulator"
)

func (r *rig) retire(w command.Retirement) (a answer) {
	r.t.Helper()
	a.err = r.executor.Retire(r.t.Context(), w, func(reply control.Reply) error {
		a.outcome, a.text, a.context = reply.Outcome, reply.HumanReadable, string(reply.Context)
		return nil
	})
	return a
}

func TestRetire(t *testing.T) {
	const gone = "44444444-4444-4444-4444-444444444444"
	r := newRig(t, emulator.Config{}, "id: "+fabrikam+", name: fabrikam, content_types: [Audit.General]")
	s := audit.Stream{Tenant: audit.Tenant{ID: gone}, ContentType: audit.Exchange}
	r.take(s, audit.Checkpoint{FirstStart: noon, Progress: audit.Progress{Watermark: noon}, Desired: audit.Desired{State: audit.Stopped}})
	known := func() bool {
		_, ok, err := r.store.Peek(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	dry := r.retire(command.Retirement{Tenant: strings.ToUpper(gone), DryRun: true})
	dry.want(t, control.OutcomeDone, "Dry run, nothing was changed. These streams would be forgotten.\n\n### Streams\n"+
		"| Content type   | Watermark            | N   | Desired | Pending | Gaps |\n"+
		"| -------------- | -------------------- | --- | ------- | ------- | ---- |\n"+
		"| Audit.Exchange | 2026-11-23T12:00:00Z | 0   | stopped | 0       | 0    |\n",
		`{"retire":{"dry_run":true,"sign_in":false,"streams":[{"content_type":"Audit.Exchange","n":0,"watermark":"2026-11-23T12:00:00Z","desired":"stopped","pending":0,"gaps":0,"damaged":false}],"tenant":"`+gone+`"}}`)
	r.report(s, audit.StateReading)
	r.retire(command.Retirement{Tenant: gone}).refused(t, control.OutcomeRefused, `owned by instance "one"`)
	if err := r.store.PutStatus(t.Context(), s, audit.StreamStatus{}, 0); err != nil {
		t.Fatal(err)
	}
	r.members = []control.Member{{Instance: "two", Since: noon, Streams: []string{s.Key()}}}
	r.retire(command.Retirement{Tenant: gone}).refused(t, control.OutcomeRefused, `owned by instance "two"`)
	r.members, r.away = nil, errors.New("no broker")
	if got := r.retire(command.Retirement{Tenant: gone}); got.err == nil || !known() {
		t.Errorf("nobody knows who owns it, and it was retired: %+v", got)
	}
	r.away = nil
	for tenant, ct := range map[string]audit.ContentType{"contoso": "", contoso: audit.Exchange, "fabrikam": "", fabrikam: audit.General} {
		r.retire(command.Retirement{Tenant: tenant, ContentType: ct}).refused(t, control.OutcomeRefused, "is configured")
	}
	r.retire(command.Retirement{ContentType: audit.DLP}).refused(t, control.OutcomeInvalid, "retire needs one, use one of contoso, fabrikam")
	r.retire(command.Retirement{Tenant: "unheard-of"}).refused(t, control.OutcomeInvalid, "is no GUID")
	if !known() {
		t.Fatal("it is gone too early")
	}
	if got := r.retire(command.Retirement{Tenant: gone}); got.err != nil || known() || !strings.HasPrefix(got.text, "These streams are forgotten.\n") {
		t.Errorf("%+v", got)
	}
	for _, dry := range []bool{false, true} {
		r.retire(command.Retirement{Tenant: gone, DryRun: dry}).refused(t, control.OutcomeRefused, "nothing is remembered of tenant "+gone, "check the GUID")
		r.retire(command.Retirement{Tenant: "fabrikam", ContentType: audit.DLP, DryRun: dry}).refused(t, control.OutcomeRefused, "nothing is remembered of stream fabrikam/DLP.All")
	}
}

func TestRetiredWishIsForgottenToo(t *testing.T) {
	const gone = "44444444-4444-4444-4444-444444444444"
	r := newRig(t, emulator.Config{})
	s := audit.Stream{Tenant: audit.Tenant{ID: gone}, ContentType: audit.Exchange}
	var store checkpoint.Operator = r.store
	if err := store.ChangeWish(t.Context(), s, func(w *audit.Wish) { w.State, w.Since = audit.Paused, time.Now() }); err != nil {
		t.Fatal(err)
	}
	got := r.retire(command.Retirement{Tenant: gone})
	if w := r.wish(s); got.err != nil || w.State != "" || !strings.Contains(got.text, "Not all of them were stopped") {
		t.Errorf("wish %+v, %+v", w, got)
	}
}

// TestRetireDoesNotGuessWhetherThereIsAnOwner has a group that shares out its streams: members have none, and the last
// owner has taken its status line away.
func TestRetireDoesNotGuessWhetherThereIsAnOwner(t *testing.T) {
	t.Parallel()
	const gone = "44444444-4444-4444-4444-444444444444"
	r := newRig(t, emulator.Config{})
	s := audit.Stream{Tenant: audit.Tenant{ID: gone}, ContentType: audit.Exchange}
	r.take(s, audit.Checkpoint{FirstStart: noon})
	r.members = []control.Member{{Instance: "one"}, {Instance: "two"}}
	r.retire(command.Retirement{Tenant: gone}).refused(t, control.OutcomeRefused, "nobody can tell whether an instance reads stream "+gone, "try again")
	if _, ok, err := r.store.Peek(t.Context(), s); err != nil || !ok {
		t.Errorf("it was retired: %v", err)
	}
}

// TestRetireLooksAgain has somebody take a stream between the first look and the moment in which it would be forgotten.
func TestRetireLooksAgain(t *testing.T) {
	const gone = "44444444-4444-4444-4444-444444444444"
	r := newRig(t, emulator.Config{})
	s := audit.Stream{Tenant: audit.Tenant{ID: gone}, ContentType: audit.Exchange}
	r.take(s, audit.Checkpoint{FirstStart: noon})
	wishes := 0
	r.asked = func() { // once for each stream, after the question for its owner
		if wishes++; wishes == len(audit.ContentTypes()) {
			r.report(s, audit.StateReading)
		}
	}
	r.retire(command.Retirement{Tenant: gone}).refused(t, control.OutcomeRefused, `owned by instance "one"`)
	if _, ok, err := r.store.Peek(t.Context(), s); err != nil || !ok {
		t.Errorf("it was retired: %v", err)
	}
}

// TestRetiredTenantLeavesNoTokens has a tenant whose sign-ins nobody can read any more.
func TestRetiredTenantLeavesNoTokens(t *testing.T) {
	const gone = "44444444-4444-4444-4444-444444444444"
	r := newRig(t, emulator.Config{})
	s := audit.Stream{Tenant: audit.Tenant{ID: gone}, ContentType: audit.Exchange}
	r.take(s, audit.Checkpoint{FirstStart: noon, Desired: audit.Desired{State: audit.Stopped}})
	kinds := []string{"signin", "login", "signin-turn"}
	for _, tenant := range []string{gone, contoso} {
		for _, kind := range kinds {
			if ok, err := r.store.SwapDocument(t.Context(), audit.DocumentSwap{Tenant: tenant, Kind: kind, New: []byte("sealed")}); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
	}
	left := func(tenant string) (n int) {
		for _, kind := range kinds {
			text, err := r.store.Document(t.Context(), tenant, kind)
			if err != nil {
				t.Fatal(err)
			}
			if len(text) > 0 {
				n++
			}
		}
		return n
	}
	got := r.retire(command.Retirement{Tenant: gone, DryRun: true})
	if got.err != nil || left(gone) != 3 || !strings.HasPrefix(got.text, "Dry run, nothing was changed. A person's sign-in and its tokens would be forgotten.\nThese streams would be forgotten.\n") ||
		!strings.Contains(got.context, `"sign_in":true`) {
		t.Errorf("%d documents, %+v", left(gone), got)
	}
	if got := r.retire(command.Retirement{Tenant: gone, ContentType: audit.Exchange}); got.err != nil || left(gone) != 3 || !strings.Contains(got.context, `"sign_in":false`) {
		t.Errorf("one stream: %d documents, %+v", left(gone), got)
	}
	if got := r.retire(command.Retirement{Tenant: gone}); got.err != nil || left(gone) != 0 || got.text != "A person's sign-in and its tokens are forgotten.\n" {
		t.Errorf("%d documents, %+v", left(gone), got)
	}
	if left(contoso) != 3 {
		t.Error("another tenant's sign-in is gone")
	}
	r.retire(command.Retirement{Tenant: gone}).refused(t, control.OutcomeRefused, "nothing is remembered")
}
