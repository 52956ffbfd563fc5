package emulator_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // names a certificate
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

var certificates = sync.OnceValue(func() [2]*testbed.ClientCertificate {
	var made [2]*testbed.ClientCertificate
	for i := range made {
		var err error
		if made[i], err = testbed.NewClientCertificate("app", noon.AddDate(1, 0, 0)); err != nil {
			panic(err)
		}
	}
	return made
})

// assertion is a client assertion before it is signed.
type assertion struct {
	header, claims map[string]any
	key            *rsa.PrivateKey
}

func (r *rig) assertion() *assertion {
	c := certificates()[0]
	sum := sha256.Sum256(c.Certificate.Raw)
	return &assertion{
		header: map[string]any{"typ": "JWT", "alg": "PS256", "x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])},
		claims: map[string]any{
			"aud": r.url + "/" + tenant + "/oauth2/v2.0/token", "iss": emulator.DefaultClientID, "sub": emulator.DefaultClientID,
			"jti": "1", "nbf": r.now().Unix(), "exp": r.now().Add(10 * time.Minute).Unix(),
		},
		key: c.Key,
	}
}

func (a *assertion) text(t *testing.T) string {
	t.Helper()
	var parts []string
	for _, part := range []map[string]any{a.header, a.claims} {
		data, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, base64.RawURLEncoding.EncodeToString(data))
	}
	text := strings.Join(parts, ".")
	sum := sha256.Sum256([]byte(text))
	var options crypto.SignerOpts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	if a.header["alg"] == "RS256" {
		options = crypto.SHA256
	}
	signature, err := a.key.Sign(rand.Reader, sum[:], options)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestAssertionIsVerifiedInFull(t *testing.T) {
	r := newRig(t, emulator.Config{Tenants: []emulator.Tenant{{ID: tenant, Certificates: []*x509.Certificate{certificates()[0].Certificate}}}})
	short := sha1.Sum(certificates()[0].Certificate.Raw) //nolint:gosec // names a certificate
	x5t := base64.RawURLEncoding.EncodeToString(short[:])
	at := func(d time.Duration) int64 { return r.now().Add(d).Unix() }
	for name, test := range map[string]struct {
		change func(*assertion)
		want   string
	}{
		"good":                      {func(*assertion) {}, ""},
		"RS256, SHA-1":              {func(a *assertion) { a.header = map[string]any{"alg": "RS256", "x5t": x5t} }, ""},
		"v1 endpoint as audience":   {func(a *assertion) { a.claims["aud"] = r.url + "/" + tenant + "/oauth2/token" }, ""},
		"clocks a little off":       {func(a *assertion) { a.claims["nbf"] = at(4 * time.Minute) }, ""},
		"PS256, SHA-1":              {func(a *assertion) { a.header = map[string]any{"alg": "PS256", "x5t": x5t} }, "AADSTS700027"},
		"no algorithm":              {func(a *assertion) { a.header["alg"] = "none" }, "AADSTS700027"},
		"another key":               {func(a *assertion) { a.key = certificates()[1].Key }, "AADSTS700027"},
		"no thumbprint":             {func(a *assertion) { delete(a.header, "x5t#S256") }, "AADSTS700027"},
		"another application":       {func(a *assertion) { a.claims["iss"], a.claims["sub"] = "x", "x" }, "AADSTS700021"},
		"another tenant":            {func(a *assertion) { a.claims["aud"] = r.url + "/common/oauth2/v2.0/token" }, "AADSTS700023"},
		"another host":              {func(a *assertion) { a.claims["aud"] = "https://login.example.com/" + tenant + "/oauth2/v2.0/token" }, "AADSTS700023"},
		"expired":                   {func(a *assertion) { a.claims["nbf"], a.claims["exp"] = at(-20*time.Minute), at(-10*time.Minute) }, "AADSTS700024"},
		"of the future":             {func(a *assertion) { a.claims["nbf"], a.claims["exp"] = at(10*time.Minute), at(20*time.Minute) }, "AADSTS700024"},
		"too long":                  {func(a *assertion) { a.claims["exp"] = at(48 * time.Hour) }, "AADSTS700024"},
		"no id":                     {func(a *assertion) { delete(a.claims, "jti") }, "AADSTS50027"},
		"issuer is not the subject": {func(a *assertion) { a.claims["iss"] = "x" }, "AADSTS700211"},
	} {
		a := r.assertion()
		test.change(a)
		checkProof(t, r, a.text(t), name, test.want)
	}
	r.SetCredentials(tenant, emulator.Credentials{Certificates: []*x509.Certificate{certificates()[1].Certificate}})
	checkProof(t, r, r.assertion().text(t), "no longer registered", "AADSTS700027")
	checkProof(t, r, "a.b", "two parts", "AADSTS50027")
}

func checkProof(t *testing.T, r *rig, text, name, want string) {
	t.Helper()
	status, answer := r.login(v2, url.Values{
		"client_secret": {""}, "client_assertion": {text},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	})
	got, _ := answer["error_description"].(string)
	got, _, _ = strings.Cut(got, ":")
	if got != want || (status == 200) != (want == "") {
		t.Errorf("%s: %d %v, want %q", name, status, answer, want)
	}
}

func TestFederatedTokenIsVerifiedInFull(t *testing.T) {
	const subject = "system:serviceaccount:audit:connector"
	cluster, err := emulator.NewIssuer("https://cluster.example.com/")
	if err != nil {
		t.Fatal(err)
	}
	impostor, err := emulator.NewIssuer(cluster.URL)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := emulator.NewIssuer("https://other.example.com/")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, emulator.Config{Tenants: []emulator.Tenant{{
		ID: tenant, Federated: []emulator.FederatedCredential{{Issuer: cluster, Subject: subject}},
	}}})
	r.clock.Store(time.Now().UnixNano()) // the cluster's
	for name, test := range map[string]struct {
		issuer  *emulator.Issuer
		subject string
		life    time.Duration
		want    string
	}{
		"good":            {cluster, subject, time.Hour, ""},
		"another account": {cluster, "system:serviceaccount:audit:other", time.Hour, "AADSTS700213"},
		"another issuer":  {stranger, subject, time.Hour, "AADSTS700211"},
		"another key":     {impostor, subject, time.Hour, "AADSTS700027"},
		"expired":         {cluster, subject, -10 * time.Minute, "AADSTS700024"},
	} {
		text, err := test.issuer.Token(test.subject, time.Now().Add(test.life))
		if err != nil {
			t.Fatal(err)
		}
		checkProof(t, r, text, name, test.want)
	}
}
