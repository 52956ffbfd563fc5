package auth_test

import (
	"context"
	"crypto/sha1" //nolint:gosec // names a certificate
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	pkcs12 "software.sslmate.com/src/go-pkcs12"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/auth"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/secret"
	"o365-kafka-connector/internal/testbed"
)

var clientCertificates = sync.OnceValue(func() [2]*testbed.ClientCertificate {
	var made [2]*testbed.ClientCertificate
	for i := range made {
		var err error
		if made[i], err = testbed.NewClientCertificate("app", time.Now().Add(20*24*time.Hour)); err != nil {
			panic(err)
		}
	}
	return made
})

// entra is the emulator, which verifies what it is sent.
type entra struct {
	*emulator.Emulator
	url string
}

func newEntra(t *testing.T, c emulator.Config) *entra {
	t.Helper()
	api := emulator.New(c)
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	return &entra{api, server.URL}
}

func (e *entra) options() auth.Options {
	return auth.Options{TenantID: tenantID, Authority: e.url, Resource: e.url}
}

func (e *entra) source(t *testing.T, c auth.Config) *auth.TokenSource {
	t.Helper()
	s, err := auth.New(c, e.options())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func opens(t *testing.T, s *auth.TokenSource) string {
	t.Helper()
	got, err := s.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func refused(t *testing.T, s *auth.TokenSource, cause audit.Cause, words ...string) {
	t.Helper()
	_, err := s.Token(t.Context())
	f, ok := errors.AsType[*audit.Fault](err)
	if !ok || f.Cause != cause || f.Scope != audit.OfTenant {
		t.Fatalf("error %v (%+v), want cause %s", err, f, cause)
	}
	for _, word := range words {
		if !strings.Contains(f.Error()+" / "+f.Hint, word) {
			t.Errorf("fault %q with hint %q lacks %q", f, f.Hint, word)
		}
	}
}

func certificateOf(t *testing.T, c *testbed.ClientCertificate) (auth.Config, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "app.pem")
	write(t, file, string(c.PEM()))
	return auth.Config{Method: auth.MethodCertificate, ClientID: emulator.DefaultClientID, CertificateFile: file}, file
}

func registered(c ...*testbed.ClientCertificate) []emulator.Tenant {
	one := emulator.Tenant{ID: tenantID}
	for _, each := range c {
		one.Certificates = append(one.Certificates, each.Certificate)
	}
	return []emulator.Tenant{one}
}

func TestCertificateSignsIn(t *testing.T) {
	one := clientCertificates()[0]
	short, long := sha1.Sum(one.Certificate.Raw), sha256.Sum256(one.Certificate.Raw) //nolint:gosec // names a certificate
	file, _ := certificateOf(t, one)
	thumb := auth.Config{Method: auth.MethodCertificate, ClientID: emulator.DefaultClientID, PrivateKey: secret.String(one.KeyPEM())}
	sha1Thumb, sha256Thumb, mangled := thumb, thumb, thumb
	sha1Thumb.CertificateThumbprint = hex.EncodeToString(short[:])
	sha256Thumb.CertificateThumbprint = strings.ToUpper(hex.EncodeToString(long[:]))
	mangled.CertificateThumbprint = sha1Thumb.CertificateThumbprint
	mangled.PrivateKey = secret.String(strings.ReplaceAll(string(one.KeyPEM()), "\n", " "))
	for name, c := range map[string]auth.Config{"file": file, "SHA-1": sha1Thumb, "SHA-256": sha256Thumb, "mangled": mangled} {
		t.Run(name, func(t *testing.T) {
			opens(t, newEntra(t, emulator.Config{Tenants: registered(one)}).source(t, c))
		})
	}
}

func TestRotatedCertificateNeedsNoRestart(t *testing.T) {
	one, two := clientCertificates()[0], clientCertificates()[1]
	e := newEntra(t, emulator.Config{Tenants: registered(one)})
	c, file := certificateOf(t, one)
	s := e.source(t, c)
	first := opens(t, s)
	if end := s.Credentials(); len(end) != 1 || end[0].Kind != "certificate" || !end[0].Due(time.Now()) {
		t.Errorf("credentials %+v, want one that is about to end", end)
	}
	write(t, file, string(two.PEM()))
	e.SetCredentials(tenantID, emulator.Credentials{Certificates: []*x509.Certificate{two.Certificate}})
	if second, err := s.Renew(t.Context(), first); err != nil || second == first {
		t.Errorf("token %q, error %v", second, err)
	}
}

// The password of a certificate changes with it, in a file of its own that arrives later.
func TestPasswordFileIsReadWithTheCertificate(t *testing.T) {
	one, two := clientCertificates()[0], clientCertificates()[1]
	encoded := func(c *testbed.ClientCertificate, password string) string {
		t.Helper()
		data, err := pkcs12.Modern.Encode(c.Key, c.Certificate, nil, password)
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(data)
	}
	e := newEntra(t, emulator.Config{Tenants: registered(one)})
	c, file := certificateOf(t, one)
	c.CertificatePasswordFile = filepath.Join(t.TempDir(), "password")
	write(t, file, encoded(one, "first+pass"))
	write(t, c.CertificatePasswordFile, "first+pass\n")
	s := e.source(t, c)
	held := opens(t, s)
	renew := func() {
		t.Helper()
		fresh, err := s.Renew(t.Context(), held)
		if err != nil || fresh == held {
			t.Fatalf("token %q, error %v", fresh, err)
		}
		held = fresh
	}
	write(t, file, encoded(two, "second+pass"))
	renew() // by the certificate before, as the new one cannot be opened yet
	e.SetCredentials(tenantID, emulator.Credentials{Certificates: []*x509.Certificate{two.Certificate}})
	write(t, c.CertificatePasswordFile, "second+pass\n")
	renew()
}

func TestWrongCertificateIsExplained(t *testing.T) {
	one, two := clientCertificates()[0], clientCertificates()[1]
	e := newEntra(t, emulator.Config{Tenants: registered(one)})
	c, file := certificateOf(t, two)
	refused(t, e.source(t, c), audit.CauseCredentials, "AADSTS700027", "upload it to the app registration")
	c.ClientID = "44444444-4444-4444-4444-444444444444"
	refused(t, e.source(t, c), audit.CauseCredentials, "AADSTS700016", "check auth.client_id")
	write(t, file, "nothing")
	refused(t, e.source(t, c), audit.CauseCredentials, "certificate_file", "neither PEM nor PKCS#12")
	c.CertificateFile += ".gone"
	refused(t, e.source(t, c), audit.CauseCredentials, "certificate_file", "no such file")
}

// An assertion is made for the authority's clock, since one that is not valid yet, or no more, is refused.
func TestClockThatIsOffDoesNotMatter(t *testing.T) {
	t.Parallel()
	one := clientCertificates()[0]
	c, _ := certificateOf(t, one)
	for _, off := range []time.Duration{-20 * time.Minute, 20 * time.Minute} {
		e := newEntra(t, emulator.Config{
			Tenants: registered(one), TokenLifetime: 20 * time.Second, Clock: func() time.Time { return time.Now().Add(off) },
		})
		s := e.source(t, c)
		first := opens(t, s)
		if again := opens(t, s); again != first {
			t.Errorf("%s off: the token is not kept", off)
		}
	}
}

func TestWorkloadIdentityReadsTheFileForEachToken(t *testing.T) {
	const subject = "system:serviceaccount:audit:connector"
	cluster, err := emulator.NewIssuer("https://cluster.example.com/")
	if err != nil {
		t.Fatal(err)
	}
	e := newEntra(t, emulator.Config{Tenants: []emulator.Tenant{{ID: tenantID, Federated: []emulator.FederatedCredential{{Issuer: cluster, Subject: subject}}}}})
	file := filepath.Join(t.TempDir(), "token")
	project := func(life time.Duration) {
		text, err := cluster.Token(subject, time.Now().Add(life))
		if err != nil {
			t.Fatal(err)
		}
		write(t, file, text)
	}
	t.Setenv("AZURE_CLIENT_ID", emulator.DefaultClientID)
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", file)
	s := e.source(t, auth.Config{Method: auth.MethodWorkloadIdentity})
	refused(t, s, audit.CauseCredentials, "federated_token_file", "no such file")
	project(-10 * time.Minute)
	refused(t, s, audit.CauseCredentials, "AADSTS700024", "kept fresh")
	project(time.Hour)
	time.Sleep(1100 * time.Millisecond) // a refused request is not repeated at once
	first := opens(t, s)
	project(2 * time.Hour)
	if _, err := s.Renew(t.Context(), first); err != nil {
		t.Error(err)
	}
}

func TestManagedIdentity(t *testing.T) {
	const client = "33333333-3333-3333-3333-333333333333"
	e := newEntra(t, emulator.Config{IdentityHeader: "header", Tenants: []emulator.Tenant{{
		ID: tenantID, Identities: []emulator.ManagedIdentity{{}, {ClientID: client, ObjectID: "object", ResourceID: "/resource"}},
	}}})
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // would be used for hosts that are not this one
	t.Setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", e.url)
	methods := map[string]auth.Config{
		"its own":        {},
		"by client id":   {ManagedIdentityClientID: client},
		"by object id":   {ManagedIdentityObjectID: "object"},
		"by resource id": {ManagedIdentityResourceID: "/resource"},
	}
	try := func(t *testing.T) {
		for name, c := range methods {
			t.Run(name, func(t *testing.T) {
				c.Method = auth.MethodManagedIdentity
				s := e.source(t, c)
				first := opens(t, s)
				if again := opens(t, s); again != first {
					t.Error("the token is not kept")
				}
				if second, err := s.Renew(t.Context(), first); err != nil || second == first {
					t.Errorf("the library's cache answered: %v", err)
				}
			})
		}
		t.Run("unknown", func(t *testing.T) {
			c := auth.Config{Method: auth.MethodManagedIdentity, ManagedIdentityClientID: "x"}
			refused(t, e.source(t, c), audit.CauseCredentials, "Identity not found", "az vm identity assign")
		})
		t.Run("throttled", func(t *testing.T) {
			if err := e.SetFaults(emulator.Fault{Kind: emulator.TokenError, Status: 429, RetryAfter: 9 * time.Second, First: 1}); err != nil {
				t.Fatal(err)
			}
			refused(t, e.source(t, auth.Config{Method: auth.MethodManagedIdentity}), audit.CauseThrottled, "fewer")
		})
	}
	t.Run("metadata service", try)
	t.Setenv("IDENTITY_ENDPOINT", e.url+"/msi/token")
	t.Setenv("IDENTITY_HEADER", "header")
	t.Run("App Service", try)
	t.Setenv("IDENTITY_HEADER", "stolen")
	refused(t, e.source(t, auth.Config{Method: auth.MethodManagedIdentity}), audit.CauseCredentials, "header is wrong")
}

func TestNoManagedIdentityHere(t *testing.T) {
	t.Setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1")
	s, err := auth.New(auth.Config{Method: auth.MethodManagedIdentity}, auth.Options{TenantID: tenantID, Resource: "https://manage.office.com"})
	if err != nil {
		t.Fatal(err)
	}
	refused(t, s, audit.CauseTransport, "127.0.0.1:1", "no managed identity answers here")
	for _, host := range []string{"http://10.0.0.1", "nonsense"} {
		t.Setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", host)
		if _, err := auth.New(auth.Config{Method: auth.MethodManagedIdentity}, auth.Options{}); err == nil {
			t.Errorf("%s is taken", host)
		}
	}
}

// An assertion is as good as a secret for as long as it is valid.
func TestEchoedAssertionIsMasked(t *testing.T) {
	a := newAuthority(t, plainServer)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "you sent "+r.PostForm.Get("client_assertion"), http.StatusBadRequest)
	})
	a.answer.Store(&h)
	c, _ := certificateOf(t, clientCertificates()[0])
	s, err := auth.New(c, auth.Options{TenantID: tenantID, Authority: a.URL, Resource: "https://manage.office.com"})
	if err != nil {
		t.Fatal(err)
	}
	refused(t, s, audit.CauseCredentials, "you sent ***")
}

func TestAuthorityThatLeadsElsewhereIsNotFollowed(t *testing.T) {
	followed := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed = true }))
	defer other.Close()
	a := newAuthority(t, plainServer)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	a.answer.Store(&h)
	refused(t, a.source(t), audit.CauseTransport, "something between here and the login host")
	if followed {
		t.Error("the secret was sent elsewhere")
	}
}

// Many streams ask, and each when it likes; the authority is asked at its own pace.
func TestFailedRequestIsNotRepeatedAtOnce(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, plainServer)
	a.refuse(http.StatusBadRequest, `{"error":"invalid_client","error_description":"AADSTS7000215: no"}`)
	s := a.source(t)
	for end := time.Now().Add(2500 * time.Millisecond); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if _, err := s.Token(t.Context()); err == nil {
			t.Fatal("no error")
		}
	}
	if n := a.issued.Load(); n < 2 || n > 3 {
		t.Errorf("%d requests in 2.5 s, want 2 or 3", n)
	}
	a.answer.Store(nil)
	time.Sleep(2 * time.Second)
	opens(t, s)
}

func TestRetryAfterHoldsForAllCallers(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, plainServer)
	a.refuse(http.StatusTooManyRequests, "")
	s := a.source(t)
	refused(t, s, audit.CauseThrottled)
	time.Sleep(1500 * time.Millisecond)
	_, err := s.Token(t.Context())
	if f, ok := errors.AsType[*audit.Fault](err); !ok || f.RetryAfter < 4*time.Second || f.RetryAfter > 6*time.Second {
		t.Errorf("error %v (%+v), want what is left of 7 s", err, f)
	}
	if n := a.issued.Load(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestSlowAuthorityTimesOut(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, plainServer)
	release := make(chan struct{})
	defer close(release)
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release })
	a.answer.Store(&h)
	s, err := auth.New(clientSecret(), auth.Options{TenantID: tenantID, Authority: a.URL, Resource: "https://manage.office.com", Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err = s.Token(ctx)
	if f, ok := errors.AsType[*audit.Fault](err); !ok || f.Cause != audit.CauseTimeout {
		t.Errorf("error %v", err)
	}
}
