package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	pkcs12 "software.sslmate.com/src/go-pkcs12"

	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

var signinCertificates = sync.OnceValue(func() [2]*testbed.ClientCertificate {
	var made [2]*testbed.ClientCertificate
	for i := range made {
		var err error
		if made[i], err = testbed.NewClientCertificate("app", time.Now().Add(24*time.Hour)); err != nil {
			panic(err)
		}
	}
	return made
})

func written(t *testing.T, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "credential")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// unsigned is a static token that says this.
func unsigned(payload string) string {
	return "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".x"
}

// misconfiguration is one way to set a sign-in up wrongly: the tenant's auth, as YAML in one line.
type misconfiguration struct {
	check         string
	status        verdict
	message, hint string // of the finding
	auth          func(t *testing.T) string
	id            string // of the tenant; "": the emulator's
}

const app = "client_id: " + emulator.DefaultClientID

func certificateAuth(t *testing.T, data []byte, more string) string {
	t.Helper()
	return "{method: certificate, " + app + ", certificate_file: " + written(t, data) + more + "}"
}

// wrongKeys are seen before anything is sent.
func wrongKeys() map[string]misconfiguration {
	return map[string]misconfiguration{
		"method": {"configuration", failed, "is none: name the one to use", "", func(*testing.T) string { return "{method: default}" }, ""},
		"keys of another method": {
			"configuration", failed, "means nothing to method", "", func(*testing.T) string { return "{" + app + ", client_secret: x, certificate_file: y}" }, "",
		},
		"twice": {"configuration", failed, "stands beside", "", func(*testing.T) string { return "{" + app + ", client_secret: x, client_secret_file: y}" }, ""},
		"thumbprint": {
			"configuration", failed, "must be the certificate's thumbprint", "", func(t *testing.T) string {
				return "{method: certificate, " + app + ", certificate_thumbprint: abc, private_key_file: " + written(t, signinCertificates()[0].KeyPEM()) + "}"
			}, "",
		},
		"ECDSA": {
			"configuration", failed, "Entra ID takes RSA keys", "", func(t *testing.T) string {
				key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
				if err != nil {
					t.Fatal(err)
				}
				der, err := x509.MarshalECPrivateKey(key)
				if err != nil {
					t.Fatal(err)
				}
				return fmt.Sprintf("{method: certificate, %s, certificate_thumbprint: %s, private_key: %q}", app, signinCertificates()[0].Thumbprint(), pemOf("EC PRIVATE KEY", der))
			}, "",
		},
	}
}

func wrongCredentials() map[string]misconfiguration {
	one, two := signinCertificates()[0], signinCertificates()[1]
	return map[string]misconfiguration{
		"secret":      {"token", failed, "AADSTS7000215", "copy the secret's value", func(*testing.T) string { return "{" + app + ", client_secret: wrong}" }, ""},
		"application": {"token", failed, "AADSTS700016", "check auth.client_id", func(*testing.T) string { return "{client_id: other, client_secret: x}" }, ""},
		"tenant": {
			"token", failed, "AADSTS90002", "check the tenant id", func(*testing.T) string { return "{" + app + ", client_secret: x}" },
			"99999999-9999-9999-9999-999999999999",
		},
		"certificate": {"token", failed, "AADSTS700027", "upload it to the app registration", func(t *testing.T) string { return certificateAuth(t, two.PEM(), "") }, ""},
		"thumbprint of another": {
			"token", failed, "AADSTS700027", "auth.certificate_thumbprint", func(t *testing.T) string {
				return "{method: certificate, " + app + ", certificate_thumbprint: " + two.Thumbprint() + ", private_key_file: " + written(t, one.KeyPEM()) + "}"
			}, "",
		},
		"key of another": {
			"token", failed, "its private key belongs to none of the certificates", "read again by itself",
			func(t *testing.T) string {
				return certificateAuth(t, pemOf("CERTIFICATE", one.Certificate.Raw), ", private_key_file: "+written(t, two.KeyPEM()))
			}, "",
		},
		"no file": {
			"token", failed, "no such file", "read again by itself", func(*testing.T) string { return "{method: certificate, " + app + ", certificate_file: /gone}" }, "",
		},
		"no key":      {"token", failed, "it holds no private key", "", func(t *testing.T) string { return certificateAuth(t, pemOf("CERTIFICATE", one.Certificate.Raw), "") }, ""},
		"no password": {"token", failed, "it is encrypted: set auth.certificate_password", "", func(t *testing.T) string { return certificateAuth(t, pfx(t), "") }, ""},
		"password":    {"token", failed, "it cannot be decrypted", "", func(t *testing.T) string { return certificateAuth(t, pfx(t), ", certificate_password: x") }, ""},
		"ends soon":   {"credentials", doubtful, "ends on", "add a new certificate", func(t *testing.T) string { return certificateAuth(t, one.PEM(), "") }, ""},
	}
}

func pfx(t *testing.T) []byte {
	t.Helper()
	one := signinCertificates()[0]
	data, err := pkcs12.Modern.Encode(one.Key, one.Certificate, nil, "pass")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func wrongIdentities(trusted, strange *emulator.Issuer) map[string]misconfiguration {
	federated := func(from *emulator.Issuer, subject string, life time.Duration) func(t *testing.T) string {
		return func(t *testing.T) string {
			t.Helper()
			token, err := from.Token(subject, time.Now().Add(life))
			if err != nil {
				t.Fatal(err)
			}
			return "{method: workload_identity, " + app + ", federated_token_file: " + written(t, []byte(token)) + "}"
		}
	}
	static := func(payload string) func(*testing.T) string {
		return func(*testing.T) string { return "{method: static, token: " + unsigned(payload) + "}" }
	}
	managed := func(client string) func(*testing.T) string {
		return func(*testing.T) string {
			return "{method: managed_identity, managed_identity_client_id: " + client + "}"
		}
	}
	return map[string]misconfiguration{
		"subject":          {"token", failed, "AADSTS700213", "federated credential", federated(trusted, "other", time.Hour), ""},
		"issuer":           {"token", failed, "AADSTS700211", "federated credential", federated(strange, "pod", time.Hour), ""},
		"stale":            {"token", failed, "AADSTS700024", "kept fresh", federated(trusted, "pod", -time.Hour), ""},
		"managed identity": {"token", failed, "Identity not found", "az vm identity assign", managed("other"), ""},
		"another tenant":   {"token", failed, "the token is for tenant", "check the tenant id", static(`{"tid":"99999999-9999-9999-9999-999999999999"}`), ""},
		"another API":      {"token", failed, "the token is for", "check cloud and base_url", static(`{"aud":"https://graph.microsoft.com"}`), ""},
		"old token":        {"token", failed, "the static token has expired", "put a new one", static(`{"exp":1}`), ""},
		"no permission":    {"token", failed, "the app lacks ActivityFeed.Read", "grant admin consent", static(`{"roles":["ServiceHealth.Read"]}`), ""},
		"no DLP":           {"permissions", doubtful, "the app lacks ActivityFeed.ReadDlp", "grant admin consent", static(`{"roles":["ActivityFeed.Read"]}`), ""},
	}
}

// Each misconfiguration is found by the check, with the words, that docs/authentication.md tells, and what to do.
func TestDiagnoseExplainsEachMisconfigurationOfASignIn(t *testing.T) {
	trusted, strange := issuer(t, "https://cluster.example.com/"), issuer(t, "https://cluster.example.com")
	r := newRig(t, emulator.Config{})
	t.Setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", r.url)
	r.api.SetCredentials(emulator.DefaultTenantID, emulator.Credentials{
		ClientSecret: emulator.DefaultClientSecret, Certificates: []*x509.Certificate{signinCertificates()[0].Certificate},
		Federated: []emulator.FederatedCredential{{Issuer: trusted, Subject: "pod"}},
	})
	for _, group := range []map[string]misconfiguration{wrongKeys(), wrongCredentials(), wrongIdentities(trusted, strange)} {
		for name, m := range group {
			t.Run(name, func(t *testing.T) {
				id := m.id
				if id == "" {
					id = emulator.DefaultTenantID
				}
				entry := fmt.Sprintf("  - {id: %s, name: contoso, base_url: %s, authority: %s, auth: %s}\n", id, r.url, r.url, m.auth(t))
				_, d := diagnose(t, r.config(entry, ""))
				m.isAmong(t, d.Diagnose.Checks)
				if !documented(t)[m.check+": "+m.message] {
					t.Errorf("docs/authentication.md does not say that the check %q tells of %q", m.check, m.message)
				}
			})
		}
	}
}

func (m misconfiguration) isAmong(t *testing.T, findings []finding) {
	t.Helper()
	for _, f := range findings {
		if f.Check == m.check && f.Status == m.status && strings.Contains(f.Message, m.message) && strings.Contains(f.Hint, m.hint) {
			if m.check != "configuration" && strings.ContainsRune(f.Message+f.Hint, '\n') {
				t.Errorf("%q is more than a line", f.Message)
			}
			return
		}
	}
	t.Errorf("no check %q with %s, %q and %q: %+v", m.check, m.status, m.message, m.hint, findings)
}

func issuer(t *testing.T, url string) *emulator.Issuer {
	t.Helper()
	made, err := emulator.NewIssuer(url)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// documented returns what the list of misconfigurations names, as "check: message". A row may have several messages.
func documented(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../../docs/authentication.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| [^|]+ \\| ((?:`[a-z ]+`(?: or )?)+) \\| ([^|]+) \\| [^|]+ \\|$").FindAllStringSubmatch(string(text), -1) {
		for _, check := range regexp.MustCompile("`([a-z ]+)`").FindAllStringSubmatch(row[1], -1) {
			for message := range strings.SplitSeq(row[2], ", ") {
				named[check[1]+": "+message] = true
			}
		}
	}
	return named
}

// The host's metadata service is asked for the API's own resource, and for an identity only if one is named.
func TestDiagnoseWithAManagedIdentity(t *testing.T) {
	const client = "44444444-4444-4444-4444-444444444444"
	for name, id := range map[string]string{"user-assigned": client, "system-assigned": ""} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, emulator.Config{BacklogRecords: 100})
			r.api.SetCredentials(emulator.DefaultTenantID, emulator.Credentials{Identities: []emulator.ManagedIdentity{{}, {ClientID: client}}})
			asked := make(chan url.Values, 100)
			host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				asked <- q.URL.Query()
				r.api.ServeHTTP(w, q)
			}))
			t.Cleanup(host.Close)
			t.Setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", host.URL)
			entry := fmt.Sprintf("  - {id: %s, name: contoso, base_url: %s, auth: {method: managed_identity, managed_identity_client_id: %q}}\n",
				emulator.DefaultTenantID, r.url, id)
			if code, d := diagnose(t, r.config(entry, "")); code != exitDone || !d.Diagnose.OK {
				t.Errorf("exit status %d: %+v", code, d)
			}
			want := url.Values{"api-version": {"2018-02-01"}, "resource": {r.url}}
			if id != "" {
				want.Set("client_id", id)
			}
			if diff := cmp.Diff(want, <-asked); diff != "" {
				t.Errorf("query (-want +got):\n%s", diff)
			}
		})
	}
}
