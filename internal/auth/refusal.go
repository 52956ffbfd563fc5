package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"o365-kafka-connector/internal/audit"
)

// maxMessage is how much of a refusal's text is passed on.
const maxMessage = 400

// jsonWebToken finds tokens and assertions in a text.
var jsonWebToken = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]*`)

// refusal explains why no token came. What it says never holds the secret.
type refusal struct {
	from    string // who was asked
	secret  string
	seen    *witness
	managed bool // the host that we run on was asked, not Entra ID itself
}

func (r refusal) fault(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	response := r.seen.last
	if response == nil {
		return r.unanswered(err)
	}
	message := r.clean(r.seen.description())
	f := &audit.Fault{
		Scope: audit.OfTenant,
		Err:   fmt.Errorf("get a token from %s: HTTP %d: %s", r.from, response.StatusCode, message),
	}
	switch code := response.StatusCode; {
	case code == http.StatusTooManyRequests:
		f.Cause, f.RetryAfter = audit.CauseThrottled, retryAfter(response)
		f.Hint = "Entra ID asks for fewer requests; it is tried again by itself"
	case code >= 500 || code == http.StatusRequestTimeout || r.managed && code == http.StatusGone:
		f.Cause, f.RetryAfter = audit.CauseServer, retryAfter(response)
		f.Hint = "Entra ID fails at the moment; it is tried again by itself"
	case code < 300: // not told, since there may be a token in it
		f.Cause, f.Hint = audit.CauseTransport, r.choose(hintBetween, hintNoIdentity)
		f.Err = fmt.Errorf("get a token from %s: its answer is none that holds a token", r.from)
	case r.managed && strings.HasPrefix(response.Header.Get("WWW-Authenticate"), "Basic realm="): // how Azure Arc begins, before it names a file that only some may read
		f.Cause, f.Hint = audit.CauseCredentials, hintArc
		f.Err = fmt.Errorf("get a token from %s: %s", r.from, r.clean(err.Error()))
	case code < 400 || code == http.StatusProxyAuthRequired:
		f.Cause, f.Hint = audit.CauseTransport, r.choose(hintBetween, hintNoIdentity)
	default:
		f.Cause, f.Hint = audit.CauseCredentials, hint(message, r.choose(hintAny, hintIdentity))
	}
	return f
}

func (r refusal) choose(ofEntra, ofHost string) string {
	if r.managed {
		return ofHost
	}
	return ofEntra
}

// unreadable is for a secret that cannot be had from its file.
func unreadable(err error) error {
	return &audit.Fault{
		Cause: audit.CauseCredentials, Scope: audit.OfTenant,
		Hint: "correct the file or the key that names it; a file is read again by itself", Err: localError{err},
	}
}

// localError came about without any request.
type localError struct{ error }

// Unwrap returns the error itself.
func (e localError) Unwrap() error { return e.error }

// unanswered is for whatever happened before an answer came.
func (r refusal) unanswered(err error) error {
	cause, advice := audit.CauseTransport, r.choose(hintNetwork, hintNoIdentity)
	if r.seen != nil && r.seen.err != nil {
		err = r.seen.err
	}
	if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
		cause = audit.CauseTimeout
	}
	return &audit.Fault{
		Cause: cause, Scope: audit.OfTenant, Hint: advice,
		Err: fmt.Errorf("get a token from %s: %s", r.from, r.clean(err.Error())),
	}
}

// hint returns the advice on the first code that there is one for.
func hint(message, otherwise string) string {
	for _, code := range entraCode.FindAllString(message, -1) {
		if h, ok := hints[code]; ok {
			return h
		}
	}
	return otherwise
}

// description returns Entra ID's own words, or the beginning of whatever answered.
func (w *witness) description() string {
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	switch {
	case len(w.body) == 0:
		return w.last.Status
	case json.Unmarshal(w.body, &answer) == nil && answer.Error != "":
		return answer.Error + ": " + answer.Description
	}
	return string(w.body[:min(len(w.body), 8*maxMessage)])
}

// clean makes one short line of a text from outside.
func (r refusal) clean(text string) string {
	if r.secret != "" { // as it is, and as the request carried it
		text = strings.NewReplacer(r.secret, "***", url.QueryEscape(r.secret), "***").Replace(text)
	}
	text = jsonWebToken.ReplaceAllString(text, "***") // an assertion is as good as a secret for a while
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "..."
	}
	return text
}

func retryAfter(response *http.Response) time.Duration {
	value := response.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}
