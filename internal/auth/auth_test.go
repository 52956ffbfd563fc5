package auth_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/auth"
	"o365-kafka-connector/internal/secret"
)

const tenantID = "11111111-1111-1111-1111-111111111111"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// authority plays Entra ID's token endpoint.
type authority struct {
	*httptest.Server
	lifetime time.Duration
	issued   atomic.Int64
	forms    sync.Map // number -> form
	answer   atomic.Pointer[http.HandlerFunc]
}

// plainServer has no TLS.
func plainServer(h http.Handler) *httptest.Server { return httptest.NewServer(h) }

func newAuthority(t *testing.T, start func(http.Handler) *httptest.Server) *authority {
	t.Helper()
	a := &authority{lifetime: time.Hour}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		root := a.URL + "/" + r.PathValue("tenant")
		_ = json.NewEncoder(w).Encode(map[string]string{
			"issuer": root + "/v2.0", "token_endpoint": root + "/oauth2/v2.0/token", "authorization_endpoint": root + "/oauth2/v2.0/authorize",
		})
	})
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		n := a.issued.Add(1)
		a.forms.Store(n, r.PostForm)
		if h := a.answer.Load(); h != nil {
			(*h)(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":%d,"access_token":"token-%d"}`, int(a.lifetime.Seconds()), n)
	})
	a.Server = start(mux)
	t.Cleanup(a.Close)
	return a
}

func (a *authority) refuse(status int, body string) {
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	})
	a.answer.Store(&h)
}

func clientSecret() auth.Config {
	var c auth.Config
	c.SetDefaults()
	c.ClientID, c.ClientSecret = "22222222-2222-2222-2222-222222222222", secret.String("hush-hush")
	return c
}

func (a *authority) source(t *testing.T) *auth.TokenSource {
	t.Helper()
	s, err := auth.New(clientSecret(), auth.Options{TenantID: tenantID, Authority: a.URL, Resource: "https://manage.office.com", Insecure: a.TLS != nil})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustToken(t *testing.T, get func(context.Context) (string, error), want string) {
	t.Helper()
	got, err := get(t.Context())
	if err != nil || got != want {
		t.Fatalf("token %q, error %v, want %q", got, err, want)
	}
}

func TestTokenIsAskedForOnce(t *testing.T) {
	for name, start := range map[string]func(http.Handler) *httptest.Server{"http": httptest.NewServer, "https": httptest.NewTLSServer} {
		t.Run(name, func(t *testing.T) {
			a := newAuthority(t, start)
			s := a.source(t)
			var group sync.WaitGroup
			for range 50 {
				group.Go(func() { mustTokenAsync(t, s) })
			}
			group.Wait()
			if n := a.issued.Load(); n != 1 {
				t.Errorf("%d token requests, want 1", n)
			}
			form, _ := a.forms.Load(int64(1))
			got := fmt.Sprint(form)
			for _, part := range []string{"client_credentials", "hush-hush", "https://manage.office.com/.default"} {
				if !strings.Contains(got, part) {
					t.Errorf("form %s lacks %s", got, part)
				}
			}
		})
	}
}

func mustTokenAsync(t *testing.T, s *auth.TokenSource) {
	if got, err := s.Token(t.Context()); err != nil || got != "token-1" {
		t.Errorf("token %q, error %v", got, err)
	}
}

func TestRenewOnlyWhatIsStale(t *testing.T) {
	a := newAuthority(t, plainServer)
	s := a.source(t)
	mustToken(t, s.Token, "token-1")
	renew := func(ctx context.Context) (string, error) { return s.Renew(ctx, "token-1") }
	mustToken(t, renew, "token-2")
	mustToken(t, renew, "token-2")
	mustToken(t, s.Token, "token-2")
}

func TestShortLivedTokensAreUsedForMostOfTheirLife(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, plainServer)
	a.lifetime = 2 * time.Second
	s := a.source(t)
	for range 20 {
		mustToken(t, s.Token, "token-1")
	}
	time.Sleep(1700 * time.Millisecond)
	mustToken(t, s.Token, "token-2")
}

func TestFailedRenewalUsesTheTokenOn(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, plainServer)
	a.lifetime = 3 * time.Second
	s := a.source(t)
	mustToken(t, s.Token, "token-1")
	a.refuse(http.StatusServiceUnavailable, "")
	time.Sleep(2500 * time.Millisecond)
	mustToken(t, s.Token, "token-1")
	time.Sleep(600 * time.Millisecond)
	if _, err := s.Token(t.Context()); err == nil {
		t.Error("an expired token was handed out")
	}
}

// The end of a token that cannot be renewed is no reason to ask ever faster.
func TestFailedRenewalsKeepTheirDistance(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, plainServer)
	a.lifetime = 5 * time.Second
	s := a.source(t)
	mustToken(t, s.Token, "token-1")
	a.refuse(http.StatusUnauthorized, `{"error":"invalid_client","error_description":"AADSTS7000215: wrong"}`)
	for end := time.Now().Add(5500 * time.Millisecond); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		_, _ = s.Token(t.Context())
	}
	if n := a.issued.Load(); n < 3 || n > 4 {
		t.Errorf("%d requests, want the first, and 2 or 3 that are refused in the last 1.5 s", n)
	}
}

// Who asks for time gets it, also for renewals while the old token works.
func TestRetryAfterHoldsForRenewals(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, plainServer)
	a.lifetime = 3 * time.Second
	s := a.source(t)
	mustToken(t, s.Token, "token-1")
	a.refuse(http.StatusTooManyRequests, "") // for 7 s
	failed := false
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		_, err := s.Token(t.Context())
		failed = failed || err != nil
	}
	if n := a.issued.Load(); n != 2 || !failed {
		t.Errorf("%d requests in 4 s, want 2: the first token and one that is refused (an error was seen: %t)", n, failed)
	}
}

// Every code that Entra ID is known to answer with has advice of one line.
func TestCommonCodesHaveAdvice(t *testing.T) {
	for _, code := range []string{
		"7000215", "7000222", "700016", "90002", "700027", "50173", "700082", "53003", "65001", "700024", "700211", "700213", "900382", "500011", "7000216",
	} {
		t.Run(code, func(t *testing.T) {
			a := newAuthority(t, plainServer)
			a.refuse(http.StatusBadRequest, `{"error":"invalid_client","error_description":"AADSTS`+code+`: x"}`)
			_, err := a.source(t).Token(t.Context())
			f, ok := errors.AsType[*audit.Fault](err)
			if !ok || f.Cause != audit.CauseCredentials || f.Hint == "" || strings.Contains(f.Hint, "explained at") || strings.Contains(f.Hint, "\n") {
				t.Errorf("error %v with hint %q", err, f.Hint)
			}
		})
	}
}

func TestRefusalsAreExplained(t *testing.T) {
	entra := func(code string) string {
		return `{"error":"invalid_client","error_description":"` + code + `: Invalid client secret hush-hush provided.\r\nTrace ID: 1","error_codes":[1]}`
	}
	tests := []struct {
		name   string
		status int
		body   string
		cause  audit.Cause
		hint   string
		retry  time.Duration
	}{
		{"wrong secret", 401, entra("AADSTS7000215"), audit.CauseCredentials, "client secret is wrong", 0},
		{"expired secret", 401, entra("AADSTS7000222"), audit.CauseCredentials, "has expired", 0},
		{"unknown app", 400, entra("AADSTS700016"), audit.CauseCredentials, "auth.client_id", 0},
		{"unknown tenant", 400, entra("AADSTS90002"), audit.CauseCredentials, "tenant is unknown", 0},
		{"unknown code", 400, entra("AADSTS123"), audit.CauseCredentials, "explained at", 0},
		{"throttled", 429, "", audit.CauseThrottled, "fewer", 7 * time.Second},
		{"broken", 503, "<html>", audit.CauseServer, "tried again", 7 * time.Second},
		{"proxy", 407, "", audit.CauseTransport, "proxy", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := newAuthority(t, plainServer)
			a.refuse(test.status, test.body)
			_, err := a.source(t).Token(t.Context())
			f, ok := errors.AsType[*audit.Fault](err)
			if !ok {
				t.Fatalf("error %v is no fault", err)
			}
			if f.Cause != test.cause || f.Scope != audit.OfTenant || !strings.Contains(f.Hint, test.hint) || f.RetryAfter != test.retry {
				t.Errorf("fault %+v", f)
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("secret in %q", err)
			}
			if n := a.issued.Load(); n != 1 {
				t.Errorf("%d requests, want 1: the caller decides about retries", n)
			}
		})
	}
}

// A proxy or a test service may answer with what it was sent.
func TestEchoedSecretIsMasked(t *testing.T) {
	a := newAuthority(t, plainServer)
	c := clientSecret()
	c.ClientSecret = "hush~/+hush"
	s, err := auth.New(c, auth.Options{TenantID: tenantID, Authority: a.URL, Resource: "https://manage.office.com"})
	if err != nil {
		t.Fatal(err)
	}
	a.refuse(http.StatusBadRequest, "client_secret=hush~%2F%2Bhush; client_secret=hush~/+hush")
	_, err = s.Token(t.Context())
	if err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("error %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	a := newAuthority(t, plainServer)
	s := a.source(t)
	a.Close()
	_, err := s.Token(t.Context())
	if f, ok := errors.AsType[*audit.Fault](err); !ok || f.Cause != audit.CauseTransport || f.Hint == "" {
		t.Errorf("error %v", err)
	}
}

func TestWaitersShareAFailure(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, plainServer)
	release := make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { <-release; w.WriteHeader(http.StatusBadRequest) })
	a.answer.Store(&h)
	s := a.source(t)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if _, err := s.Token(t.Context()); err == nil {
				t.Error("no error")
			}
		})
	}
	time.Sleep(300 * time.Millisecond)
	close(release)
	group.Wait()
	if n := a.issued.Load(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestCancelledCallerEndsAtOnce(t *testing.T) {
	a := newAuthority(t, plainServer)
	release := make(chan struct{})
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release })
	a.answer.Store(&h)
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := a.source(t).Token(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestStatic(t *testing.T) {
	s, err := auth.New(auth.Config{Method: auth.MethodStatic, Token: "given"}, auth.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mustToken(t, s.Token, "given")
	_, err = s.Renew(t.Context(), "given")
	if f, ok := errors.AsType[*audit.Fault](err); !ok || f.Cause != audit.CauseUnauthorized {
		t.Errorf("error %v", err)
	}
	mustToken(t, s.Token, "given")
}

func TestCAFile(t *testing.T) {
	a := newAuthority(t, httptest.NewTLSServer)
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	options := auth.Options{TenantID: tenantID, Authority: a.URL, Resource: "https://manage.office.com", CAFile: file}
	s, err := auth.New(clientSecret(), options)
	if err != nil {
		t.Fatal(err)
	}
	mustToken(t, s.Token, "token-1")

	options.CAFile = ""
	s, err = auth.New(clientSecret(), options)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Token(t.Context())
	if f, ok := errors.AsType[*audit.Fault](err); !ok || f.Cause != audit.CauseTransport {
		t.Errorf("error %v, want a transport fault for an unknown authority", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, test := range []struct {
		name, authority string
		insecure, ok    bool
	}{
		{"plain http elsewhere", "http://login.example.com", false, false},
		{"plain http elsewhere, insecure", "http://login.example.com", true, true},
		{"plain http here", "http://localhost:1234", false, true},
		{"no scheme", "login.microsoftonline.com", false, false},
		{"with a path", "https://login.microsoftonline.com/common", false, false},
		{"with a slash", "https://login.microsoftonline.com/", false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := auth.New(clientSecret(), auth.Options{TenantID: tenantID, Authority: test.authority, Insecure: test.insecure})
			if (err == nil) != test.ok {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestCloud(t *testing.T) {
	base, authority, err := auth.Cloud("gcc-high")
	if err != nil || base != "https://manage.office365.us" || authority != "https://login.microsoftonline.us" {
		t.Errorf("%s %s %v", base, authority, err)
	}
	if _, _, err := auth.Cloud("moon"); err == nil || !strings.Contains(err.Error(), "gcc-high") {
		t.Errorf("error %v, want the list of clouds", err)
	}
}
