package leak

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"testing"
)

// shelf holds every secret and token of a run, with texts that give each away.
type shelf struct {
	mu      sync.Mutex        // guards the following
	needles map[string]string // text: name of the secret
}

func newShelf() *shelf { return &shelf{needles: map[string]string{}} }

// mark makes a secret that is recognized also when it is cut, or escaped for a URL, JSON or Go: its halves hold nothing
// that is ever escaped.
func (s *shelf) mark(name string) string {
	first, second := rand.Text()[:14], rand.Text()[:14]
	secret := first + "+/%&=\"" + second
	s.add(name, first, second)
	s.whole(name, secret)
	return secret
}

// markPlain makes one of letters and digits.
func (s *shelf) markPlain(name string) string {
	secret := rand.Text() + rand.Text()
	s.add(name, secret[:16], secret[len(secret)-16:])
	s.whole(name, secret)
	return secret
}

// whole adds a secret as it is and in the encodings of bytes.
func (s *shelf) whole(name, secret string) {
	b := []byte(secret)
	s.add(name, secret, hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)),
		base64.RawStdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b))
}

// token adds a JWT: its payload and its signature, each also if the other is cut off. The head is the same for all.
func (s *shelf) token(name, token string) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		s.whole(name, token)
		return
	}
	payload, signature := parts[1], parts[2]
	s.add(name, payload, payload[max(0, len(payload)-24):], signature[:min(len(signature), 16)], signature[max(0, len(signature)-16):])
}

// pem adds the lines of a key.
func (s *shelf) pem(name, text string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); len(line) >= 16 && !strings.HasPrefix(line, "-----") && !strings.Contains(line, ": ") {
			s.add(name, line)
		}
	}
}

func (s *shelf) add(name string, needles ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range needles {
		if _, known := s.needles[n]; len(n) >= 12 && !known {
			s.needles[n] = name
		}
	}
}

// count is how many secrets of a name there are, by their needles.
func (s *shelf) count(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, of := range s.needles {
		if of == name {
			n++
		}
	}
	return n
}

// find names the secrets that a text gives away, with what stands around the first of each.
func (s *shelf) find(text string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]string{}
	for needle, name := range s.needles {
		if at := strings.Index(text, needle); at >= 0 {
			found[name] = text[max(0, at-120):min(len(text), at+len(needle)+20)]
		}
	}
	var out []string
	for name, around := range found {
		out = append(out, name+" in …"+around+"…")
	}
	slices.Sort(out)
	return out
}

func TestShelfFindsASecretInEveryForm(t *testing.T) {
	s := newShelf()
	secret := s.mark("password")
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJrYWZrYSIsImp0aSI6IjAxMjM0NTY3ODkifQ.c2lnbmF0dXJlLXNpZ25hdHVyZS1zaWduYXR1cmU"
	s.token("token", jwt)
	s.pem("key", "-----BEGIN X-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END X-----\n")
	parts := strings.Split(jwt, ".")
	for text, want := range map[string]string{
		"x" + secret + "y":      "password",
		secret[:16]:             "password",
		secret[len(secret)-20:]: "password",
		base64.StdEncoding.EncodeToString([]byte(secret)): "password",
		hex.EncodeToString([]byte(secret)):                "password",
		"Bearer " + jwt:                                   "token",
		parts[0] + "." + parts[1]:                         "token",
		parts[2]:                                          "token",
		"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A":                "key",
	} {
		if found := s.find(text); len(found) != 1 || !strings.HasPrefix(found[0], want+" in ") {
			t.Errorf("%q: found %q, want %s", text, found, want)
		}
	}
	if found := s.find(parts[0] + " *** -----BEGIN X-----"); len(found) != 0 {
		t.Errorf("found %q where nothing is", found)
	}
}
