package daemon

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/telemetry"
)

func metricsText(d *Daemon) string {
	w := httptest.NewRecorder()
	telemetry.NewServer(telemetry.ServerOptions{Metrics: d.metrics, Health: d.health, Log: d.log}).Handler().
		ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func TestDroppedCopiesAreCounted(t *testing.T) {
	r := newRig(t, emulator.Config{
		BacklogRecords: 500, RecordsPerBlob: 10, Backlog: 30 * time.Minute, ContentTypes: []string{emulator.Exchange},
		Faults: []emulator.Fault{{Kind: emulator.RepeatRecord, Probability: 1}, {Kind: emulator.DuplicateRecord, Probability: 1}},
	})
	d := r.daemon(", content_types: [Audit.Exchange]", "dedupe: {records: drop}")
	end := r.start(d)
	truth := r.api.TruthSummary()
	copies := fmt.Sprintf("connector_records_total{content_type=\"Audit.Exchange\",result=\"duplicate\",tenant_name=\"contoso\"} %d\n",
		truth.Records-truth.UniqueRecords)
	r.await(d, func(streams []audit.StreamStatus) bool {
		return records(streams) >= int64(truth.UniqueRecords) && strings.Contains(metricsText(d), copies)
	})
	if text := metricsText(d); !strings.Contains(text, `connector_dedupe_undecided_total{content_type="Audit.Exchange",tenant_name="contoso"} 0`) {
		t.Error("records are undecided")
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if got := records(d.Status()); got != int64(truth.UniqueRecords) {
		t.Errorf("%d published, want %d", got, truth.UniqueRecords)
	}
}
