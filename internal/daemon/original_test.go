package daemon

import (
	"net/http"
	"net/http/httptest"
	"slices"
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

// has reports whether a listing asked for this window, give or take a minute.
func (w *windows) has(ct audit.ContentType, want audit.Window) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.asked[string(ct)], func(got audit.Window) bool {
		return got.Start.Sub(want.Start).Abs() < time.Minute && got.End.Sub(want.End).Abs() < time.Minute
	})
}

// TestTheOriginalsFetchTimes holds the cases of the XSOAR integration's own tests of get_fetch_start_and_end_time: where
// a listing starts and ends, whatever sweeps list beside it. A remembered place is read with source.overlap before it.
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
			want := audit.Window{Start: now.Add(-tc.start), End: now.Add(-tc.end)}
			r.await(d, func([]audit.StreamStatus) bool { return w.has(audit.General, want) })
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
