package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"o365-kafka-connector/internal/audit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var stream = audit.Stream{
	Tenant:      audit.Tenant{ID: "11111111-1111-1111-1111-111111111111", Name: "contoso"},
	ContentType: audit.Exchange,
}

func statuses() []audit.StreamStatus {
	t := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	return []audit.StreamStatus{
		{
			Tenant: stream.Tenant.ID, TenantName: "contoso", ContentType: audit.Exchange, State: audit.StateFailing,
			Owner: "one", Since: t, Watermark: t, LagSeconds: 200, HoursToLoss: 167, BacklogBlobs: 12345, PendingBlobs: 3,
			RecordsTotal: 1234567, RecordsPerSecond: 12.5, LastList: t, LastRecord: t,
			LastError: &audit.LastError{Time: t, Message: "<script>alert(1)</script>", Hint: "renew the secret"},
			Gaps:      []audit.GapStatus{{From: t.Add(-time.Hour), To: t, Cause: audit.CauseAge, Count: 2}},
		},
		{Tenant: stream.Tenant.ID, TenantName: "contoso", ContentType: audit.DLP, State: audit.StateUnowned},
	}
}

func serve(t *testing.T, health *Health) http.Handler {
	t.Helper()
	m := NewMetrics()
	m.Prepare(stream)
	m.ObserveStreams("one", statuses)
	m.ObserveCredentials(func() []audit.Credential {
		return []audit.Credential{{Tenant: stream.Tenant, Kind: "certificate", Expires: time.Now().Add(time.Hour)}}
	})
	return NewServer(ServerOptions{
		Instance: "one", Host: "host", Version: "1.2.3", Started: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC),
		Streams: statuses, Metrics: m, Health: health, Log: slog.New(slog.DiscardHandler),
	}).Handler()
}

func get(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w
}

func TestStatusHasTheKeysOfTheContract(t *testing.T) {
	var status map[string]any
	if err := json.Unmarshal(get(t, serve(t, &Health{}), "/api/status").Body.Bytes(), &status); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, status, "instance", "version", "members", "streams")
	wantKeys(t, status["members"].([]any)[0], "id", "host", "since", "streams")
	streams := status["streams"].([]any)
	for _, s := range streams {
		wantKeys(t, s, "tenant", "content_type", "state", "owner", "since", "watermark", "lag_seconds", "hours_to_loss",
			"backlog_blobs", "pending_blobs", "records_total", "records_per_second", "last_error", "gaps")
	}
	failing, unowned := streams[0].(map[string]any), streams[1].(map[string]any)
	wantKeys(t, failing["last_error"], "time", "message", "hint")
	wantKeys(t, failing["gaps"].([]any)[0], "from", "to", "cause", "count")
	if gaps, ok := unowned["gaps"].([]any); !ok || len(gaps) != 0 {
		t.Errorf("gaps of a stream without any = %v, want an empty list", unowned["gaps"])
	}
	if unowned["watermark"] != nil || failing["watermark"] != "2026-11-23T10:00:00Z" {
		t.Errorf("watermarks = %v, %v", unowned["watermark"], failing["watermark"])
	}
	owned := status["members"].([]any)[0].(map[string]any)["streams"]
	if diff := cmp.Diff([]any{stream.Key()}, owned); diff != "" {
		t.Errorf("streams of the only member: %s", diff)
	}
}

// What is wrong with the group is a key more, and stands on the page.
func TestProblemsOfTheGroup(t *testing.T) {
	problems := []string{"members have different settings: filter of a unlike b"}
	h := NewServer(ServerOptions{
		Streams: func() []audit.StreamStatus { return nil }, Problems: func() []string { return problems },
		Metrics: NewMetrics(), Health: &Health{}, Log: slog.New(slog.DiscardHandler),
	}).Handler()
	var status struct{ Problems []string }
	if err := json.Unmarshal(get(t, h, "/api/status").Body.Bytes(), &status); err != nil || !slices.Equal(status.Problems, problems) {
		t.Errorf("%v, %v", status.Problems, err)
	}
	if text := get(t, h, "/").Body.String(); !strings.Contains(text, problems[0]) {
		t.Errorf("not on the page: %s", text)
	}
}

func wantKeys(t *testing.T, object any, keys ...string) {
	t.Helper()
	got := slices.Sorted(maps.Keys(object.(map[string]any)))
	slices.Sort(keys)
	if diff := cmp.Diff(keys, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func TestPageShowsTheStreamsAndEscapes(t *testing.T) {
	w := get(t, serve(t, &Health{}), "/")
	body := w.Body.String()
	for _, want := range []string{
		"contoso", "Audit.Exchange", `<span class="state bad">failing</span>`, `<span class="state bad">1 unowned</span>`, "3m 20s", "12 345", "1 234 567",
		"renew the secret", "Never read: 2026-11-23 09:00:00 to 2026-11-23 10:00:00, age, 2 blobs", "&lt;script&gt;",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("page lacks %q", want)
		}
	}
	if strings.Contains(body, "<script>") {
		t.Error("page holds an unescaped error text")
	}
	if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("policy = %q", policy)
	}
	if !strings.Contains(body, pageStyle) {
		t.Error("page's style differs from the one that the policy allows")
	}
}

func TestOnlyReadingIsAnswered(t *testing.T) {
	h := serve(t, &Health{})
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		for _, path := range []string{"/", "/api/status", "/metrics", "/healthz", "/readyz", "/nothing"} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
			if w.Code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s = %d, want 405", method, path, w.Code)
			}
		}
	}
	if code := get(t, h, "/nothing").Code; code != http.StatusNotFound {
		t.Errorf("unknown page = %d, want 404", code)
	}
}

func TestReadyNamesWhatFails(t *testing.T) {
	var health Health
	h := serve(t, &health)
	health.AddCheck("configuration", func(context.Context) error { return nil })
	if w := get(t, h, "/readyz"); w.Code != http.StatusOK || w.Body.String() != "ok   configuration\n" {
		t.Errorf("ready = %d %q", w.Code, w.Body)
	}
	health.AddCheck("redis", func(context.Context) error { return errors.New("connection\nrefused") })
	w := get(t, h, "/readyz")
	if w.Code != http.StatusServiceUnavailable || w.Body.String() != "ok   configuration\nFAIL redis: connection refused\n" {
		t.Errorf("not ready = %d %q", w.Code, w.Body)
	}
	if w := get(t, h, "/healthz"); w.Code != http.StatusOK {
		t.Errorf("alive = %d, want 200 although a check fails", w.Code)
	}
}

func TestPortThatIsTaken(t *testing.T) {
	opts := ServerOptions{Metrics: NewMetrics(), Health: &Health{}, Log: slog.New(slog.DiscardHandler)}
	first, second := NewServer(opts), NewServer(opts)
	if err := first.Listen(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- first.Serve() }()
	err := second.Listen(t.Context(), first.Addr())
	if err == nil || !strings.Contains(err.Error(), "the port is taken") {
		t.Errorf("second listener: %v", err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+first.Addr()+"/healthz", nil)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(body) != "ok\n" {
		t.Errorf("body = %q", body)
	}
	if err := errors.Join(first.Shutdown(context.WithoutCancel(t.Context())), <-done); err != nil {
		t.Error(err)
	}
}

func TestLoggerWritesAndCounts(t *testing.T) {
	var out bytes.Buffer
	m := NewMetrics()
	log := NewLogger(&out, LogConfig{Level: "info", Format: FormatJSON}, m.Log)
	log.Debug("unseen")
	log.With(slog.String("tenant", "contoso")).WithGroup("g").Warn("seen", slog.Int("n", 1), slog.Duration("took", 1500*time.Millisecond))
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	delete(line, "time")
	if diff := cmp.Diff(map[string]any{"level": "WARN", "msg": "seen", "tenant": "contoso", "g": map[string]any{"n": 1.0, "took": "1.5s"}}, line); diff != "" {
		t.Error(diff)
	}
	metrics := scrape(t, m)
	if !strings.Contains(metrics, `connector_log_messages_total{level="warn"} 1`) ||
		!strings.Contains(metrics, `connector_log_messages_total{level="debug"} 0`) {
		t.Error("lines are not counted by level")
	}
}
