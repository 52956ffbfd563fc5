package daemon

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/emulator"
)

// windows records what listings ask for, by content type.
type windows struct {
	http.Handler

	mu    sync.Mutex // guards the following
	asked map[string][]audit.Window
}

func (w *windows) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if strings.HasSuffix(r.URL.Path, "/subscriptions/content") && q.Get("nextPage") == "" {
		const form = "2006-01-02T15:04:05"
		start, _ := time.Parse(form, q.Get("startTime"))
		end, _ := time.Parse(form, q.Get("endTime"))
		w.mu.Lock()
		w.asked[q.Get("contentType")] = append(w.asked[q.Get("contentType")], audit.Window{Start: start, End: end})
		w.mu.Unlock()
	}
	w.Handler.ServeHTTP(out, r)
}

func (w *windows) first(ct audit.ContentType) (audit.Window, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if list := w.asked[string(ct)]; len(list) > 0 {
		return list[0], true
	}
	return audit.Window{}, false
}

// TestTheOriginalsFetchTimes holds the cases of the XSOAR integration's own tests of get_fetch_start_and_end_time: where
// the first listing starts and ends. A remembered place is read with source.overlap before it.
func TestTheOriginalsFetchTimes(t *testing.T) {
	const keep = 167*time.Hour + 55*time.Minute
	for name, tc := range map[string]struct {
		firstFetch string
		last       time.Duration // ago; 0: nothing is remembered
		start, end time.Duration // ago
		gap        bool
	}{
		"no state, first fetch 12 hours": {"12h", 0, 12 * time.Hour, 0, false},
		"no state, first fetch 2 days":   {"2 days", 0, 48 * time.Hour, 24 * time.Hour, false},
		"state of 6 hours ago":           {"12h", 6 * time.Hour, 6*time.Hour + 5*time.Minute, 0, false},
		"state of 128 days ago":          {"12h", 128 * 24 * time.Hour, keep, keep - 24*time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, emulator.Config{})
			w := &windows{Handler: r.api, asked: map[string][]audit.Window{}}
			server := httptest.NewServer(w)
			t.Cleanup(server.Close)
			r.url = server.URL
			d := r.daemon(", content_types: [audit.general], source: {catch_up_after: 0s, first_fetch: "+tc.firstFetch+"}", "")
			if tc.last > 0 {
				r.remember(d, time.Now().Add(-tc.last))
			}
			now := time.Now()
			end := r.start(d)
			r.await(d, func([]audit.StreamStatus) bool { _, ok := w.first(audit.General); return ok })
			got, _ := w.first(audit.General)
			for what, ago := range map[string][2]time.Duration{
				"start": {now.Sub(got.Start), tc.start}, "end": {now.Sub(got.End), tc.end},
			} {
				if diff := (ago[0] - ago[1]).Abs(); diff > time.Minute {
					t.Errorf("the first listing's %s is %s ago, want %s", what, ago[0], ago[1])
				}
			}
			r.await(d, func(s []audit.StreamStatus) bool { return !tc.gap || len(s[0].Gaps) == 1 })
			if s := d.Status()[0]; !tc.gap && len(s.Gaps) > 0 {
				t.Errorf("gaps %+v", s.Gaps)
			}
			if err := end(); err != nil {
				t.Error(err)
			}
		})
	}
}

// remember has an earlier process stand at a watermark.
func (r *rig) remember(d *Daemon, at time.Time) {
	r.t.Helper()
	store, err := checkpoint.Open(r.t.Context(), d.config.Checkpoint)
	if err != nil {
		r.t.Fatal(err)
	}
	defer store.Close()
	handle, err := store.Acquire(r.t.Context(), d.tenants[0].config.Streams()[0])
	if err != nil {
		r.t.Fatal(err)
	}
	at = at.UTC().Truncate(time.Second)
	err = handle.Reset(r.t.Context(), audit.Checkpoint{Position: -1, FirstStart: at.Add(-time.Hour), Progress: audit.Progress{Watermark: at}})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := handle.Release(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}
