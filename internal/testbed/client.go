package testbed

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // names certificates
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// ClientCertificate is a certificate that an application signs in with: RSA, issued by nobody but itself.
type ClientCertificate struct {
	Key         *rsa.PrivateKey
	Certificate *x509.Certificate
}

// NewClientCertificate makes a certificate that is valid until then.
func NewClientCertificate(name string, until time.Time) (*ClientCertificate, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	template := certificate(name)
	template.NotAfter = until
	if start := until.Add(-time.Hour); start.Before(template.NotBefore) {
		template.NotBefore = start
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("create certificate: %w", err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse certificate: %w", err)
	}
	return &ClientCertificate{Key: key, Certificate: made}, nil
}

// Thumbprint is what the portal shows: SHA-1, in hexadecimal digits.
func (c *ClientCertificate) Thumbprint() string {
	return fmt.Sprintf("%X", sha1.Sum(c.Certificate.Raw)) //nolint:gosec // a name
}

// KeyPEM is the private key in the form of PKCS #8.
func (c *ClientCertificate) KeyPEM() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(c.Key)
	if err != nil {
		panic(err) // an RSA key can be written
	}
	return block("PRIVATE KEY", der)
}

// PEM is the certificate with its key behind it.
func (c *ClientCertificate) PEM() []byte {
	return slices.Concat(block("CERTIFICATE", c.Certificate.Raw), c.KeyPEM())
}
