package auth

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/secret"
)

func TestWhatPeoplePaste(t *testing.T) {
	for text, want := range map[string]redirected{
		"0.AXoA_b-c.d":                     {Code: "0.AXoA_b-c.d"},
		" 0.AXoA \n":                       {Code: "0.AXoA"},
		"M.C5!*abc":                        {Code: "M.C5!*abc"},
		"abc%2Bd":                          {Code: "abc+d"},
		"abc==":                            {Code: "abc=="},
		"code=abc&session_state=1":         {Code: "abc"},
		"abc&session_state=1":              {Code: "abc"},
		"session_state=1&code=abc&state=s": {Code: "abc", State: "s"},
		"http://localhost:8400/?code=abc&state=s&session_state=1#":      {Code: "abc", State: "s"},
		"https://here.example/a?x=y&state=s%2Bt&code=a%2Bc#frag?code=x": {Code: "a+c", State: "s+t"},
		`"http://localhost/?code=abc"`:                                  {Code: "abc"},
	} {
		if got, err := parseRedirected(secret.String(text)); got != want || err != nil {
			t.Errorf("%q: code %q, state %q, %v", text, got.Code.Reveal(), got.State, err)
		}
	}
	for _, bad := range []string{"", " ", "two words", "a\nb", "http://localhost:8400/", "http://localhost/?state=s", "session_state=1", "code=", "ä", strings.Repeat("x", maxCode+1)} {
		if got, err := parseRedirected(secret.String(bad)); !errors.Is(err, errNoCode) {
			t.Errorf("%q: %+v, %v", bad, got, err)
		}
	}
	_, err := parseRedirected("http://localhost/?error=access_denied&error_description=AADSTS65004%3A+User+declined&state=s")
	if !errors.Is(err, errLoginRefused) || !strings.Contains(err.Error(), "access_denied: AADSTS65004: User declined") {
		t.Errorf("refused: %v", err)
	}
}

func FuzzRedirected(f *testing.F) {
	f.Add("http://localhost/?code=abc&state=s")
	f.Add("abc%zz&x")
	f.Add("error=x")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRedirected(secret.String(text))
		if err != nil {
			return
		}
		if r.Code == "" {
			t.Errorf("%q has an empty code", text)
		}
		back := url.Values{"code": {r.Code.Reveal()}, "state": {r.State}}
		same, err := parseRedirected(secret.String("?" + back.Encode()))
		if err == nil && same != r || err != nil && len(text) < maxCode/4 {
			t.Errorf("%q reads as %+v, then as %+v, %v", text, r, same, err)
		}
	})
}

func TestNumbersOfAGrant(t *testing.T) {
	for text, want := range map[string]grant{
		`{"access_token":"a","expires_in":3599}`:                                                              {access: "a", expires: 3599 * time.Second, refreshExpiresIn: refreshLife},
		`{"access_token":"a","expires_in":"3599","refresh_token":"r"}`:                                        {access: "a", refresh: "r", expires: 3599 * time.Second, refreshExpiresIn: refreshLife},
		`{"access_token":"a","expires_in":20.7,"refresh_token_expires_in":"86400"}`:                           {access: "a", expires: 20 * time.Second, refreshExpiresIn: 24 * time.Hour},
		`{"access_token":"a","expires_in":5,"refresh_token_expires_in":null,"scope":[],"refresh_token":null}`: {access: "a", expires: 5 * time.Second, refreshExpiresIn: refreshLife},
	} {
		if got, err := decodeGrant([]byte(text)); got != want || err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, bad := range []string{``, `null`, `[]`, `{}`, `<html>`, `{"access_token":""}`, `{"access_token":"a"}`, `{"access_token":"a","expires_in":"soon"}`, `{"access_token":"a","expires_in":-5}`, `{"access_token":"a","expires_in":1e99}`, `{"access_token":{}}`} {
		if _, err := decodeGrant([]byte(bad)); err == nil {
			t.Errorf("%s is a grant", bad)
		}
	}
}

func FuzzGrant(f *testing.F) {
	f.Add([]byte(`{"access_token":"a","expires_in":3599,"refresh_token":"r","refresh_token_expires_in":"86400"}`))
	f.Add([]byte(`{"expires_in":"x"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		g, err := decodeGrant(text)
		if err == nil && (g.access == "" || g.expires <= 0 || g.refreshExpiresIn <= 0) {
			t.Errorf("%q is taken", text)
		}
	})
}

// FuzzSignIn takes whatever was stored.
func FuzzSignIn(f *testing.F) {
	f.Add([]byte(`{"id":"a","serial":3,"refresh_token":"r","access":{"token":"t","expires":"2026-11-23T10:00:00Z"},"used_codes":[{"hash":"h"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var s signIn
		if json.Unmarshal(text, &s) != nil {
			return
		}
		s.use(usedCode{Hash: "new"})
		if _, ok := s.used("new"); !ok || len(s.Used) > maxUsedCodes {
			t.Errorf("%d codes", len(s.Used))
		}
		s.take(grant{access: "a", expires: time.Hour, refreshExpiresIn: time.Hour}, "r")
		if s.Ends.IsZero() || s.token().value != "a" {
			t.Errorf("%s", text)
		}
	})
}
