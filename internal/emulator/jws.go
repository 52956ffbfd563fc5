package emulator

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// jws is a signed token that a client sent, taken apart and not yet believed.
type jws struct {
	header struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
		SHA1      string `json:"x5t"`
		SHA256    string `json:"x5t#S256"`
	}
	claims struct {
		Audience  string `json:"aud"`
		Issuer    string `json:"iss"`
		Subject   string `json:"sub"`
		ID        string `json:"jti"`
		NotBefore int64  `json:"nbf"`
		Expires   int64  `json:"exp"`
	}
	sum       [sha256.Size]byte // of what is signed
	signature []byte
}

func parseJWS(text string) (*jws, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, errors.New("a token has three parts")
	}
	j := &jws{sum: sha256.Sum256([]byte(parts[0] + "." + parts[1]))}
	for i, into := range []any{&j.header, &j.claims} {
		data, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, into); err != nil {
			return nil, err
		}
	}
	var err error
	j.signature, err = base64.RawURLEncoding.DecodeString(parts[2])
	return j, err
}

// signedBy reports whether the key made the signature, with an algorithm that Entra ID takes.
func (j *jws) signedBy(key *rsa.PublicKey) bool {
	switch j.header.Algorithm {
	case "RS256":
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, j.sum[:], j.signature) == nil
	case "PS256":
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
		return rsa.VerifyPSS(key, crypto.SHA256, j.sum[:], j.signature, options) == nil
	}
	return false
}

// leeway is how far the clocks of clients may be off.
const leeway = 5 * time.Minute

// current reports whether the token is valid at a time.
func (j *jws) current(now time.Time) bool {
	begins, ends := time.Unix(j.claims.NotBefore, 0).Add(-leeway), time.Unix(j.claims.Expires, 0).Add(leeway)
	return !now.Before(begins) && now.Before(ends)
}
