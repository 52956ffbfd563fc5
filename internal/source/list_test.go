package source_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
)

func element(id string) string {
	return fmt.Sprintf(`{"contentType":"Audit.Exchange","contentId":%q,"contentUri":"https://x/%s","contentCreated":"2026-11-22T10:00:01.250Z","contentExpiration":"2026-11-29T10:00:01.250Z"}`, id, id)
}

func TestListReadsEveryPage(t *testing.T) {
	for form, link := range map[string]string{
		"documented": "/api/v1/11111111-1111-1111-1111-111111111111/activity/feed/subscriptions/content?contentType=Audit.Exchange&startTime=2026-11-22T10:00:00&endTime=2026-11-22T11:00:00&nextPage=%d",
		"current":    root + "/subscriptions/content?contenttype=Audit.Exchange&starttime=2026-11-22T10:00:00&endtime=2026-11-22T11:00:00&nextpage=%d",
	} {
		t.Run(form, func(t *testing.T) {
			var r *rig
			page := 0
			r = newRig(t, func(w http.ResponseWriter, q *http.Request) {
				query := q.URL.Query()
				if page == 0 && (query.Get("contentType") != "Audit.Exchange" || query.Get("startTime") != "2026-11-22T10:00:00" || query.Get("endTime") != "2026-11-22T11:00:00") {
					t.Errorf("query %s", q.URL.RawQuery)
				}
				if got := query.Get("nextPage") + query.Get("nextpage"); page > 0 && got != fmt.Sprint(page) {
					t.Errorf("page %s, want %d", got, page)
				}
				if page++; page < 4 {
					w.Header()["NextPageUri"] = []string{r.server.URL + fmt.Sprintf(link, page)}
				}
				if page == 2 {
					fmt.Fprint(w, "[]") // an empty page ends nothing
					return
				}
				fmt.Fprintf(w, "[%s,%s]", element(fmt.Sprint(page, "a")), element(fmt.Sprint(page, "b")))
			})
			got, err := r.list(t)
			if diff := cmp.Diff([]string{"1a", "1b", "3a", "3b", "4a", "4b"}, got); err != nil || diff != "" {
				t.Errorf("error %v, -want +got\n%s", err, diff)
			}
		})
	}
}

func TestListedBlobs(t *testing.T) {
	r := newRig(t, reply(200, `[`+element("1")+`,
		{"contentId":"2","contentExpiration":null,"contentCreated":17,"ContentUri":"u","extra":{"a":[1]}},
		{"contentUri":"https://manage.office.com/api/v1.0/t/activity/feed/audit/a$b$c"}]`))
	var got []audit.Blob
	for b, err := range r.List(t.Context(), stream, window) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b)
	}
	created := time.Date(2026, 11, 22, 10, 0, 1, 25e7, time.UTC)
	want := []audit.Blob{
		{ID: "1", URI: "https://x/1", Created: created, Listed: "2026-11-22T10:00:01.250Z", Expires: created.Add(7 * 24 * time.Hour)},
		{ID: "2", URI: "u"},
		{ID: "a$b$c", URI: "https://manage.office.com/api/v1.0/t/activity/feed/audit/a$b$c"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPageLinksThatAreNotFollowed(t *testing.T) {
	foreign := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		t.Errorf("request to a foreign host, authorization %q", q.Header.Get("Authorization"))
	}))
	defer foreign.Close()
	for name, link := range map[string]string{
		"foreign host": foreign.URL + root + "/subscriptions/content?nextPage=1", "same page": "?nextPage=%d", "circle": "circle", "no URL": "http://[",
		"other scheme": "https://HOST" + root,
	} {
		t.Run(name, func(t *testing.T) {
			requests := 0
			var r *rig
			r = newRig(t, func(w http.ResponseWriter, q *http.Request) {
				requests++
				next := strings.ReplaceAll(link, "HOST", strings.TrimPrefix(r.server.URL, "http://"))
				switch link {
				case "?nextPage=%d":
					next = r.server.URL + q.URL.String()
				case "circle":
					next = r.server.URL + root + "/subscriptions/content?nextPage=" + fmt.Sprint(requests%3)
				}
				w.Header()["NextPageUri"] = []string{next}
				fmt.Fprint(w, "["+element("1")+"]")
			})
			got, err := r.list(t)
			wantFault(t, err, audit.CausePage, audit.OfStream)
			if len(got) != requests || requests > 4 {
				t.Errorf("%d blobs, %d requests", len(got), requests)
			}
		})
	}
}

func TestListTriesTheSamePageAgain(t *testing.T) {
	var r *rig
	fails := map[string]int{"": 1, "1": 2}
	r = newRig(t, func(w http.ResponseWriter, q *http.Request) {
		page := q.URL.Query().Get("nextPage")
		if fails[page] > 0 {
			fails[page]--
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, "["+element("early")+",")
			return // and the connection is cut
		}
		if page == "" {
			w.Header()["NextPageUri"] = []string{r.server.URL + q.URL.Path + "?nextPage=1"}
		}
		fmt.Fprint(w, "["+element("page"+page)+"]")
	})
	var ids []string
	errs := 0
	for b, err := range r.List(t.Context(), stream, window) {
		if err != nil {
			errs++
			wantFault(t, err, audit.CauseTransport, audit.OfStream)
			continue
		}
		ids = append(ids, b.ID)
	}
	if diff := cmp.Diff([]string{"early", "page", "early", "early", "page1"}, ids); errs != 3 || diff != "" {
		t.Errorf("%d errors, -want +got\n%s", errs, diff)
	}
}

func TestListingsThatMakeNoSense(t *testing.T) {
	for _, body := range []string{"", "x", "[", "[1,", `[{"contentId":"a"}`, `[{"contentId":"a"}]x`, "[{}]", `["a"]`, `{"a":1}`, "null", `[{"contentId":"` + strings.Repeat("x", 2<<20) + `"}]`} {
		r := newRig(t, reply(200, body))
		_, err := r.list(t)
		if f := fault(t, err); f.Scope != audit.OfStream || f.Hint == "" {
			t.Errorf("%.20q: %+v", body, f)
		}
	}
}

func TestLargePageIsStreamed(t *testing.T) {
	const count = 5_001
	r := newRig(t, func(w http.ResponseWriter, _ *http.Request) {
		for i := range count {
			fmt.Fprint(w, string("[,"[min(i, 1)])+element(fmt.Sprint(i)))
		}
		fmt.Fprint(w, "]")
	})
	if got, err := r.list(t); err != nil || len(got) != count {
		t.Errorf("%d blobs, error %v", len(got), err)
	}
}

func TestSlowListingsGetMoreTime(t *testing.T) {
	var requests atomic.Int64
	r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
		requests.Add(1)
		select {
		case <-time.After(300 * time.Millisecond):
			fmt.Fprint(w, "["+element("1")+"]")
		case <-q.Context().Done():
		}
	}, timeout(100*time.Millisecond))
	errs, blobs := 0, 0
	for _, err := range r.List(t.Context(), stream, window) {
		if err == nil {
			blobs++
			continue
		}
		errs++
		wantFault(t, err, audit.CauseTimeout, audit.OfStream)
	}
	if errs != 2 || blobs != 1 { // 100 ms, 200 ms, 400 ms
		t.Errorf("%d errors, %d blobs", errs, blobs)
	}
	requests.Store(0)
	if _, err := r.list(t); err != nil || requests.Load() != 1 {
		t.Errorf("the longer deadline was forgotten: %d requests, error %v", requests.Load(), err)
	}
	other := audit.Stream{Tenant: contoso, ContentType: audit.DLP}
	for _, err := range r.List(t.Context(), other, window) {
		wantFault(t, err, audit.CauseTimeout, audit.OfStream)
		break
	}
}

func TestEmptyWindowAsksNothing(t *testing.T) {
	r := newRig(t, func(http.ResponseWriter, *http.Request) { t.Error("request") })
	for range r.List(t.Context(), stream, audit.Window{Start: window.End, End: window.End}) {
		t.Error("a blob or an error")
	}
}
