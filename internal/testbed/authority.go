package testbed

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Authority issues certificates for 127.0.0.1 and localhost, good for servers and clients, for a day.
type Authority struct {
	CAFile string // PEM

	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// Identity is a certificate with its key.
type Identity struct {
	CertFile, KeyFile string // PEM; the key as PKCS #8
	BundleFile        string // key, certificate and CA in one file, as Kafka's PEM key store wants it
}

// NewAuthority makes a certificate authority that keeps its files in dir.
func NewAuthority(dir, name string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	template := certificate(name)
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("create certificate: %w", err)
	}
	if template, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("parse certificate: %w", err)
	}
	a := &Authority{CAFile: filepath.Join(dir, name+".pem"), dir: dir, cert: template, key: key, pem: block("CERTIFICATE", der)}
	return a, os.WriteFile(a.CAFile, a.pem, 0o600)
}

// Issue makes a certificate for a subject with this common name, good for further host names besides.
func (a *Authority) Issue(name string, hosts ...string) (Identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Identity{}, fmt.Errorf("generate key: %w", err)
	}
	template := certificate(name)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	template.DNSNames = append([]string{"localhost"}, hosts...)
	template.IPAddresses = []net.IP{net.ParseIP(host)}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return Identity{}, fmt.Errorf("create certificate: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Identity{}, fmt.Errorf("encode key: %w", err)
	}
	keyPEM, certPEM := block("PRIVATE KEY", pkcs8), block("CERTIFICATE", der)
	stem := filepath.Join(a.dir, name)
	id := Identity{CertFile: stem + ".crt.pem", KeyFile: stem + ".key.pem", BundleFile: stem + ".bundle.pem"}
	for file, text := range map[string][]byte{
		id.CertFile: certPEM, id.KeyFile: keyPEM, id.BundleFile: bytes.Join([][]byte{keyPEM, certPEM, a.pem}, nil),
	} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return Identity{}, fmt.Errorf("write certificate: %w", err)
		}
	}
	return id, nil
}

func certificate(name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(24 * time.Hour),
	}
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
