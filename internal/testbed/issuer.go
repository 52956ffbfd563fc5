package testbed

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// What a broker expects of a token besides its signature.
const (
	TokenIssuerName = "https://login.test/"
	TokenAudience   = "https://kafka.test"
)

// TokenIssuer signs access tokens, as JWTs by RS256, that a secured broker takes for SASL OAUTHBEARER.
type TokenIssuer struct {
	key  *rsa.PrivateKey
	file string // of the public key, as a JWK set
}

const keyID = "testbed"

func newTokenIssuer(dir string) (*TokenIssuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	set, err := json.Marshal(map[string]any{"keys": []any{map[string]string{
		"kty": "RSA", "alg": "RS256", "use": "sig", "kid": keyID,
		"n": segment(key.N.Bytes()), "e": segment(big.NewInt(int64(key.E)).Bytes()),
	}}})
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	i := &TokenIssuer{key: key, file: filepath.Join(dir, "jwks.json")}
	return i, os.WriteFile(i.file, set, 0o600)
}

// Token returns a token that is good for subject from now on for a lifetime, with claims in addition or instead.
func (i *TokenIssuer) Token(subject string, lifetime time.Duration, claims map[string]any) (string, error) {
	now := time.Now()
	said := map[string]any{
		"iss": TokenIssuerName, "aud": TokenAudience, "sub": subject, "iat": now.Add(-time.Second).Unix(), "exp": now.Add(lifetime + time.Second - 1).Unix(),
		"jti": rand.Text(),
	}
	maps.Copy(said, claims)
	payload, err := json.Marshal(said)
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	text := segment([]byte(`{"typ":"JWT","alg":"RS256","kid":"`+keyID+`"}`)) + "." + segment(payload)
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return text + "." + segment(signature), nil
}

func segment(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// jvm lets Kafka read the issuer's key, which it refuses unless it is told to on its command line.
func (i *TokenIssuer) jvm(home string) []string {
	url := i.url(home)
	return []string{
		"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=" + url,
		"-Dorg.apache.kafka.sasl.oauthbearer.allowed.files=" + home + "/" + filepath.Base(i.file),
	}
}

func (i *TokenIssuer) url(home string) string { return "file://" + home + "/" + filepath.Base(i.file) }
