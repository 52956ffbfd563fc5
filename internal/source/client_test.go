package source_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/source"
	"o365-kafka-connector/internal/unit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const root = "/api/v1.0/11111111-1111-1111-1111-111111111111/activity/feed"

var (
	contoso = audit.Tenant{ID: "11111111-1111-1111-1111-111111111111", Name: "contoso"}
	stream  = audit.Stream{Tenant: contoso, ContentType: audit.Exchange}
	window  = audit.Window{Start: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), End: time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC)}
)

// tokens hands out t1, t2, ... , a new one for each renewal.
type tokens struct {
	renewed atomic.Int64
	fails   error
	opaque  string // if set, what stands in their place
}

func (k *tokens) Token(context.Context) (string, error) {
	if k.opaque != "" {
		return k.opaque, nil
	}
	return fmt.Sprintf("t%d", k.renewed.Load()+1), k.fails
}

func (k *tokens) Renew(ctx context.Context, stale string) (string, error) {
	if current, _ := k.Token(ctx); current == stale {
		k.renewed.Add(1)
	}
	return k.Token(ctx)
}

// meter notes what it is told.
type meter struct {
	mu       sync.Mutex
	requests []string
	waited   time.Duration
}

func (m *meter) Request(_ audit.Stream, operation, code string, _ time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests = append(m.requests, operation+" "+code)
}

func (m *meter) Throttled(_ audit.Stream, waited time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waited += waited
}

func (m *meter) last() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.requests) == 0 {
		return ""
	}
	return m.requests[len(m.requests)-1]
}

// rig is a client and the server that it talks to.
type rig struct {
	*source.Client
	server *httptest.Server
	config source.Config
	tokens *tokens
	meter  *meter
}

type option func(*rig)

func timeout(d time.Duration) option {
	return func(r *rig) { r.config.Timeout = unit.Duration(d) }
}

func newRig(t *testing.T, h http.HandlerFunc, options ...option) *rig {
	t.Helper()
	r := &rig{server: httptest.NewServer(h), tokens: &tokens{}, meter: &meter{}}
	t.Cleanup(r.server.Close)
	r.config.SetDefaults()
	r.config.Timeout = unit.Duration(5 * time.Second)
	r.config.RequestsPerMinute = 100_000
	for _, o := range options {
		o(r)
	}
	var err error
	r.Client, err = source.New(r.config, source.Options{Tenant: contoso, BaseURL: r.server.URL + "/api/v1.0/", Tokens: r.tokens, Meter: r.meter})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Client.Close)
	return r
}

// reply answers every request the same way.
func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func (r *rig) blob(id string) audit.Blob {
	return audit.Blob{ID: id, URI: r.server.URL + root + "/audit/" + id}
}

// list collects a listing until its first error.
func (r *rig) list(t *testing.T) ([]string, error) {
	t.Helper()
	var ids []string
	for b, err := range r.List(t.Context(), stream, window) {
		if err != nil {
			return ids, err
		}
		ids = append(ids, b.ID)
	}
	return ids, nil
}

// fetch collects a blob's records.
func (r *rig) fetch(t *testing.T, b audit.Blob) ([]string, error) {
	t.Helper()
	c, err := r.Fetch(t.Context(), stream, b)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var raw []string
	for record, err := range c.Records() {
		if err != nil {
			return raw, err
		}
		raw = append(raw, string(record.Raw))
	}
	return raw, nil
}

func fault(t *testing.T, err error) *audit.Fault {
	t.Helper()
	f, ok := errors.AsType[*audit.Fault](err)
	if !ok {
		t.Fatalf("error %v is no fault", err)
	}
	return f
}

func wantFault(t *testing.T, err error, cause audit.Cause, scope audit.Scope) *audit.Fault {
	t.Helper()
	f := fault(t, err)
	if f.Cause != cause || f.Scope != scope {
		t.Errorf("cause %s, scope %d, want %s, %d: %v", f.Cause, f.Scope, cause, scope, err)
	}
	return f
}

func TestEveryRequestCarriesPublisherAndToken(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	var r *rig
	r = newRig(t, func(w http.ResponseWriter, q *http.Request) {
		mu.Lock()
		seen = append(seen, q.Method+" "+q.URL.Path)
		mu.Unlock()
		publishers := 0
		for name, values := range q.URL.Query() {
			if url.QueryEscape(name) == "PublisherIdentifier" || name == "publisheridentifier" {
				publishers += len(values)
			}
		}
		if q.URL.Query().Get("PublisherIdentifier") != contoso.ID || publishers != 1 {
			t.Errorf("query %s", q.URL.RawQuery)
		}
		if q.Header.Get("Authorization") != "Bearer t1" {
			t.Errorf("authorization %q", q.Header.Get("Authorization"))
		}
		if q.Method == http.MethodPost && q.Header.Get("Content-Length") != "0" && q.ContentLength != 0 {
			t.Errorf("content length %d", q.ContentLength)
		}
		if q.URL.Query().Get("nextPage") == "" && q.URL.Path == root+"/subscriptions/content" {
			w.Header()["NextPageUri"] = []string{r.server.URL + q.URL.Path + "?nextPage=1&publisheridentifier=other"}
		}
		fmt.Fprint(w, "[]")
	})
	if _, err := r.Subscribed(t.Context(), stream); err != nil {
		t.Error(err)
	}
	if err := r.Subscribe(t.Context(), stream); err != nil {
		t.Error(err)
	}
	if _, err := r.list(t); err != nil {
		t.Error(err)
	}
	if _, err := r.fetch(t, r.blob("a$b$c")); err != nil {
		t.Error(err)
	}
	if err := r.Stop(t.Context(), stream); err != nil {
		t.Error(err)
	}
	want := fmt.Sprint([]string{
		"GET " + root + "/subscriptions/list", "POST " + root + "/subscriptions/start", "GET " + root + "/subscriptions/content",
		"GET " + root + "/subscriptions/content", "GET " + root + "/audit/a$b$c", "POST " + root + "/subscriptions/stop",
	})
	if fmt.Sprint(seen) != want {
		t.Errorf("requests %v, want %s", seen, want)
	}
}

func TestUnauthorizedRenewsTheTokenOnce(t *testing.T) {
	for name, refused := range map[string]map[string]bool{"stale": {"Bearer t1": true}, "wrong": {"Bearer t1": true, "Bearer t2": true}} {
		t.Run(name, func(t *testing.T) {
			requests := 0
			r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
				requests++
				if refused[q.Header.Get("Authorization")] {
					reply(401, `{"Message":"Authorization has been denied for this request."}`)(w, q)
					return
				}
				reply(200, `[{"Id":"1"}]`)(w, q)
			})
			_, err := r.fetch(t, r.blob("a"))
			if requests != 2 || r.tokens.renewed.Load() != 1 {
				t.Errorf("%d requests, %d renewals", requests, r.tokens.renewed.Load())
			}
			if name == "stale" && err != nil {
				t.Error(err)
			}
			if name == "wrong" {
				wantFault(t, err, audit.CauseUnauthorized, audit.OfTenant)
			}
		})
	}
}

func TestGrantedPermissionIsNoticed(t *testing.T) {
	r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Authorization") == "Bearer t1" || strings.Contains(q.URL.Path, "/audit/") {
			reply(401, envelope("AF10001", "The permission set () sent in the request does not include the expected permission."))(w, q)
			return
		}
		reply(200, "[]")(w, q)
	})
	if _, err := r.list(t); err != nil {
		t.Errorf("with a new token: %v", err)
	}
	for range 3 {
		_, err := r.fetch(t, r.blob("a"))
		wantFault(t, err, audit.CauseNoPermission, audit.OfStream)
	}
	if n := r.tokens.renewed.Load(); n != 1 {
		t.Errorf("%d renewals in a moment, want 1", n)
	}
}

func TestTokenErrorsArePassedOn(t *testing.T) {
	r := newRig(t, func(http.ResponseWriter, *http.Request) { t.Error("request without a token") })
	r.tokens.fails = &audit.Fault{Cause: audit.CauseCredentials, Scope: audit.OfTenant, Err: errors.New("no")}
	_, err := r.list(t)
	wantFault(t, err, audit.CauseCredentials, audit.OfTenant)
}

func TestUnreachable(t *testing.T) {
	r := newRig(t, reply(200, "[]"))
	r.server.Close()
	_, err := r.list(t)
	f := wantFault(t, err, audit.CauseTransport, audit.OfStream)
	if f.Hint == "" || r.meter.last() != "list-content transport" {
		t.Errorf("hint %q, meter %q", f.Hint, r.meter.last())
	}
}

func TestRedirects(t *testing.T) {
	foreign := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		t.Errorf("request to a foreign host, authorization %q", q.Header.Get("Authorization"))
	}))
	defer foreign.Close()
	r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case root + "/audit/away":
			http.Redirect(w, q, foreign.URL+"/x", http.StatusFound)
		case root + "/audit/near":
			http.Redirect(w, q, "/moved", http.StatusTemporaryRedirect)
		case "/moved":
			if q.Header.Get("Authorization") != "Bearer t1" {
				t.Error("no token after a redirect inside of the host")
			}
			fmt.Fprint(w, `[1]`)
		}
	})
	if got, err := r.fetch(t, r.blob("near")); err != nil || len(got) != 1 {
		t.Errorf("records %q, error %v", got, err)
	}
	_, err := r.fetch(t, r.blob("away"))
	wantFault(t, err, audit.CauseTransport, audit.OfBlob)
}

func TestCancelledCallerGetsItsContextBack(t *testing.T) {
	release := make(chan struct{})
	r := newRig(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	errs := 0
	for _, err := range r.List(ctx, stream, window) {
		if errs++; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	}
	if errs != 1 || r.meter.last() != "" {
		t.Errorf("%d errors, meter %q", errs, r.meter.last())
	}
}

func TestNowFollowsTheService(t *testing.T) {
	offset := time.Duration(0)
	r := newRig(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(offset).UTC().Format(http.TimeFormat))
		fmt.Fprint(w, "[]")
	})
	for _, offset = range []time.Duration{0, time.Second, -time.Hour, 10 * 24 * time.Hour, 0} {
		if _, err := r.Subscriptions(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := offset
		if offset == time.Second {
			want = 0 // cannot be told from the missing fraction
		}
		if got := time.Until(r.Now()); (got - want).Abs() > 1500*time.Millisecond {
			t.Errorf("skew %s, want %s", got, want)
		}
	}
}

func TestFirstAnswerSetsTheClock(t *testing.T) {
	r := newRig(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(time.Minute).UTC().Format(http.TimeFormat))
		fmt.Fprint(w, "[]")
	})
	if _, err := r.Subscriptions(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := time.Until(r.Now()); (got - time.Minute).Abs() > 1500*time.Millisecond {
		t.Errorf("skew %s, want 1m", got)
	}
}

func BenchmarkFetch(b *testing.B) {
	body := []byte("[" + strings.Repeat(`{"CreationTime":"2026-11-22T10:00:00","Id":"8f3c1c1e","Operation":"FileAccessed","Text":"`+strings.Repeat("0123456789 ", 126)+`"},`, 999) + "{}]")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	}))
	defer server.Close()
	var c source.Config
	c.SetDefaults()
	c.RequestsPerMinute = 1e9
	client, err := source.New(c, source.Options{Tenant: contoso, BaseURL: server.URL, Tokens: &tokens{}})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		content, err := client.Fetch(b.Context(), stream, audit.Blob{ID: "a"})
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range content.Records() {
			if err != nil {
				b.Fatal(err)
			}
		}
		_ = content.Close()
	}
}

func TestNewRefuses(t *testing.T) {
	for base, ok := range map[string]bool{
		"https://manage.office.com": true, "https://manage.office.com/": true, "https://manage.office.com/api/v1.0/": true, "https://manage.office.com/api/v1.0": true,
		"http://127.0.0.1:80": true, "http://localhost": true, "http://manage.office.com": false, "manage.office.com": false, "": false,
		"https://manage.office.com/other": false, "https://user@manage.office.com": false, "ftp://manage.office.com": false,
	} {
		var c source.Config
		c.SetDefaults()
		_, err := source.New(c, source.Options{Tenant: contoso, BaseURL: base, Tokens: &tokens{}})
		if (err == nil) != ok {
			t.Errorf("%q: error %v", base, err)
		}
	}
}
