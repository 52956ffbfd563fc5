package emulator

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// Issuer makes tokens as a Kubernetes cluster does for its service accounts.
type Issuer struct {
	URL   string
	keyID string
	key   *rsa.PrivateKey
}

// NewIssuer returns an issuer with a key of its own.
func NewIssuer(url string) (*Issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	return &Issuer{URL: url, keyID: rand.Text(), key: key}, nil
}

// federatedLife is how long an issuer's tokens are valid.
const federatedLife = 2 * time.Hour

// Token makes a token for a subject, for Entra ID to take until then.
func (i *Issuer) Token(subject string, until time.Time) (string, error) {
	issued := until.Add(-federatedLife).Unix()
	var text string
	for _, part := range []map[string]any{
		{"alg": "RS256", "kid": i.keyID, "typ": "JWT"},
		{
			"iss": i.URL, "sub": subject, "aud": federatedAudience, "iat": issued, "nbf": issued,
			"exp": until.Unix(), "jti": rand.Text(),
		},
	} {
		data, err := json.Marshal(part)
		if err != nil {
			return "", fmt.Errorf("write token: %w", err)
		}
		text += base64.RawURLEncoding.EncodeToString(data) + "."
	}
	text = text[:len(text)-1]
	sum := sha256.Sum256([]byte(text))
	signature, err := i.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
