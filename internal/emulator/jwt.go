package emulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"strings"
	"sync/atomic"
)

// claims are what an access token says.
type claims struct {
	Audience  string   `json:"aud"`
	Issuer    string   `json:"iss"`
	IssuedAt  int64    `json:"iat"`
	NotBefore int64    `json:"nbf"`
	Expires   int64    `json:"exp"`
	AppID     string   `json:"appid"`
	Roles     []string `json:"roles,omitempty"` // of an application
	Scopes    string   `json:"scp,omitempty"`   // of an application on behalf of a person
	Tenant    string   `json:"tid"`
	Unique    uint64   `json:"uti"` // no two tokens are the same
	Version   string   `json:"ver"`
}

// signer makes tokens that it knows again without remembering them.
type signer struct {
	key    []byte
	serial *atomic.Uint64
}

func newSigner(seed uint64) signer {
	return signer{key: binary.BigEndian.AppendUint64([]byte("emulator"), mix(seed)), serial: new(atomic.Uint64)}
}

const tokenHeader = `{"typ":"JWT","alg":"HS256","kid":"emulator"}`

func (s signer) sign(c claims) string {
	c.Unique = s.serial.Add(1)
	payload, err := json.Marshal(c)
	if err != nil {
		panic(err) // a struct of texts and numbers can be written
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(tokenHeader)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	return text + "." + s.signature(text)
}

func (s signer) signature(text string) string {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func (s signer) verify(token string) (claims, bool) {
	at := strings.LastIndexByte(token, '.')
	if at < 0 || !hmac.Equal([]byte(s.signature(token[:at])), []byte(token[at+1:])) {
		return claims{}, false
	}
	_, body, _ := strings.Cut(token[:at], ".")
	payload, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return claims{}, false
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return claims{}, false
	}
	return c, true
}
