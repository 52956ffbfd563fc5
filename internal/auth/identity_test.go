package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/youmark/pkcs8"
	pkcs12 "software.sslmate.com/src/go-pkcs12"

	"o365-kafka-connector/internal/testbed"
)

// certificates returns two certificates, made once: their keys take time.
var certificates = sync.OnceValue(func() [2]*testbed.ClientCertificate {
	var made [2]*testbed.ClientCertificate
	for i, name := range []string{"one", "two"} {
		var err error
		if made[i], err = testbed.NewClientCertificate(name, time.Now().Add(24*time.Hour)); err != nil {
			panic(err)
		}
	}
	return made
})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// keys has the first certificate's private key in all forms that are taken, by name.
func keys() map[string]string {
	key := certificates()[0].Key
	plain := string(certificates()[0].KeyPEM())
	legacy := must(x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key), []byte("pass"), x509.PEMCipherAES256)) //nolint:staticcheck // what older tools write
	return map[string]string{
		"PKCS8":              plain,
		"PKCS1":              encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)),
		"wrong label":        encode("RSA PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key))),
		"encrypted":          encode("ENCRYPTED PRIVATE KEY", must(pkcs8.MarshalPrivateKey(key, []byte("pass"), nil))),
		"encrypted, old way": string(pem.EncodeToMemory(legacy)),
		"with a public key":  encode("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(key.Public()))) + plain,
	}
}

func TestPrivateKeysInManyForms(t *testing.T) {
	want := certificates()[0].Key
	for name, text := range keys() {
		lines := strings.Split(strings.TrimSpace(text), "\n")
		for damage, damaged := range map[string]string{
			"none":            text,
			"spaces":          strings.ReplaceAll(strings.TrimSpace(text), "\n", " "),
			"one line":        lines[0] + strings.Join(lines[1:], "\n"),
			"escaped":         strings.ReplaceAll(text, "\n", `\n`),
			"escaped CRLF":    `"` + strings.ReplaceAll(text, "\n", `\r\n`) + `"`,
			"CRLF":            strings.ReplaceAll(text, "\n", "\r\n"),
			"indented":        "  " + strings.Join(lines, "\n    "),
			"text before":     "Bag Attributes\n    friendlyName: x\n" + text,
			"all to newlines": strings.ReplaceAll(text, " ", "\n"),
		} {
			key, err := parsePrivateKey(damaged, "pass")
			if err != nil || !key.Equal(want) {
				t.Errorf("%s, %s: %v", name, damage, err)
			}
		}
	}
}

func TestKeysThatCannotWorkAreNamed(t *testing.T) {
	small := must(rsa.GenerateKey(rand.Reader, 1024)) //nolint:gosec // to be refused
	curve := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	all := keys()
	for name, test := range map[string]struct{ text, password, want string }{
		"small":          {encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(small)), "", "has 1024 bits"},
		"ECDSA":          {encode("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(curve))), "", "an ECDSA key"},
		"ECDSA as PKCS8": {encode("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(curve))), "", "an ECDSA key"},
		"Ed25519":        {encode("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(edwards))), "", "an Ed25519 key"},
		"SSH":            {encode("OPENSSH PRIVATE KEY", []byte("x")), "", "one of SSH"},
		"certificate":    {encode("CERTIFICATE", certificates()[0].Certificate.Raw), "", "no private key but CERTIFICATE"},
		"nothing":        {"hello", "", "no PEM text"},
		"cut":            {all["PKCS8"][:200] + "\n-----END PRIVATE KEY-----", "", "copy it again"},
		"not base64":     {"-----BEGIN PRIVATE KEY-----\n???\n-----END PRIVATE KEY-----", "", "is damaged"},
		"no password":    {all["encrypted"], "", "set auth.certificate_password"},
		"wrong password": {all["encrypted"], "other", "check auth.certificate_password"},
		"old, wrong":     {all["encrypted, old way"], "other", "cannot be"},
	} {
		_, err := parsePrivateKey(test.text, test.password)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

func TestCertificateFilesInManyForms(t *testing.T) {
	one, two := certificates()[0], certificates()[1]
	chain := []*x509.Certificate{two.Certificate}
	modern := must(pkcs12.Modern.Encode(one.Key, one.Certificate, chain, "pass"))
	for name, test := range map[string]struct {
		data  []byte
		key   *rsa.PrivateKey
		chain int
	}{
		"PEM":              {one.PEM(), nil, 1},
		"PEM, key apart":   {[]byte(encode("CERTIFICATE", one.Certificate.Raw)), one.Key, 1},
		"PEM, chain first": {[]byte(encode("CERTIFICATE", two.Certificate.Raw) + string(one.PEM())), nil, 2},
		"PKCS12":           {modern, nil, 2},
		"PKCS12, old way":  {must(pkcs12.LegacyDES.Encode(one.Key, one.Certificate, nil, "pass")), nil, 1},
		"PKCS12 as text":   {[]byte(base64.StdEncoding.EncodeToString(modern) + "\n"), nil, 2},
	} {
		id, err := parseIdentity(test.data, "pass", test.key)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !id.key.Equal(one.Key) || !id.chain[0].Equal(one.Certificate) || len(id.chain) != test.chain || len(id.thumbprint) != 32 {
			t.Errorf("%s: %d certificates, leaf %s", name, len(id.chain), id.chain[0].Subject)
		}
	}
	for name, test := range map[string]struct {
		data           []byte
		password, want string
		key            *rsa.PrivateKey
	}{
		"no certificate":          {one.KeyPEM(), "", "no certificate but PRIVATE KEY", nil},
		"no key":                  {[]byte(encode("CERTIFICATE", one.Certificate.Raw)), "", "no private key but CERTIFICATE", nil},
		"another's key":           {[]byte(encode("CERTIFICATE", two.Certificate.Raw)), "", "belongs to none", one.Key},
		"PKCS12 without a word":   {modern, "", "set auth.certificate_password", nil},
		"PKCS12 with a wrong one": {modern, "other", "check auth.certificate_password", nil},
		"PKCS12 and a key":        {modern, "pass", "leave out auth.private_key", one.Key},
		"rubbish":                 {[]byte("\x00\x01"), "", "neither PEM nor PKCS#12", nil},
		"half a PEM":              {one.PEM()[:100], "", "incomplete PEM", nil},
	} {
		_, err := parseIdentity(test.data, test.password, test.key)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

func TestThumbprints(t *testing.T) {
	for text, want := range map[string]int{
		"84E05C1D98BCE3A5421D225B140B36E86A3D5534":                                     20,
		"84:e0:5c:1d:98:bc:e3:a5:42:1d:22:5b:14:0b:36:e8:6a:3d:55:34":                  20,
		"\u200e84 e0 5c 1d 98 bc e3 a5 42 1d 22 5b 14 0b 36 e8 6a 3d 55 34 ":           20,
		"SHA1 Fingerprint=84:E0:5C:1D:98:BC:E3:A5:42:1D:22:5B:14:0B:36:E8:6A:3D:55:34": 20,
		strings.Repeat("ab", 32): 32,
		strings.Repeat("ab", 16): 0,
		"":                       0,
		"not a thumbprint":       0,
	} {
		sum, err := parseThumbprint(text)
		if len(sum) != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d bytes, %v", text, len(sum), err)
		}
	}
}

// While a new file is written the old certificate counts, and then the new one.
func TestCertificateFileIsReadAgain(t *testing.T) {
	one, two := certificates()[0], certificates()[1]
	file := filepath.Join(t.TempDir(), "app.pem")
	c := must(newCertificate(Config{CertificateFile: file}, discard))
	var got []string
	for _, data := range [][]byte{nil, one.PEM(), one.PEM(), two.PEM()[:500], nil, two.PEM()} {
		if data == nil {
			_ = os.Remove(file)
		} else if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		id, err := c.identity()
		if err != nil {
			got = append(got, "error")
			continue
		}
		got = append(got, id.chain[0].Subject.CommonName)
	}
	if diff := cmp.Diff([]string{"error", "one", "one", "one", "one", "two"}, got); diff != "" {
		t.Errorf("in use (-want +got):\n%s", diff)
	}
	if end := c.credential(); end.Kind != "certificate" || !end.Expires.Equal(two.Certificate.NotAfter) {
		t.Errorf("credential %+v", end)
	}
}

func FuzzParseIdentity(f *testing.F) {
	one := certificates()[0]
	f.Add(one.PEM(), "")
	f.Add(must(pkcs12.Passwordless.Encode(one.Key, one.Certificate, nil, "")), "")
	for _, text := range keys() {
		f.Add([]byte(text), "pass")
	}
	f.Fuzz(func(t *testing.T, data []byte, password string) {
		id, err := parseIdentity(data, password, nil)
		if err == nil && (id.key == nil || len(id.chain) == 0) {
			t.Error("half an identity")
		}
		if key, err := parsePrivateKey(string(data), password); err == nil && key == nil {
			t.Error("no key and no error")
		}
	})
}

func FuzzParseThumbprint(f *testing.F) {
	f.Add("84:E0:5C:1D:98:BC:E3:A5:42:1D:22:5B:14:0B:36:E8:6A:3D:55:34")
	f.Fuzz(func(t *testing.T, text string) {
		if sum, err := parseThumbprint(text); err == nil && len(sum) != 20 && len(sum) != 32 {
			t.Errorf("%d bytes", len(sum))
		}
	})
}
