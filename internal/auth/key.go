package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/youmark/pkcs8"
)

// minKeyBits is the smallest RSA key that Entra ID takes.
// https://learn.microsoft.com/entra/identity-platform/certificate-credentials
const minKeyBits = 2048

// parsePrivateKey returns the only private key of a PEM text.
func parsePrivateKey(text, password string) (*rsa.PrivateKey, error) {
	blocks, err := parsePEM(text)
	if err != nil {
		return nil, err
	}
	var types []string
	for _, b := range blocks {
		if strings.HasSuffix(b.Type, "PRIVATE KEY") {
			return rsaKey(decodeKey(b, password))
		}
		types = append(types, b.Type)
	}
	if len(types) > 0 {
		return nil, fmt.Errorf("it holds no private key but %s: take the key that belongs to the certificate, as PEM", strings.Join(types, ", "))
	}
	return nil, errors.New("it holds no PEM text: a private key begins with -----BEGIN PRIVATE KEY-----")
}

// decodeKey reads a key in any of the forms that OpenSSL writes.
func decodeKey(b *pem.Block, password string) (crypto.PrivateKey, error) {
	encrypted := b.Type == "ENCRYPTED PRIVATE KEY" || b.Headers["DEK-Info"] != ""
	if encrypted && password == "" {
		return nil, errors.New("its private key is encrypted: set auth.certificate_password")
	}
	data := b.Bytes
	switch {
	case b.Type == "OPENSSH PRIVATE KEY":
		return nil, errors.New("its private key is one of SSH: take the key that belongs to the certificate, as PEM")
	case b.Type == "ENCRYPTED PRIVATE KEY":
		key, _, err := pkcs8.ParsePrivateKey(data, []byte(password))
		if err != nil {
			return nil, fmt.Errorf("its private key cannot be decrypted: check auth.certificate_password (%w)", err)
		}
		return key, nil
	case encrypted:
		var err error
		data, err = x509.DecryptPEMBlock(b, []byte(password)) //nolint:staticcheck // weak, but what older tools write
		if err != nil {
			return nil, fmt.Errorf("its private key cannot be decrypted: check auth.certificate_password (%w)", err)
		}
	}
	return decodePlainKey(data)
}

// decodePlainKey looks at the content alone, since labels are often wrong.
func decodePlainKey(data []byte) (crypto.PrivateKey, error) {
	if key, err := x509.ParsePKCS1PrivateKey(data); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(data); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(data)
	if err != nil {
		return nil, fmt.Errorf("its private key cannot be read: %w; copy it again, whole", err)
	}
	return key, nil
}

// rsaKey passes on the kind of key that Entra ID takes, and names any other.
func rsaKey(key crypto.PrivateKey, err error) (*rsa.PrivateKey, error) {
	if err != nil {
		return nil, err
	}
	kind := fmt.Sprintf("a %T", key)
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if bits := k.N.BitLen(); bits < minKeyBits {
			return nil, fmt.Errorf("its private key has %d bits: Entra ID takes RSA keys of %d or more", bits, minKeyBits)
		}
		return k, nil
	case *ecdsa.PrivateKey:
		kind = "an ECDSA key"
	case ed25519.PrivateKey:
		kind = "an Ed25519 key"
	}
	return nil, fmt.Errorf("its private key is %s: Entra ID takes RSA keys of %d bits or more", kind, minKeyBits)
}
