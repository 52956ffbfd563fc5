package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"o365-kafka-connector/internal/audit"
)

// maxMessage is how much of a refusal's text is passed on.
const maxMessage = 400

var entraCode = regexp.MustCompile(`AADSTS\d+`)

// hints say what to do about an error code of Entra ID.
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes
var hints = map[string]string{
	"AADSTS7000215": "the client secret is wrong: copy the secret's value (not its id) from the app registration into auth.client_secret",
	"AADSTS7000222": "the client secret has expired: make a new one in the app registration and put it into auth.client_secret",
	"AADSTS700016":  "the application is unknown in this tenant: check auth.client_id and the tenant id, and grant admin consent",
	"AADSTS90002":   "the tenant is unknown: check the tenant id and the cloud",
	"AADSTS900023":  "the tenant id is neither a GUID nor a domain: check it",
	"AADSTS900382":  "the application belongs to another cloud: check cloud",
	"AADSTS500011":  "the tenant does not know the Office 365 Management APIs: check cloud and base_url",
	"AADSTS65001":   "nobody consented to the application: grant admin consent in its app registration",
	"AADSTS7000112": "the application is disabled: enable it among the tenant's enterprise applications",
	"AADSTS53003":   "a conditional access policy blocks the application: change the policy or the network that the connector runs in",
}

// refusal explains why no token came. What it says never holds the secret.
type refusal struct {
	authority, secret string
}

func (r refusal) fault(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	refused, ok := errors.AsType[*azidentity.AuthenticationFailedError](err)
	if !ok || refused.RawResponse == nil {
		return r.unanswered(err)
	}
	response := refused.RawResponse
	message := r.clean(description(response))
	f := &audit.Fault{
		Scope: audit.OfTenant,
		Err:   fmt.Errorf("get a token from %s: HTTP %d: %s", r.authority, response.StatusCode, message),
	}
	switch code := response.StatusCode; {
	case code == http.StatusTooManyRequests:
		f.Cause, f.RetryAfter = audit.CauseThrottled, retryAfter(response)
		f.Hint = "Entra ID asks for fewer requests; it is tried again by itself"
	case code >= 500 || code == http.StatusRequestTimeout:
		f.Cause, f.RetryAfter = audit.CauseServer, retryAfter(response)
		f.Hint = "Entra ID fails at the moment; it is tried again by itself"
	case code == http.StatusProxyAuthRequired || code < 400:
		f.Cause, f.Hint = audit.CauseTransport, "something between here and the login host answered: check source.proxy and authority"
	default:
		f.Cause, f.Hint = audit.CauseCredentials, hint(message)
	}
	return f
}

// unreadable is for a secret that cannot be had from its file.
func unreadable(err error) error {
	return &audit.Fault{
		Cause: audit.CauseCredentials, Scope: audit.OfTenant,
		Hint: "make the file readable for the connector; it is read again by itself", Err: err,
	}
}

// unanswered is for whatever happened before an answer came, and for answers that made no sense to the library.
func (r refusal) unanswered(err error) error {
	cause, advice := audit.CauseTransport, "the login host cannot be reached: check the network, source.proxy, source.ca_file and authority"
	switch {
	case errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), context.DeadlineExceeded.Error()):
		cause = audit.CauseTimeout
	case entraCode.MatchString(err.Error()):
		cause, advice = audit.CauseCredentials, hint(err.Error())
	}
	return &audit.Fault{
		Cause: cause, Scope: audit.OfTenant, Hint: advice,
		Err: fmt.Errorf("get a token from %s: %s", r.authority, r.clean(err.Error())),
	}
}

func hint(message string) string {
	if h, ok := hints[entraCode.FindString(message)]; ok {
		return h
	}
	return "check auth, the tenant id and cloud; the code in the message is explained at https://login.microsoftonline.com/error"
}

// description returns Entra ID's own words, or the beginning of whatever answered.
func description(response *http.Response) string {
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil && len(body) == 0 {
		return response.Status
	}
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &answer) == nil && answer.Error != "" {
		return answer.Error + ": " + answer.Description
	}
	return string(body)
}

// clean makes one short line of a text from outside.
func (r refusal) clean(text string) string {
	if r.secret != "" { // as it is, and as the request carried it
		text = strings.NewReplacer(r.secret, "***", url.QueryEscape(r.secret), "***").Replace(text)
	}
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
