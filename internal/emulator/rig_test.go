package emulator_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"o365-kafka-connector/internal/emulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	tenant = emulator.DefaultTenantID
	static = "test-token"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// rig is an emulator behind a real server, with a clock that stands until it is moved.
type rig struct {
	*emulator.Emulator
	t      *testing.T
	url    string
	client *http.Client
	clock  atomic.Int64
}

func newRig(t *testing.T, config emulator.Config) *rig {
	t.Helper()
	r := &rig{t: t, client: &http.Client{Transport: &http.Transport{}}}
	r.clock.Store(noon.UnixNano())
	config.Clock = func() time.Time { return time.Unix(0, r.clock.Load()) }
	if config.Seed == 0 {
		config.Seed = 7
	}
	config.StaticToken = static
	r.Emulator = emulator.New(config)
	server := httptest.NewServer(r.Emulator)
	r.url = server.URL
	t.Cleanup(func() {
		r.client.CloseIdleConnections()
		server.Close()
	})
	return r
}

func (r *rig) pass(d time.Duration) { r.clock.Add(int64(d)) }

func (r *rig) now() time.Time { return time.Unix(0, r.clock.Load()).UTC() }

func (r *rig) root() string { return r.url + "/api/v1.0/" + tenant + "/activity/feed" }

// reply is an answer, read as far as it came.
type reply struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

func (a reply) code() string {
	var e struct{ Error struct{ Code string } }
	_ = json.Unmarshal([]byte(a.body), &e)
	return fmt.Sprintf("%d %s", a.status, e.Error.Code)
}

func (r *rig) do(method, link, token string) reply {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, link, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := r.client.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(body), err}
}

func (r *rig) get(link string) reply { return r.do(http.MethodGet, withPublisher(link), static) }

func withPublisher(link string) string {
	glue := "?"
	if strings.Contains(link, "?") {
		glue = "&"
	}
	return link + glue + "PublisherIdentifier=" + tenant
}

func (r *rig) content(contentType string, start, end time.Time) string {
	return r.root() + "/subscriptions/content?contentType=" + contentType + "&startTime=" + form(start) + "&endTime=" + form(end)
}

func form(t time.Time) string { return url.QueryEscape(t.UTC().Format("2006-01-02T15:04:05.999")) }

func (r *rig) post(operation, contentType string) reply {
	return r.do(http.MethodPost, withPublisher(r.root()+"/subscriptions/"+operation+"?contentType="+contentType), static)
}

// listed is a blob as a listing has it.
type listed struct {
	ContentType       string
	ContentID         string
	ContentURI        string
	ContentCreated    time.Time
	ContentExpiration time.Time
}

// list reads all pages of a window and fails the test if anything is odd.
func (r *rig) list(contentType string, start, end time.Time) []listed {
	r.t.Helper()
	var all []listed
	for link, pages := r.content(contentType, start, end), 0; link != ""; pages++ {
		a := r.get(link)
		var page []listed
		if err := json.Unmarshal([]byte(a.body), &page); err != nil || a.status != http.StatusOK || pages > 1000 {
			r.t.Fatalf("page %d: %d %s: %v", pages, a.status, a.body, err)
		}
		all = append(all, page...)
		link = a.header.Get("NextPageUri")
	}
	return all
}

// ids reads a blob and returns its Ids; elements without one are "".
func (r *rig) ids(link string) []string {
	r.t.Helper()
	a := r.get(link)
	if a.status != http.StatusOK || a.err != nil {
		r.t.Fatalf("blob: %d %s %v", a.status, a.body, a.err)
	}
	return idsOf(r.t, a.body)
}

func idsOf(t *testing.T, body string) []string {
	t.Helper()
	var elements []json.RawMessage
	if err := json.Unmarshal([]byte(body), &elements); err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, e := range elements {
		var record map[string]json.RawMessage
		_ = json.Unmarshal(e, &record)
		ids = append(ids, strings.Trim(string(record["Id"]), `"`))
	}
	return ids
}

// everything reads all streams of the tenant as a patient client would, over the last 24 hours, by content id.
func (r *rig) everything(contentTypes ...string) map[string][]string {
	r.t.Helper()
	if len(contentTypes) == 0 {
		contentTypes = emulator.ContentTypes
	}
	got := map[string][]string{}
	for _, ct := range contentTypes {
		for _, b := range r.list(ct, r.now().Add(-24*time.Hour), r.now()) {
			got[b.ContentID] = r.ids(b.ContentURI)
		}
	}
	return got
}

// truth is what the emulator says everything should be.
func (r *rig) truth() map[string][]string {
	want := map[string][]string{}
	for b := range r.Truth("", "") {
		if b.Unavailable == "" {
			want[b.ContentID] = b.Records
		}
	}
	return want
}

func isList(a reply) bool { return json.Valid([]byte(a.body)) && strings.HasPrefix(a.body, "[") }

func blobsOf(body string) []listed {
	var page []listed
	_ = json.Unmarshal([]byte(body), &page)
	return page
}
