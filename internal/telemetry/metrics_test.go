package telemetry

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
)

// contract lists the metrics, each with a series that must be there before anything happened.
var contract = map[string]string{
	"last_successful_list_timestamp_seconds": `{content_type="Audit.Exchange",tenant_name="contoso"}`,
	"last_record_timestamp_seconds":          `{content_type="Audit.Exchange",tenant_name="contoso"}`,
	"availability_lag_seconds":               `_count{content_type="Audit.Exchange",tenant_name="contoso"}`,
	"event_age_seconds":                      `_count{content_type="Audit.Exchange",tenant_name="contoso"}`,
	"hours_to_loss":                          `{content_type="Audit.Exchange",tenant_name="contoso"} 167`,
	"backlog_blobs":                          `{content_type="Audit.Exchange",tenant_name="contoso"} 12345`,
	"pending_blobs":                          `{content_type="Audit.Exchange",tenant_name="contoso"} 3`,
	"gaps_total":                             `{content_type="Audit.Exchange",tenant_name="contoso"} 0`,
	"blobs_total":                            `{content_type="Audit.Exchange",result="done",tenant_name="contoso"} 0`,
	"records_total":                          `{content_type="Audit.Exchange",result="published",tenant_name="contoso"} 0`,
	"dedupe_undecided_total":                 `{content_type="Audit.Exchange",tenant_name="contoso"} 0`,
	"dead_letters_total":                     `{cause="expired",content_type="Audit.Exchange",tenant_name="contoso"} 0`,
	"api_requests_total":                     `{code="200",content_type="Audit.Exchange",operation="list-content",tenant_name="contoso"} 0`,
	"api_request_seconds":                    `_count{content_type="Audit.Exchange",tenant_name="contoso"} 0`,
	"throttled_seconds_total":                `{content_type="Audit.Exchange",tenant_name="contoso"} 0`,
	"publish_seconds":                        `_count{content_type="Audit.Exchange",tenant_name="contoso"} 0`,
	"checkpoint_errors_total":                `{content_type="Audit.Exchange",tenant_name="contoso"} 0`,
	"fenced_total":                           `{content_type="Audit.Exchange",tenant_name="contoso"} 0`,
	"auth_credential_expires_seconds":        `{credential="certificate",tenant_name="contoso"} `,
	"rebalances_total":                       ` 0`,
	"owned_streams":                          ` 1`,
	"streams_unowned":                        ` 1`,
	"log_messages_total":                     `{level="error"} 0`,
}

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	h := NewServer(ServerOptions{Metrics: m, Health: &Health{}, Log: slog.New(slog.DiscardHandler)}).Handler()
	return get(t, h, "/metrics").Body.String()
}

func TestMetricsHaveTheNamesOfTheContract(t *testing.T) {
	text := get(t, serve(t, &Health{}), "/metrics").Body.String()
	for name, series := range contract {
		if !strings.Contains(text, "\nconnector_"+name+series) {
			t.Errorf("metric connector_%s%s is missing", name, series)
		}
	}
	for line := range strings.Lines(text) {
		name, ok := strings.CutPrefix(line, "# TYPE connector_")
		if !ok {
			continue
		}
		name, _, _ = strings.Cut(name, " ")
		if _, ok := contract[name]; !ok {
			t.Errorf("metric connector_%s is not in the contract", name)
		}
	}
}

func TestMetersCount(t *testing.T) {
	m := NewMetrics()
	m.Blob(stream, "done")
	m.Records(stream, "published", 1000)
	m.DeadLetter(stream, audit.CauseExpired)
	m.Gap(stream, audit.CauseAge)
	m.Published(stream, 90*time.Second, 2*time.Hour)
	m.Published(stream, 90*time.Second, 0)
	m.CheckpointError(stream)
	m.Fenced(stream)
	m.Request(stream, "list", "AF429", time.Second)
	m.Throttled(stream, 1500*time.Millisecond)
	m.Sink().Published(stream, time.Millisecond)
	m.Rebalance()
	text := scrape(t, m)
	of := `content_type="Audit.Exchange",`
	for _, want := range []string{
		`blobs_total{` + of + `result="done",tenant_name="contoso"} 1`,
		`records_total{` + of + `result="published",tenant_name="contoso"} 1000`,
		`dead_letters_total{cause="expired",` + of + `tenant_name="contoso"} 1`,
		`gaps_total{` + of + `tenant_name="contoso"} 1`,
		`availability_lag_seconds_sum{` + of + `tenant_name="contoso"} 180`,
		`event_age_seconds_count{` + of + `tenant_name="contoso"} 1`,
		`checkpoint_errors_total{` + of + `tenant_name="contoso"} 1`,
		`fenced_total{` + of + `tenant_name="contoso"} 1`,
		`api_requests_total{code="AF429",` + of + `operation="list",tenant_name="contoso"} 1`,
		`api_request_seconds_sum{` + of + `tenant_name="contoso"} 1`,
		`throttled_seconds_total{` + of + `tenant_name="contoso"} 1.5`,
		`publish_seconds_count{` + of + `tenant_name="contoso"} 1`,
		`rebalances_total 1`,
	} {
		if !strings.Contains(text, "\nconnector_"+want+"\n") {
			t.Errorf("metrics lack connector_%s", want)
		}
	}
}

func TestRestingStreamsAlertNobody(t *testing.T) {
	for state, want := range map[audit.State]int{audit.StateReading: 2, audit.StatePaused: 1, audit.StateStopped: 0} {
		m := NewMetrics()
		m.ObserveStreams("one", func() []audit.StreamStatus {
			return []audit.StreamStatus{{TenantName: "contoso", ContentType: audit.DLP, State: state, Owner: "one", Watermark: time.Now(), HoursToLoss: 3}}
		})
		text := scrape(t, m)
		got := strings.Count(text, "\nconnector_hours_to_loss{") + strings.Count(text, "\nconnector_last_successful_list_timestamp_seconds{")
		if got != want {
			t.Errorf("%s: %d metrics that alerts look at, want %d", state, got, want)
		}
	}
}
