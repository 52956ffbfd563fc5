package source_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/source"
)

func TestSubscriptions(t *testing.T) {
	r := newRig(t, reply(200, `[
		{"contentType":"Audit.SharePoint","status":"enabled","webhook":{"status":"expired","address":"https://webhook.example/x","authId":"hush","expiration":"2026-01-01T00:00:00Z"}},
		{"contentType":"audit.exchange","webhook":null},
		{"status":"disabled","contentType":"DLP.All","webhook":{"expiration":null}},
		{"contentType":"Audit.New","status":"enabled"}]`))
	got, err := r.Subscriptions(t.Context())
	want := []source.Subscription{
		{ContentType: audit.SharePoint, Status: "enabled", Webhook: &source.Webhook{Status: "expired", Address: "https://webhook.example/x", Expiration: "2026-01-01T00:00:00Z"}},
		{ContentType: audit.Exchange},
		{ContentType: audit.DLP, Status: "disabled", Webhook: &source.Webhook{}},
		{ContentType: "Audit.New", Status: "enabled"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v, %s", err, diff)
	}
	for ct, want := range map[audit.ContentType]bool{audit.SharePoint: true, audit.Exchange: true, audit.DLP: false, audit.General: false} {
		if got, err := r.Subscribed(t.Context(), audit.Stream{Tenant: contoso, ContentType: ct}); err != nil || got != want {
			t.Errorf("%s: %t, error %v", ct, got, err)
		}
	}
}

func TestStart(t *testing.T) {
	const tooOften = "Too many frequent subscription start requests. Please retry again after "
	for _, test := range []struct {
		name, body string
		status     int
		already    bool
		cause      audit.Cause
		retry      time.Duration
	}{
		{"started", `{"contentType":"Audit.Exchange","status":"enabled","webhook":null}`, 200, false, "", 0},
		{"empty answer", "", 200, false, "", 0},
		{"already enabled", envelope("AF20024", "The subscription is already enabled. No property change."), 400, true, "", 0},
		{"too often", envelope("AF429", tooOften+"14m 56s"), 429, false, audit.CauseStartThrottled, 14*time.Minute + 56*time.Second},
		{"too often, in text", tooOften + "56s", 429, false, audit.CauseStartThrottled, 56 * time.Second},
		{"too often, no delay", "", 429, false, audit.CauseStartThrottled, 15 * time.Minute},
		{"quota", envelope("AF429", "Too many requests."), 429, false, audit.CauseThrottled, 0},
		{"auditing off", auditOff, 400, false, audit.CauseAuditOff, 0},
		{"error with 200", envelope("AF50000", "m"), 200, false, audit.CauseServer, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
				if q.Method != http.MethodPost || q.URL.Query().Get("contentType") != "Audit.Exchange" {
					t.Errorf("%s %s", q.Method, q.URL)
				}
				reply(test.status, test.body)(w, q)
			})
			already, err := r.Start(t.Context(), stream)
			if already != test.already || (err == nil) != (test.cause == "") {
				t.Fatalf("already %t, error %v", already, err)
			}
			if err != nil {
				if f := fault(t, err); f.Cause != test.cause || f.RetryAfter != test.retry {
					t.Errorf("fault %+v", f)
				}
			}
		})
	}
}

func TestStopWithoutSubscription(t *testing.T) {
	r := newRig(t, reply(400, envelope("AF20022", "No subscription found for the specified content type.")))
	err := r.Stop(t.Context(), stream)
	wantFault(t, err, audit.CauseSubscription, audit.OfStream)
	refused, ok := errors.AsType[*source.APIError](err)
	if want := "stop-subscription: AF20022 (HTTP 400): No subscription found for the specified content type."; !ok || fmt.Sprint(refused) != want {
		t.Errorf("error %v, want %s", refused, want)
	}
}
