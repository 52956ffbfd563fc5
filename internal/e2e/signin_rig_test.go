package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

// appCertificates are made once: their keys take time.
var appCertificates = sync.OnceValue(func() [2]*testbed.ClientCertificate {
	var made [2]*testbed.ClientCertificate
	for i := range made {
		var err error
		if made[i], err = testbed.NewClientCertificate("app", time.Now().Add(24*time.Hour)); err != nil {
			panic(err)
		}
	}
	return made
})

const serviceAccount = "system:serviceaccount:audit:connector"

var cluster = sync.OnceValue(func() *emulator.Issuer {
	made, err := emulator.NewIssuer("https://cluster.example.com/")
	if err != nil {
		panic(err)
	}
	return made
})

// method is a way to sign in: what the tenant's application has at Microsoft's, and what the configuration says.
type method struct {
	name   string
	tenant func(t *emulator.Tenant)
	auth   func(t *testing.T) map[string]any // keys of the tenant's entry
	// spoil makes the connector's credential a wrong one, where it is in a file; mend puts the right one there.
	spoil, mend func(t *testing.T, auth map[string]any)
	person      bool // somebody has to sign in first
}

func methods() []method {
	return []method{secretMethod(), certificateMethod(), thumbprintMethod(), workloadMethod(), personMethod()}
}

// personMethod acts for a person; the application proves itself by a secret.
func personMethod() method {
	m := secretMethod()
	m.name, m.person = "authorization_code", true
	application := m.auth
	m.auth = func(t *testing.T) map[string]any {
		auth := application(t)
		auth["auth.method"], auth["auth.redirect_uri"] = "authorization_code", "http://localhost/back"
		auth["auth.token_store.key_file"] = file(t, sealingKeys[0])
		return auth
	}
	return m
}

// sealingKeys encrypt what is stored of sign-ins.
var sealingKeys = []string{"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="}

func secretMethod() method {
	return method{
		name:   "client_secret",
		tenant: func(t *emulator.Tenant) { t.ClientSecret = "s3cret" },
		auth: func(t *testing.T) map[string]any {
			return map[string]any{"auth.client_secret": "", "auth.client_secret_file": file(t, "s3cret\n")}
		},
		spoil: func(t *testing.T, auth map[string]any) { rewrite(t, auth["auth.client_secret_file"], "wrong") },
		mend:  func(t *testing.T, auth map[string]any) { rewrite(t, auth["auth.client_secret_file"], "s3cret") },
	}
}

func certificateMethod() method {
	one, two := appCertificates()[0], appCertificates()[1]
	return method{
		name:   "certificate",
		tenant: func(t *emulator.Tenant) { t.Certificates = []*x509.Certificate{one.Certificate} },
		auth: func(t *testing.T) map[string]any {
			return map[string]any{"auth.method": "certificate", "auth.client_secret": "", "auth.certificate_file": file(t, string(one.PEM()))}
		},
		spoil: func(t *testing.T, auth map[string]any) { rewrite(t, auth["auth.certificate_file"], string(two.PEM())) },
		mend:  func(t *testing.T, auth map[string]any) { rewrite(t, auth["auth.certificate_file"], string(one.PEM())) },
	}
}

// thumbprintMethod is how the original did it: the certificate itself is not there.
func thumbprintMethod() method {
	one, two := appCertificates()[0], appCertificates()[1]
	return method{
		name:   "thumbprint",
		tenant: func(t *emulator.Tenant) { t.Certificates = []*x509.Certificate{one.Certificate} },
		auth: func(t *testing.T) map[string]any {
			return map[string]any{
				"auth.method": "certificate", "auth.client_secret": "", "auth.certificate_thumbprint": one.Thumbprint(),
				"auth.private_key_file": file(t, strings.ReplaceAll(string(one.KeyPEM()), "\n", " ")),
			}
		},
		spoil: func(t *testing.T, auth map[string]any) {
			rewrite(t, auth["auth.private_key_file"], string(two.KeyPEM()))
		},
		mend: func(t *testing.T, auth map[string]any) {
			rewrite(t, auth["auth.private_key_file"], string(one.KeyPEM()))
		},
	}
}

func workloadMethod() method {
	token := func(t *testing.T, subject string) string {
		t.Helper()
		text, err := cluster().Token(subject, time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	return method{
		name: "workload_identity",
		tenant: func(t *emulator.Tenant) {
			t.Federated = []emulator.FederatedCredential{{Issuer: cluster(), Subject: serviceAccount}}
		},
		auth: func(t *testing.T) map[string]any {
			return map[string]any{"auth.method": "workload_identity", "auth.client_secret": "", "auth.federated_token_file": file(t, token(t, serviceAccount))}
		},
		spoil: func(t *testing.T, auth map[string]any) {
			rewrite(t, auth["auth.federated_token_file"], token(t, "system:other"))
		},
		mend: func(t *testing.T, auth map[string]any) {
			rewrite(t, auth["auth.federated_token_file"], token(t, serviceAccount))
		},
	}
}

// managedMethod takes the identity of this client id from the host's metadata service.
func managedMethod(clientID string) method {
	return method{
		name:   "managed_identity",
		tenant: func(t *emulator.Tenant) { t.Identities = []emulator.ManagedIdentity{{ClientID: clientID}} },
		auth: func(*testing.T) map[string]any {
			return map[string]any{
				"auth.method": "managed_identity", "auth.client_id": "", "auth.client_secret": "", "auth.managed_identity_client_id": clientID,
			}
		},
	}
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "credential")
	rewrite(t, name, text)
	return name
}

// rewrite replaces a file as Kubernetes does: there is no moment in which it is half written.
func rewrite(t *testing.T, name any, text string) {
	t.Helper()
	fresh := name.(string) + ".fresh"
	if err := os.WriteFile(fresh, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, name.(string)); err != nil {
		t.Fatal(err)
	}
}

// The metadata service and the proxy of the environment belong to the process, so all tests share them.
var (
	metadataServices = &switchboard{}
	detour           = &tunnel{}
)

// switchboard passes a request for a managed identity's token on to the emulator that has the identity.
type switchboard struct{ byClient sync.Map }

func (s *switchboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if next, ok := s.byClient.Load(r.URL.Query().Get("client_id")); ok {
		next.(http.Handler).ServeHTTP(w, r)
		return
	}
	http.Error(w, "no such identity", http.StatusBadRequest)
}

// tunnel is a proxy that leads to one address, whatever host is asked for: so Microsoft's hosts are on this machine.
type tunnel struct {
	mu   sync.Mutex // guards the following
	to   string
	seen map[string]int // connections, by the host asked for
}

func (p *tunnel) lead(to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to, p.seen = to, map[string]int{}
}

func (p *tunnel) connections() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

func (p *tunnel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	to := p.to
	if p.seen != nil {
		p.seen[r.Host]++
	}
	p.mu.Unlock()
	if r.Method != http.MethodConnect || to == "" {
		http.Error(w, "not through here", http.StatusForbidden)
		return
	}
	far, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", to)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer far.Close()
	near, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer near.Close()
	fmt.Fprint(near, "HTTP/1.1 200 OK\r\n\r\n")
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(far, near); _ = far.Close() })
	both.Go(func() { _, _ = io.Copy(near, far); _ = near.Close() })
	both.Wait()
}

// inEnvironment starts what the environment of an Azure host has, and names it there.
func inEnvironment() (end func()) {
	metadata, proxy := httptest.NewServer(metadataServices), httptest.NewServer(detour)
	for name, value := range map[string]string{
		"AZURE_POD_IDENTITY_AUTHORITY_HOST": metadata.URL, "HTTPS_PROXY": proxy.URL, "NO_PROXY": "",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	return func() { metadata.Close(); proxy.Close() }
}

// serveTLS serves under all of these names; the file holds the authority that says so.
func serveTLS(t *testing.T, h http.Handler, names []string) (address, caFile string) {
	t.Helper()
	authority, err := testbed.NewAuthority(t.TempDir(), "ca")
	if err != nil {
		t.Fatal(err)
	}
	id, err := authority.Issue("microsoft", names...)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(id.CertFile, id.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), authority.CAFile
}
