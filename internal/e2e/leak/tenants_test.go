package leak

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/emulator"
)

// echoTenant never gets a token.
const echoTenant = "99999999-9999-9999-9999-999999999999"

// tenants are those of a run: one for each way to sign in.
type tenants struct {
	emulator emulator.Config
	yaml     strings.Builder // {url} stands for the upstream's address
	env      []string        // {url} likewise
}

func (s *stand) newTenants() *tenants {
	s.t.Helper()
	o := &tenants{emulator: emulator.Config{Seed: 7, Rate: 60, TokenLifetime: 6 * time.Second, ContentTypes: []string{emulator.Exchange}}}
	o.add(emulator.Tenant{ClientSecret: s.shelf.mark("client secret")}, "by-secret", func(e emulator.Tenant) string {
		return fmt.Sprintf("client_id: %s, client_secret: %q, client_secret_expires: 2026-01-01", e.ClientID, e.ClientSecret)
	})
	o.add(emulator.Tenant{ClientSecret: s.shelf.mark("client secret in a file")}, "by-secret-file", func(e emulator.Tenant) string {
		return fmt.Sprintf("client_id: %s, client_secret_file: %s", e.ClientID, s.file("client-secret", e.ClientSecret))
	})
	o.addCertificates(s)
	o.addIdentities(s)
	o.emulator.StaticToken = s.shelf.markPlain("static token")
	o.add(emulator.Tenant{}, "by-token", func(emulator.Tenant) string {
		return fmt.Sprintf("method: static, token: %q", o.emulator.StaticToken)
	})
	o.add(emulator.Tenant{ID: echoTenant}, "refused", func(e emulator.Tenant) string {
		return fmt.Sprintf("client_id: %s, client_secret: %q", e.ClientID, s.shelf.mark("refused client secret"))
	})
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	sealing := base64.StdEncoding.EncodeToString(key)
	s.shelf.whole("key of stored tokens", sealing)
	o.add(emulator.Tenant{ClientSecret: s.shelf.mark("client secret of a person's sign-in")}, "by-person", func(e emulator.Tenant) string {
		return fmt.Sprintf("method: authorization_code, client_id: %s, client_secret: %q, redirect_uri: \"http://localhost:8400/\", authorization_code: %s, token_store: {key: %q}",
			e.ClientID, e.ClientSecret, s.shelf.markPlain("authorization code"), sealing)
	})
	return o
}

func (o *tenants) addCertificates(s *stand) {
	s.t.Helper()
	key, certificate := application(s.t)
	password := s.shelf.mark("certificate password")
	encrypted, err := x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key), []byte(password), x509.PEMCipherAES256) //nolint:staticcheck // what older tools write
	if err != nil {
		s.t.Fatal(err)
	}
	s.shelf.pem("private key", keyText(key))
	s.shelf.pem("encrypted private key", string(pem.EncodeToMemory(encrypted)))
	block := &pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}
	file := s.file("certificate.pem", string(pem.EncodeToMemory(encrypted))+string(pem.EncodeToMemory(block)))
	o.add(emulator.Tenant{Certificates: []*x509.Certificate{certificate}}, "by-certificate", func(e emulator.Tenant) string {
		return fmt.Sprintf("method: certificate, client_id: %s, certificate_file: %s, certificate_password: %q", e.ClientID, file, password)
	})

	key, certificate = application(s.t)
	s.shelf.pem("private key in the configuration", keyText(key))
	thumbprint := sha1.Sum(certificate.Raw)
	o.add(emulator.Tenant{Certificates: []*x509.Certificate{certificate}}, "by-key", func(e emulator.Tenant) string {
		return fmt.Sprintf("method: certificate, client_id: %s, certificate_thumbprint: %s, private_key: %q",
			e.ClientID, hex.EncodeToString(thumbprint[:]), keyText(key))
	})
}

// addIdentities adds those that the host or the cluster vouches for.
func (o *tenants) addIdentities(s *stand) {
	s.t.Helper()
	const subject = "system:serviceaccount:audit:connector"
	cluster, err := emulator.NewIssuer("https://cluster.test/")
	if err != nil {
		s.t.Fatal(err)
	}
	token, err := cluster.Token(subject, time.Now().Add(time.Hour))
	if err != nil {
		s.t.Fatal(err)
	}
	s.shelf.token("federated token", token)
	federated := []emulator.FederatedCredential{{Issuer: cluster, Subject: subject}}
	o.add(emulator.Tenant{Federated: federated}, "by-workload", func(e emulator.Tenant) string {
		return fmt.Sprintf("method: workload_identity, client_id: %s, federated_token_file: %s", e.ClientID, s.file("federated-token", token))
	})

	o.emulator.IdentityHeader = s.shelf.mark("identity header")
	o.env = []string{"IDENTITY_ENDPOINT={url}/msi/token", "IDENTITY_HEADER=" + o.emulator.IdentityHeader}
	o.add(emulator.Tenant{Identities: []emulator.ManagedIdentity{{}}}, "by-host", func(emulator.Tenant) string {
		return "method: managed_identity"
	})
}

// add adds a tenant to the emulator and to the configuration, with what auth holds.
func (o *tenants) add(e emulator.Tenant, name string, auth func(emulator.Tenant) string) {
	n := len(o.emulator.Tenants) + 1
	if e.ID == "" {
		e.ID = fmt.Sprintf("%[1]d%[1]d%[1]d%[1]d%[1]d%[1]d%[1]d%[1]d-1111-1111-1111-111111111111", n)
	}
	e.ClientID = fmt.Sprintf("22222222-2222-2222-2222-22222222222%d", n)
	o.emulator.Tenants = append(o.emulator.Tenants, e)
	fmt.Fprintf(&o.yaml, `
  - {id: %s, name: %s, base_url: "{url}", authority: "{url}", content_types: [Audit.Exchange], auth: {%s}}`, e.ID, name, auth(e))
}

// application makes the key and certificate of an application.
func application(t *testing.T) (*rsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "connector"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, certificate
}

func keyText(key *rsa.PrivateKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}
