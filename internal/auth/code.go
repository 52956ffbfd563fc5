package auth

import (
	"errors"
	"net/url"
	"strings"

	"o365-kafka-connector/internal/secret"
)

// maxCode is more than any authorization code, or the address that carries it, is long.
const maxCode = 16 << 10

// redirected is what the login host sends a browser back with.
type redirected struct {
	Code  secret.String
	State string // empty if only the code was given
}

var (
	errNoCode = errors.New("it is neither an authorization code nor the address that the browser was sent to after the " +
		"sign-in: copy either of them whole, on one line")
	errLoginRefused = errors.New("the sign-in was refused")
)

// refusedSignIn is a sign-in that the login host, or the person at it, refused.
type refusedSignIn struct{ code, text string }

func (r refusedSignIn) Error() string {
	return "the sign-in was refused: " + refusal{}.clean(r.code+": "+r.text)
}

func (refusedSignIn) Is(err error) bool { return err == errLoginRefused }

// parseRedirected reads what a person copied: the bare code, the whole address, or a part of it such as
// code=…&session_state=….
func parseRedirected(text secret.String) (redirected, error) {
	s := strings.Trim(strings.TrimSpace(text.Reveal()), `"'`)
	if s == "" || len(s) > maxCode || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return redirected{}, errNoCode
	}
	_, query, isAddress := strings.Cut(s, "?")
	switch {
	case isAddress:
	case strings.HasPrefix(s, "code=") || strings.Contains(s, "&code="):
		query = s
	case strings.Contains(s, "&"):
		query = "code=" + s // the code with what followed it
	default:
		return bareCode(s)
	}
	query, _, _ = strings.Cut(query, "#")
	return parseAnswer(query)
}

func bareCode(s string) (redirected, error) {
	if strings.ContainsAny(strings.TrimRight(s, "="), ":/=#") {
		return redirected{}, errNoCode
	}
	if plain, err := url.QueryUnescape(s); err == nil && strings.Contains(s, "%") {
		s = plain
	}
	return redirected{Code: secret.String(s)}, nil
}

// parseAnswer reads the query with which the browser comes back.
//
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#successful-response
func parseAnswer(query string) (redirected, error) {
	q, err := url.ParseQuery(query)
	if err != nil {
		return redirected{}, errNoCode
	}
	if e := q.Get("error"); e != "" {
		return redirected{}, refusedSignIn{e, q.Get("error_description")}
	}
	if q.Get("code") == "" {
		return redirected{}, errNoCode
	}
	return redirected{Code: secret.String(q.Get("code")), State: q.Get("state")}, nil
}
