package auth

import (
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // names a certificate; what protects is the signature
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"unicode"

	pkcs12 "software.sslmate.com/src/go-pkcs12"
)

// identity is a key together with what names it to Entra ID.
type identity struct {
	key        *rsa.PrivateKey
	thumbprint []byte              // SHA-1 or SHA-256 of the certificate
	chain      []*x509.Certificate // leaf first; empty where there is only a thumbprint
}

// parseThumbprint reads what portals, vaults and OpenSSL print: hex in either case, with colons or blanks.
func parseThumbprint(text string) ([]byte, error) {
	if _, behind, named := strings.Cut(text, "="); named { // as OpenSSL prints it
		text = behind
	}
	digits := strings.Map(func(r rune) rune {
		if r == ':' || r == '-' || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) { // Windows copies an invisible mark, too
			return -1
		}
		return r
	}, text)
	sum, err := hex.DecodeString(digits)
	if err != nil || len(sum) != sha1.Size && len(sum) != sha256.Size {
		return nil, errors.New("must be the certificate's thumbprint: 40 hexadecimal digits (SHA-1) or 64 (SHA-256)")
	}
	return sum, nil
}

// parseIdentity reads certificate and key from a PEM or PKCS#12 file. A key that stands elsewhere is given; nil if not.
func parseIdentity(data []byte, password string, key *rsa.PrivateKey) (*identity, error) {
	var certificates []*x509.Certificate
	var err error
	if strings.Contains(string(data), "-----BEGIN") || strings.Contains(string(data), "----- BEGIN") {
		certificates, key, err = fromPEM(string(data), password, key)
	} else {
		certificates, key, err = fromPKCS12(data, password, key)
	}
	if err != nil {
		return nil, err
	}
	chain, err := leafFirst(certificates, key)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(chain[0].Raw)
	return &identity{key: key, thumbprint: sum[:], chain: chain}, nil
}

func fromPEM(text, password string, key *rsa.PrivateKey) ([]*x509.Certificate, *rsa.PrivateKey, error) {
	blocks, err := parsePEM(text)
	if err != nil {
		return nil, nil, err
	}
	var certificates []*x509.Certificate
	for _, b := range blocks {
		if b.Type != "CERTIFICATE" && b.Type != "X509 CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("its certificate %d cannot be read: %w", len(certificates)+1, err)
		}
		certificates = append(certificates, c)
	}
	if len(certificates) == 0 {
		return nil, nil, fmt.Errorf("it holds no certificate but %s: put the certificate into it, or set auth.certificate_thumbprint and auth.private_key instead", typesOf(blocks))
	}
	if key == nil {
		key, err = parsePrivateKey(text, password)
	}
	return certificates, key, err
}

func typesOf(blocks []*pem.Block) string {
	var types []string
	for _, b := range blocks {
		types = append(types, b.Type)
	}
	if len(types) == 0 {
		return "incomplete PEM text"
	}
	return strings.Join(types, ", ")
}

// fromPKCS12 also takes the base64 text that Azure Key Vault hands out.
func fromPKCS12(data []byte, password string, key *rsa.PrivateKey) ([]*x509.Certificate, *rsa.PrivateKey, error) {
	if decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(data)), "")); err == nil {
		data = decoded
	}
	if key != nil {
		return nil, nil, errors.New("it is no PEM text: PKCS#12 has a key of its own, so leave out auth.private_key")
	}
	found, leaf, more, err := pkcs12.DecodeChain(data, password)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword) && password == "":
		return nil, nil, errors.New("it is encrypted: set auth.certificate_password")
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return nil, nil, errors.New("it cannot be decrypted: check auth.certificate_password")
	case err != nil:
		return nil, nil, fmt.Errorf("it is neither PEM nor PKCS#12 with one private key: %w", err)
	}
	key, err = rsaKey(found, nil)
	return append([]*x509.Certificate{leaf}, more...), key, err
}

// leafFirst puts the certificate that the key belongs to in front.
func leafFirst(certificates []*x509.Certificate, key *rsa.PrivateKey) ([]*x509.Certificate, error) {
	for i, c := range certificates {
		if public, ok := c.PublicKey.(*rsa.PublicKey); ok && public.Equal(&key.PublicKey) {
			chain := []*x509.Certificate{c}
			return append(append(chain, certificates[:i]...), certificates[i+1:]...), nil
		}
	}
	if algorithm := certificates[0].PublicKeyAlgorithm; algorithm != x509.RSA {
		return nil, fmt.Errorf("its certificate is for %s, the private key is RSA: they do not belong together", algorithm)
	}
	return nil, errors.New("its private key belongs to none of the certificates: put the key that the certificate was made with beside it")
}
