package secret

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// issue writes a self-signed certificate and its key.
func issue(t *testing.T, name, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if certFile != "" {
		write(t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	}
	if keyFile != "" {
		write(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})))
	}
}

func TestKeyPairFollowsItsFiles(t *testing.T) {
	log := capture(t)
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "crt.pem"), filepath.Join(dir, "key.pem")
	p := NewKeyPair(certFile, keyFile)
	if _, err := p.Certificate(); err == nil || !strings.Contains(err.Error(), certFile) {
		t.Errorf("missing files: %v", err)
	}
	expectName := func(want string) {
		t.Helper()
		got, err := p.ClientCertificate(nil)
		if err != nil || got.Leaf.Subject.CommonName != want {
			t.Fatalf("certificate of %v, %v; want %s", got, err, want)
		}
	}
	issue(t, "first", certFile, keyFile)
	expectName("first")
	issue(t, "half", certFile, "") // the key follows later
	expectName("first")
	expectName("first")
	if n := strings.Count(log.String(), "level=WARN"); n != 1 {
		t.Errorf("told %d times:\n%s", n, log)
	}
	issue(t, "second", certFile, keyFile)
	expectName("second")
	if !strings.Contains(log.String(), "has changed") {
		t.Errorf("change is not told:\n%s", log)
	}
}
