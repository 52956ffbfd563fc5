package auth

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // only its size
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// assertionLife is how long Entra ID may take a client assertion.
const assertionLife = 10 * time.Minute

// sign returns the assertion by which the application proves itself to a token endpoint.
//
// https://learn.microsoft.com/entra/identity-platform/certificate-credentials
func (id *identity) sign(clientID, endpoint string, now time.Time) (string, error) {
	header := map[string]any{"typ": "JWT", "alg": "PS256"}
	if len(id.thumbprint) == sha1.Size {
		// The newer form wants SHA-256, which cannot be had from the thumbprint alone.
		header["alg"], header["x5t"] = "RS256", base64.RawURLEncoding.EncodeToString(id.thumbprint)
	} else {
		header["x5t#S256"] = base64.RawURLEncoding.EncodeToString(id.thumbprint)
	}
	if len(id.chain) > 1 { // for applications that trust an issuer and a subject instead of one certificate
		var chain []string
		for _, c := range id.chain {
			chain = append(chain, base64.StdEncoding.EncodeToString(c.Raw))
		}
		header["x5c"] = chain
	}
	claims := map[string]any{
		"aud": endpoint, "iss": clientID, "sub": clientID, "jti": rand.Text(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	}
	return id.jws(header, claims)
}

// jws writes a JSON Web Signature in its compact form, RFC 7515.
func (id *identity) jws(header, claims map[string]any) (string, error) {
	var text string
	for _, part := range []map[string]any{header, claims} {
		data, err := json.Marshal(part)
		if err != nil {
			return "", fmt.Errorf("write assertion: %w", err)
		}
		text += base64.RawURLEncoding.EncodeToString(data) + "."
	}
	text = text[:len(text)-1]
	sum := sha256.Sum256([]byte(text))
	var options crypto.SignerOpts = crypto.SHA256
	if header["alg"] == "PS256" {
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	}
	signature, err := id.key.Sign(rand.Reader, sum[:], options)
	if err != nil {
		return "", fmt.Errorf("sign assertion: %w", err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
