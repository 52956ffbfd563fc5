package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
)

const (
	// grantTimeout bounds one request for tokens.
	grantTimeout = 15 * time.Second
	// maxGrant bounds the answer, in bytes.
	maxGrant = 1 << 20
	// refreshLife is how long Entra ID's refresh tokens last when the answer does not say: each use brings a new one.
	//
	// https://learn.microsoft.com/entra/identity-platform/refresh-tokens#token-lifetime
	refreshLife = 90 * 24 * time.Hour
)

// grant is what the token endpoint gave for a code or a refresh token. It holds tokens: never print it.
type grant struct {
	access, refresh  string
	expires          time.Duration // of the access token, from now
	refreshExpiresIn time.Duration
}

// grantError is a request for tokens that brought none.
type grantError struct {
	*audit.Fault

	code   string // of OAuth, as invalid_grant
	unsent bool   // the request did not reach the login host
	silent bool   // it did, or may have, and no answer came
}

func (e *grantError) Unwrap() error { return e.Fault }

// final reports whether the code or refresh token is of no use any more, or was never.
func (e *grantError) final() bool {
	return e.code == "invalid_grant" || e.code == "interaction_required"
}

// endpoint is the login host's address for tokens.
type endpoint struct {
	client    *http.Client
	authority string
	tenant    string
	timeout   time.Duration // of one request

	mu    sync.Mutex // guards the following
	clock witness
}

// now is the time on the authority's clock.
func (e *endpoint) now() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.clock.now()
}

func (e *endpoint) url() string {
	return e.authority + "/" + url.PathEscape(e.tenant) + "/oauth2/v2.0/token"
}

// ask sends a request for tokens. Its errors are *grantError, except the context's; none holds what the form says.
//
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#redeem-a-code-for-an-access-token
func (e *endpoint) ask(ctx context.Context, form url.Values) (grant, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url(), strings.NewReader(form.Encode()))
	if err != nil {
		return grant{}, fmt.Errorf("ask for tokens: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	response, err := e.client.Do(request)
	if err != nil {
		return grant{}, e.unanswered(ctx, err)
	}
	defer response.Body.Close()
	e.mu.Lock()
	e.clock.note(response)
	e.mu.Unlock()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxGrant))
	if response.StatusCode != http.StatusOK {
		return grant{}, e.refused(response, conceal(body, form))
	}
	if err != nil {
		return grant{}, e.unanswered(ctx, err)
	}
	return e.decode(body)
}

func (e *endpoint) unanswered(ctx context.Context, err error) error {
	late := errors.Is(context.Cause(ctx), context.DeadlineExceeded) // the caller's, too: see lingering
	if errors.Is(err, context.Canceled) && late {
		err = context.DeadlineExceeded
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("ask for tokens: %w", err)
	}
	f, _ := errors.AsType[*audit.Fault](refusal{from: e.authority}.unanswered(err))
	unsent := dialFailed(err)
	return &grantError{Fault: f, unsent: unsent, silent: !unsent}
}

var errNoTokens = errors.New("the answer is no success")

func (e *endpoint) refused(response *http.Response, body []byte) error {
	var answer struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(body, &answer) // else it is not the login host that answered
	f, _ := errors.AsType[*audit.Fault](refusal{from: e.authority, seen: &witness{last: response, body: body}}.fault(errNoTokens))
	if f.Hint == hintAny && answer.Error == "invalid_grant" {
		f.Hint = signInAnew
	}
	return &grantError{Fault: f, code: answer.Error}
}

// decode reads the answer. Numbers come as numbers or as texts.
func (e *endpoint) decode(body []byte) (grant, error) {
	g, err := decodeGrant(body)
	if err == nil {
		return g, nil
	}
	return grant{}, &grantError{silent: true, Fault: &audit.Fault{
		Cause: audit.CauseTransport, Scope: audit.OfTenant,
		Hint: hintBetween,
		Err:  fmt.Errorf("get tokens from %s: %w", e.authority, err),
	}}
}

func decodeGrant(body []byte) (grant, error) {
	var answer struct {
		Access           string  `json:"access_token"`
		Refresh          string  `json:"refresh_token"`
		ExpiresIn        seconds `json:"expires_in"`
		RefreshExpiresIn seconds `json:"refresh_token_expires_in"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return grant{}, errors.New("the answer is no JSON that makes sense")
	}
	switch {
	case answer.Access == "":
		return grant{}, errors.New("the answer holds no access token")
	case answer.ExpiresIn <= 0:
		return grant{}, errors.New("the answer does not say how long the access token lasts")
	}
	if answer.RefreshExpiresIn <= 0 {
		answer.RefreshExpiresIn = seconds(refreshLife / time.Second)
	}
	return grant{
		access: answer.Access, refresh: answer.Refresh, expires: answer.ExpiresIn.duration(),
		refreshExpiresIn: answer.RefreshExpiresIn.duration(),
	}, nil
}

// seconds is a number in JSON that may come as a text.
type seconds int64

// maxSeconds keeps times that nobody means from overflowing.
const maxSeconds = 10 * 365 * 24 * 3600

// UnmarshalJSON implements json.Unmarshaler.
func (s *seconds) UnmarshalJSON(text []byte) error {
	n, err := strconv.ParseFloat(strings.Trim(string(text), `"`), 64)
	if known := err == nil && n >= -maxSeconds && n <= maxSeconds; known { // else it is as good as not there
		*s = seconds(n)
	}
	return nil
}

func (s seconds) duration() time.Duration { return time.Duration(s) * time.Second }

// conceal takes out of a refusal what the request said, as proxies and test services may answer with it.
func conceal(body []byte, form url.Values) []byte {
	for _, name := range []string{"client_secret", "client_assertion", "code", "code_verifier", "refresh_token"} {
		if value := form.Get(name); len(value) >= 4 {
			body = bytes.ReplaceAll(body, []byte(value), []byte("***"))
			body = bytes.ReplaceAll(body, []byte(url.QueryEscape(value)), []byte("***"))
		}
	}
	return body
}
