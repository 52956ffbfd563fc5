package daemon

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/emulator"
)

// shelf offers blobs of its own, in place of those of the API behind it.
type shelf struct {
	http.Handler

	mu    sync.Mutex // guards the following
	blobs []blob
}

type blob struct {
	created time.Time
	body    string
}

// put offers one more blob, as of now.
func (s *shelf) put(body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blobs = append(s.blobs, blob{time.Now().UTC(), body})
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, path, _ := strings.Cut(r.URL.Path, "/activity/feed")
	switch {
	case path == "/subscriptions/content":
		fmt.Fprintf(w, "[%s]", strings.Join(s.list(r), ","))
	case strings.HasPrefix(path, "/audit/shelf"):
		var n int
		if _, err := fmt.Sscanf(path, "/audit/shelf%d", &n); err != nil || n >= len(s.blobs) {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, s.blobs[n].body)
	default:
		s.Handler.ServeHTTP(w, r)
	}
}

// list tells the blobs of the window that a request asks for.
func (s *shelf) list(r *http.Request) (list []string) {
	const form = "2006-01-02T15:04:05"
	start, _ := time.Parse(form, r.URL.Query().Get("startTime"))
	end, _ := time.Parse(form, r.URL.Query().Get("endTime"))
	for n, b := range s.blobs {
		if b.created.Before(start) || !b.created.Before(end) {
			continue
		}
		list = append(list, fmt.Sprintf(`{"contentUri":"http://%s/api/v1.0/%s/activity/feed/audit/shelf%d","contentId":"shelf%d",`+
			`"contentType":"Audit.General","contentCreated":%q}`, r.Host, emulator.DefaultTenantID, n, n, b.created.Format("2006-01-02T15:04:05.000Z")))
	}
	return list
}

// stocked runs a daemon that reads Audit.General from a shelf and publishes records as they are.
func stocked(t *testing.T, dedupe string) (*rig, *shelf, *Daemon) {
	t.Helper()
	r := newRig(t, emulator.Config{})
	s := &shelf{Handler: r.api}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	r.url = server.URL
	d := r.daemon(", content_types: [audit.general]", "output: {format: raw}\ndedupe: {records: \""+dedupe+"\"}")
	r.start(d)
	return r, s, d
}

// arrived returns the ids of the first n records on the topic, sorted.
func (r *rig) arrived(n int) (ids []string) {
	r.t.Helper()
	for _, m := range r.consume("o365.incidents", n) {
		ids = append(ids, header(m, "record_id"))
	}
	slices.Sort(ids)
	return ids
}

func original(t *testing.T, name string, v any) string {
	t.Helper()
	text, err := os.ReadFile("../transform/testdata/xsoar/" + name)
	if err == nil && v != nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTheOriginalsDeduplication holds the cases of the XSOAR integration's tests of its de-duplication. There, records
// were dropped that are older than the window, and only ids of its last second were remembered; here records that were
// published are dropped by their id, and none for its age.
func TestTheOriginalsDeduplication(t *testing.T) {
	var cases struct {
		List []struct {
			LastRun struct {
				IDs []string `json:"incidents_id_dedup"`
			} `json:"last_run"`
			Want []string `json:"want_ids"`
		} `json:"dedup_pr_branch_december_2025"`
	}
	original(t, "vectors.json", &cases)
	if len(cases.List) != 3 {
		t.Fatalf("%d cases", len(cases.List))
	}
	blob := original(t, "incidents_mocked.b725b550.json", nil)
	all := []string{"NEW_EVENT_001", "OLD_EVENT_001", "OVERLAP_EVENT_001", "OVERLAP_EVENT_002"}
	for i, tc := range cases.List {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			r, s, d := stocked(t, "drop")
			var before strings.Builder
			for _, id := range tc.LastRun.IDs {
				fmt.Fprintf(&before, `,{"Id":%q,"CreationTime":"2025-12-05T04:10:00","Operation":"FileAccessed"}`, id)
			}
			s.put("[" + strings.TrimPrefix(before.String(), ",") + "]")
			r.await(d, func(streams []audit.StreamStatus) bool { return records(streams) == int64(len(tc.LastRun.IDs)) })
			s.put(blob)
			got := r.arrived(len(all))
			if diff := cmp.Diff(all, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, id := range tc.Want {
				if !slices.Contains(got, id) {
					t.Errorf("%s is missing", id)
				}
			}
			s.put(blob)
			s.put(`[{"Id":"last","CreationTime":"2025-12-05T04:20:00"}]`)
			if diff := cmp.Diff(append(slices.Clone(all), "last"), r.arrived(len(all)+1)); diff != "" {
				t.Errorf("the same again (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTheOriginalsSameRecordInThreeBlobs is the one that the original made three incidents of.
func TestTheOriginalsSameRecordInThreeBlobs(t *testing.T) {
	r, s, d := stocked(t, "drop")
	for range 3 {
		s.put(original(t, "blob_audit_general_1.json", nil))
	}
	s.put(`[{"Id":"last","CreationTime":"2020-02-27T00:57:41"}]`)
	if diff := cmp.Diff([]string{"1234", "last"}, r.arrived(2)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r.await(d, func(streams []audit.StreamStatus) bool { return records(streams) == 2 })
}

// TestTheOriginalsWatermarks holds the cases of the XSOAR integration's tests of where the next run begins. There, that
// followed the records' CreationTime; here it is the end of what was listed, whatever the records say.
func TestTheOriginalsWatermarks(t *testing.T) {
	var cases struct{ Watermark []struct{ Records string } }
	original(t, "vectors.json", &cases)
	if len(cases.Watermark) != 4 {
		t.Fatalf("%d cases", len(cases.Watermark))
	}
	placeholder := regexp.MustCompile(`\{\{now-(\d+h)\}\}`)
	text := placeholder.ReplaceAllStringFunc(original(t, "records_watermark.json", nil), func(s string) string {
		ago, err := time.ParseDuration(placeholder.FindStringSubmatch(s)[1])
		if err != nil {
			t.Fatal(err)
		}
		return time.Now().UTC().Add(-ago).Format("2006-01-02T15:04:05")
	})
	var blobs map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &blobs); err != nil {
		t.Fatal(err)
	}
	for _, tc := range cases.Watermark {
		_, name, _ := strings.Cut(tc.Records, "#/")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s, d := stocked(t, "off")
			s.put(string(blobs[name]))
			offered, want := time.Now(), int64(strings.Count(string(blobs[name]), `"Id"`))
			r.await(d, func(streams []audit.StreamStatus) bool {
				return len(streams) == 1 && records(streams) == want && streams[0].Watermark.After(offered)
			})
		})
	}
}
