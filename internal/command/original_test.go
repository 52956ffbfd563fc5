package command_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/control"
)

// mock answers as the original's tests do: two subscriptions, and three blobs of Audit.General.
type mock struct {
	t       *testing.T
	created time.Time
}

func (m mock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, path, _ := strings.Cut(r.URL.Path, "/activity/feed")
	switch {
	case path == "/subscriptions/list":
		var answers struct {
			Multiple json.RawMessage `json:"list_multiple"`
		}
		fixture(m.t, "testdata/xsoar/subscriptions.json", &answers)
		w.Write(answers.Multiple)
	case path == "/subscriptions/content":
		var list []string
		for i := 1; i <= 3; i++ {
			list = append(list, fmt.Sprintf(`{"contentUri":"http://%s/api/v1.0/%s/activity/feed/audit/test%d","contentId":"test%d","contentType":"audit.general","contentCreated":"%s"}`,
				r.Host, contoso, i, i, m.created.Format("2006-01-02T15:04:05.000Z")))
		}
		fmt.Fprintf(w, "[%s]", strings.Join(list, ","))
	case strings.HasPrefix(path, "/audit/test"):
		blob, err := os.ReadFile("testdata/xsoar/blob_audit_general_" + strings.TrimPrefix(path, "/audit/test") + ".json")
		if err != nil {
			m.t.Error(err)
		}
		w.Write(blob)
	default:
		http.Error(w, "no such operation", http.StatusNotFound)
	}
}

func TestTheOriginalsSubscriptions(t *testing.T) {
	r := rigFor(t, mock{t: t})
	got := r.do("!ms-management-activity-list-subscriptions")
	golden(t, "original_subscriptions.md", got.text)
	golden(t, "original_subscriptions.json", got.context+"\n")
}

func TestSubscriptionsShowWhatIsWrong(t *testing.T) {
	r := rigFor(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `[{"contentType":"Audit.Exchange","status":"enabled","webhook":{"status":"expired","address":"https://hook.example","expiration":"2026-01-01T00:00:00Z"}},
			{"contentType":"DLP.All","status":"disabled","webhook":null}]`)
	}))
	got := r.do("!list-subscriptions")
	golden(t, "subscriptions.md", got.text)
	golden(t, "subscriptions.json", got.context+"\n")
}

func TestTheOriginalsContent(t *testing.T) {
	r := rigFor(t, mock{t: t, created: time.Now().Add(-6 * time.Hour).UTC()})
	for _, line := range []string{
		"!ms-management-activity-list-content content_type=audit.general",
		`{"command":"list-content","arguments":{"content_type":"audit.general"}}`,
	} {
		got := r.do(line)
		if got.err != nil || got.outcome != control.OutcomeDone || len(got.parts) != 1 {
			t.Fatalf("%s: %+v", line, got)
		}
		golden(t, "original_content.md", sorted(got.text))
		var answer struct {
			MicrosoftManagement struct{ ContentRecord []map[string]any }
		}
		if err := json.Unmarshal([]byte(got.context), &answer); err != nil {
			t.Fatal(err)
		}
		ids := map[any]bool{}
		for _, record := range answer.MicrosoftManagement.ContentRecord {
			ids[record["ID"]] = true
			if _, ok := record["RecordType"].(float64); !ok {
				t.Errorf("RecordType is no number: %v", record)
			}
		}
		if diff := cmp.Diff(map[any]bool{"1234": true, "567": true, "89": true}, ids); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// sorted puts the rows of a table in order: blobs arrive in any.
func sorted(table string) string {
	lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	const head = 3
	rows := lines[head:]
	for i := range rows {
		for j := i; j > 0 && rows[j] < rows[j-1]; j-- {
			rows[j], rows[j-1] = rows[j-1], rows[j]
		}
	}
	return strings.Join(lines, "\n") + "\n"
}
