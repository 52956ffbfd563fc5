package telemetry

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
)

func TestStatusTellsCredentialsThatEndSoon(t *testing.T) {
	now := time.Now()
	all := []audit.Credential{
		{Tenant: stream.Tenant, Kind: "client_secret", Expires: now.Add(20 * 24 * time.Hour), Hint: "make a <new> one"},
		{Tenant: stream.Tenant, Kind: "certificate", Expires: now.Add(-time.Hour), Hint: "renew it"},
		{Tenant: stream.Tenant, Kind: "sign_in", Expires: now.Add(31 * 24 * time.Hour), Hint: "later"},
	}
	h := NewServer(ServerOptions{
		Streams: statuses, Credentials: func() []audit.Credential { return all }, Metrics: NewMetrics(), Health: &Health{},
		Log: slog.New(slog.DiscardHandler),
	}).Handler()
	var status struct{ Credentials []map[string]any }
	if err := json.Unmarshal(get(t, h, "/api/status").Body.Bytes(), &status); err != nil {
		t.Fatal(err)
	}
	if len(status.Credentials) != 2 || status.Credentials[1]["kind"] != "certificate" {
		t.Fatalf("credentials %v, want the two that end soon", status.Credentials)
	}
	wantKeys(t, status.Credentials[0], "tenant", "tenant_name", "kind", "expires", "hint")
	page := get(t, h, "/").Body.String()
	for _, want := range []string{"client_secret ends " + clock(all[0].Expires), "make a &lt;new&gt; one", "certificate has ended"} {
		if !strings.Contains(page, want) {
			t.Errorf("page lacks %q", want)
		}
	}
	if strings.Contains(page, "sign_in") {
		t.Error("page tells a credential that is good for long")
	}
}
