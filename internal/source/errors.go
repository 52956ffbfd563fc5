package source

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"o365-kafka-connector/internal/audit"
)

// APIError is an answer that refuses a request.
type APIError struct {
	Operation string // one of the Operation constants
	Status    int    // of HTTP
	Code      string // AF code; empty if the answer holds none
	Message   string // the service's words, or the beginning of whatever answered
}

// Error names the operation, the code and the service's words.
func (e *APIError) Error() string {
	name := e.Code
	if name == "" {
		name = "refused"
	}
	return fmt.Sprintf("%s: %s (HTTP %d): %s", e.Operation, name, e.Status, e.Message)
}

// remedy is what an error code means for us.
type remedy struct {
	cause audit.Cause
	scope audit.Scope
	hint  string
}

const (
	hintTenant   = "check the tenant id, that it has an Office 365 licence, and cloud"
	hintClock    = "the window of time was refused: check this machine's clock; it is tried again by itself"
	hintRequest  = "the request was refused as wrong: check base_url, cloud and the content type; report it as a bug if they are right"
	hintGone     = "the content is no longer kept by Microsoft"
	hintServer   = "the API fails at the moment; it is tried again by itself"
	hintAudit    = "is unified auditing on in this tenant? Switch it on in the Purview portal; that can take an hour"
	hintProxy    = "something between here and the API answered: check source.proxy and base_url"
	hintNetwork  = "the API cannot be reached: check the network, source.proxy, source.ca_file and base_url"
	hintToken    = "a fresh token is refused: check cloud, base_url and that the application belongs to this tenant"
	hintRole     = "add the application permission ActivityFeed.Read of the Office 365 Management APIs (for DLP.All also ActivityFeed.ReadDlp) and grant admin consent"
	hintQuota    = "the tenant's request quota is used up: lower source.requests_per_minute or stop other programs that read this tenant's log"
	hintStart    = "Microsoft takes one start of a subscription in 15 minutes; it is tried again by itself"
	hintOther    = "the token is for another tenant: check the tenant id and auth"
	hintDisabled = "the subscription was disabled, by an administrator or because auditing is off; " + hintAudit
	hintPage     = "the page link is stale: the window is listed again by itself"
	hintID       = "the content id was refused: check that cloud fits the tenant"
	hintEnabled  = "the subscription is not enabled: set auto_subscribe, or run start-subscription"
)

// remedies holds one line for each code. The codes and their meaning are those of "Errors" in
// https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-reference
// and of the field for those that the page lacks. The scope of a refused blob is narrowed by concern.
var remedies = map[string]remedy{
	"AF10001": {audit.CauseNoPermission, audit.OfStream, hintRole},     // token lacks the permission
	"AF20001": {audit.CauseRequest, audit.OfStream, hintRequest},       // parameter missing
	"AF20002": {audit.CauseRequest, audit.OfStream, hintRequest},       // parameter of the wrong type
	"AF20003": {audit.CauseRequest, audit.OfStream, hintRequest},       // webhook expiration in the past
	"AF20010": {audit.CauseTenant, audit.OfTenant, hintOther},          // tenant of URL and token differ
	"AF20011": {audit.CauseTenant, audit.OfTenant, hintTenant},         // tenant unknown or deleted
	"AF20012": {audit.CauseTenant, audit.OfTenant, hintTenant},         // tenant configured wrongly: no licence
	"AF20013": {audit.CauseTenant, audit.OfTenant, hintTenant},         // tenant id is no GUID
	"AF20020": {audit.CauseRequest, audit.OfStream, hintRequest},       // content type unknown
	"AF20021": {audit.CauseRequest, audit.OfStream, hintRequest},       // webhook does not answer
	"AF20022": {audit.CauseSubscription, audit.OfStream, hintEnabled},  // no subscription
	"AF20023": {audit.CauseSubscription, audit.OfStream, hintDisabled}, // subscription disabled
	"AF20024": {audit.CauseRequest, audit.OfStream, hintRequest},       // already enabled (undocumented)
	"AF20030": {audit.CauseWindow, audit.OfStream, hintClock},          // start and end refused
	"AF20031": {audit.CausePage, audit.OfStream, hintPage},             // nextPage refused
	"AF20050": {audit.CauseNotFound, audit.OfBlob, hintGone},           // content does not exist
	"AF20051": {audit.CauseExpired, audit.OfBlob, hintGone},            // content has expired
	"AF20052": {audit.CauseBadContentID, audit.OfBlob, hintID},         // content id invalid
	"AF20053": {audit.CauseRequest, audit.OfStream, hintRequest},       // more than one language
	"AF20054": {audit.CauseRequest, audit.OfStream, hintRequest},       // language not understood
	"AF20055": {audit.CauseWindow, audit.OfStream, hintClock},          // as AF20030, or start after end
	"AF429":   {audit.CauseThrottled, audit.OfTenant, hintQuota},       // too many requests
	"AF50000": {audit.CauseServer, audit.OfStream, hintServer},         // internal error
	"AF50005": {audit.CauseServer, audit.OfStream, hintServer},         // internal error (undocumented)
	"AF50006": {audit.CauseServer, audit.OfStream, hintServer},         // internal error (undocumented)
}

// refusal is an answer that refuses a request, before it is understood.
type refusal struct {
	operation string
	status    int
	header    http.Header
	code      string
	message   string // in one line, without secrets
	html      bool
}

// fault tells what a refusal means. A refused blob concerns the blob alone unless the cause lies elsewhere for sure.
func (r refusal) fault(now time.Time) *audit.Fault {
	is := r.remedy()
	f := &audit.Fault{
		Cause: is.cause, Scope: is.scope, Hint: is.hint, RetryAfter: retryAfter(r.header, now),
		Err: &APIError{Operation: r.operation, Status: r.status, Code: r.code, Message: r.message},
	}
	if is.cause == audit.CauseStartThrottled && f.RetryAfter == 0 {
		f.RetryAfter = startDelay(r.message)
	}
	switch {
	case r.operation == OperationFetch:
		f.Scope = concern(f.Cause, f.Scope)
	case f.Scope == audit.OfBlob:
		f.Scope = audit.OfStream // no blob was asked for
	}
	return f
}

// concern narrows the scope of a refused blob: one odd blob must not hold up its stream.
func concern(cause audit.Cause, scope audit.Scope) audit.Scope {
	switch cause {
	case audit.CauseServer, audit.CauseRequest, audit.CauseWindow, audit.CausePage, audit.CauseTransport:
		return audit.OfBlob // a real outage shows in the listings, too
	default:
		return scope
	}
}

func (r refusal) remedy() remedy {
	if r.operation == OperationStart && r.status == http.StatusTooManyRequests && strings.Contains(r.message, "subscription start") {
		return remedy{audit.CauseStartThrottled, audit.OfStream, hintStart}
	}
	if is, ok := remedies[r.code]; ok {
		return is
	}
	if strings.HasPrefix(r.code, "AF5") {
		return remedies["AF50000"]
	}
	if strings.Contains(r.message, "Tenant ") && strings.Contains(r.message, " does not exist") {
		return remedy{audit.CauseAuditOff, audit.OfTenant, hintAudit}
	}
	if strings.Contains(r.message, "KeyNotFoundException") { // what a token without any permission gets
		return remedies["AF10001"]
	}
	return r.byStatus()
}

// byStatus is for answers without a known code.
func (r refusal) byStatus() remedy {
	switch {
	case r.status == http.StatusTooManyRequests && r.operation == OperationStart:
		return remedy{audit.CauseStartThrottled, audit.OfStream, hintStart}
	case r.status == http.StatusTooManyRequests:
		return remedies["AF429"]
	case r.status >= 500 || r.status == http.StatusRequestTimeout:
		return remedies["AF50000"]
	case r.status == http.StatusProxyAuthRequired || r.status < 400 || r.html:
		return remedy{audit.CauseTransport, audit.OfStream, hintProxy}
	case r.status == http.StatusUnauthorized:
		return remedy{audit.CauseUnauthorized, audit.OfTenant, hintToken}
	case r.status == http.StatusForbidden:
		return remedies["AF10001"]
	case r.status == http.StatusNotFound && r.operation == OperationFetch:
		return remedies["AF20050"]
	case r.status == http.StatusGone && r.operation == OperationFetch:
		return remedies["AF20051"]
	}
	return remedy{audit.CauseRequest, audit.OfStream, hintRequest}
}
