package arch

import (
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/auth"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/telemetry"
)

func operations(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// unique returns the first groups of all matches, sorted.
func unique(pattern, text string) []string {
	var names []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestOperationsNameEveryMetric(t *testing.T) {
	stream := audit.Stream{Tenant: audit.Tenant{ID: "1", Name: "contoso"}, ContentType: "Audit.Exchange"}
	metrics := telemetry.NewMetrics()
	metrics.Prepare(stream)
	metrics.Filtered(stream, "filter.operations", 1)
	metrics.ObserveStreams("one", func() []audit.StreamStatus {
		return []audit.StreamStatus{{TenantName: "contoso", ContentType: stream.ContentType, State: audit.StateUnowned, Watermark: time.Now()}}
	})
	metrics.ObserveCredentials(func() []audit.Credential { return []audit.Credential{{Tenant: stream.Tenant, Kind: "certificate"}} })
	server := telemetry.NewServer(telemetry.ServerOptions{Metrics: metrics, Health: &telemetry.Health{}, Log: slog.New(slog.DiscardHandler)})
	answer := httptest.NewRecorder()
	server.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))

	served := unique(`(?m)^# TYPE (connector_\w+)`, answer.Body.String())
	listed := unique("(?m)^\\| `(connector_\\w+)`", operations(t))
	if diff := cmp.Diff(served, listed); diff != "" {
		t.Errorf("metrics (-served +listed):\n%s", diff)
	}
	mentioned := unique(`(connector_[a-z_]+)`, strings.ReplaceAll(operations(t), "`connector_version`", "")) // a header
	if diff := cmp.Diff(served, mentioned); diff != "" {
		t.Errorf("metrics (-served +mentioned anywhere):\n%s", diff)
	}
}

func TestOperationsTellWhatTheCodeHas(t *testing.T) {
	text := operations(t)
	wanted := []string{
		checkpoint.LeastACL("connector", "o365:", false), checkpoint.LeastSentinelACL("connector"),
		strings.TrimPrefix(checkpoint.LeastACL("c", "p", true), checkpoint.LeastACL("c", "p", false)),
	}
	for _, s := range []audit.State{
		audit.StateUnowned, audit.StateWaiting, audit.StateQuiet, audit.StateReading, audit.StateCatchingUp,
		audit.StateThrottled, audit.StatePaused, audit.StateStopped, audit.StateFailing, audit.StateNoPermission,
	} {
		wanted = append(wanted, "\n| `"+string(s)+"` |")
	}
	for _, name := range []string{"enterprise", "gcc", "gcc-high", "dod", "china"} {
		base, authority, err := auth.Cloud(name)
		if err != nil {
			t.Fatal(err)
		}
		wanted = append(wanted, "| `"+name+"` | `"+base+"` | `"+authority+"` |")
	}
	for _, check := range checks(t) {
		wanted = append(wanted, "`"+check)
	}
	for _, w := range wanted {
		if !strings.Contains(text, strings.TrimPrefix(w, " ")) {
			t.Errorf("docs/operations.md lacks %q", w)
		}
	}
}

// checks are the names that diagnose gives its checks.
func checks(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../cmd/connector/diagnose*.go")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, "_test.go") {
			source.Write(text)
		}
	}
	names := unique(`(?:Check: |check := |check = |d\.host\(ctx, t, )"([a-z ]+?) ?"`, source.String())
	if len(names) < 12 {
		t.Errorf("found the checks %q only", names)
	}
	return names
}

// TestOperationsNameExistingKeys looks up every key of the configuration that is named.
func TestOperationsNameExistingKeys(t *testing.T) {
	text, err := os.ReadFile("../../config/connector.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := yaml.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	named := unique("`((?:source|filter|output|sink|kafka|control|checkpoint|http|log|shutdown)\\.[a-z_.]+)", operations(t))
	if len(named) < 20 {
		t.Errorf("found the keys %q only", named)
	}
	for _, key := range named {
		var at any = root
		for part := range strings.SplitSeq(key, ".") {
			section, _ := at.(map[string]any)
			var ok bool
			if at, ok = section[part]; !ok {
				t.Errorf("docs/operations.md names the key %s, which does not exist", key)
			}
		}
	}
}

func TestOperationsHoldValidYAML(t *testing.T) {
	blocks := unique("(?s)```yaml\n(.+?)```", operations(t))
	if len(blocks) < 2 {
		t.Errorf("%d blocks of YAML, want the alerts and the Deployment at least", len(blocks))
	}
	for _, b := range blocks {
		var v any
		if err := yaml.Unmarshal([]byte(b), &v); err != nil {
			t.Errorf("%v in:\n%s", err, b)
		}
	}
}
