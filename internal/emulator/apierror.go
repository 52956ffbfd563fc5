package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// apiError is an answer that tells of an error.
type apiError struct {
	status     int
	code       string
	message    string
	raw        string // a body that is not in the envelope
	kind       string // its Content-Type, if not JSON
	retryAfter time.Duration
	quotes     bool // single quotes, as Microsoft prints some
}

func (a *apiError) body() []byte {
	if a.raw != "" {
		return []byte(a.raw)
	}
	envelope := map[string]map[string]string{"error": {"code": a.code, "message": a.message}}
	b, err := json.Marshal(envelope)
	if err != nil {
		return []byte(err.Error())
	}
	if a.quotes {
		return []byte(strings.ReplaceAll(string(b), `"`, `'`))
	}
	return b
}

func fail(status int, code, format string, args ...any) *apiError {
	return &apiError{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func missingParameter(name string) *apiError {
	return fail(http.StatusBadRequest, "AF20001", "Missing parameter: %s.", name)
}

func invalidParameter(name, want string) *apiError {
	return fail(http.StatusBadRequest, "AF20002", "Invalid parameter type: %s. Expected type: %s.", name, want)
}

func badWindow(start, end string) *apiError {
	return fail(http.StatusBadRequest, "AF20055", "Start time and end time must both be specified (or both omitted) and "+
		"must be less than or equal to 24 hours apart, with the start time prior to end time and start time no more "+
		"than 7 days in the past. StartTime:%s EndTime:%s", start, end)
}

func unauthorized() *apiError {
	return &apiError{status: http.StatusUnauthorized, raw: `{"Message":"Authorization has been denied for this request."}`}
}

func noRole() *apiError {
	return &apiError{status: http.StatusUnauthorized, kind: "text/plain; charset=utf-8", raw: "System.Collections.Generic." +
		"KeyNotFoundException: The given key was not present in the dictionary.\r\n   at System.ThrowHelper." +
		"ThrowKeyNotFoundException()\r\n   at Microsoft.Office.Compliance.Audit.API.AuthorizationHandler.GetRoles()"}
}

func noPermission(have []string) *apiError {
	return fail(http.StatusUnauthorized, "AF10001", "The permission set (%s) sent in the request does not include the "+
		"expected permission.", strings.Join(have, " "))
}

func throttled(f *Fault, operation, publisher string) *apiError {
	methods := map[string]string{
		opBlob: "GetBlob", opContent: "GetContents", opPage: "GetContents", opSubscriptions: "ListSubscriptions",
		opStart: "StartSubscription", opStop: "StopSubscription", opNotifications: "GetNotifications",
	}
	a := fail(orDefault(f.Status, http.StatusForbidden), "AF429", "Too many requests. Method=%s, PublisherId=%s",
		orDefault(methods[operation], "GetResources"), publisher)
	a.retryAfter, a.quotes = f.RetryAfter, f.SingleQuotes
	return a
}

func startThrottled(wait time.Duration) *apiError {
	return fail(http.StatusTooManyRequests, "AF429", "Too many frequent subscription start requests. Please retry again "+
		"after %dm %ds", int(wait/time.Minute), int(wait/time.Second)%60)
}

func internalError(f *Fault) *apiError {
	text := orDefault(f.Text, "An internal error occurred. Retry the request.")
	a := fail(orDefault(f.Status, http.StatusInternalServerError), orDefault(f.Code, "AF50000"), "%s", text)
	a.retryAfter, a.quotes = f.RetryAfter, f.SingleQuotes
	return a
}

func chosenError(f *Fault) *apiError {
	text := orDefault(f.Text, "The request was refused.")
	a := fail(orDefault(f.Status, http.StatusBadRequest), orDefault(f.Code, "AF20000"), "%s", text)
	a.retryAfter, a.quotes = f.RetryAfter, f.SingleQuotes
	return a
}

func htmlPage(f *Fault) *apiError {
	status := orDefault(f.Status, http.StatusBadGateway)
	text := http.StatusText(status)
	return &apiError{status: status, kind: "text/html", raw: fmt.Sprintf("<!DOCTYPE html>\r\n<html><head><title>%d %s</title>"+
		"</head>\r\n<body bgcolor=\"white\"><center><h1>%d %s</h1></center><hr><center>proxy</center></body></html>\r\n",
		status, text, status, text)}
}

func auditOff(c *call) *apiError {
	id := guid(mix(hashText(c.tenantID)), mix(hashText(c.contentType)))
	code := fmt.Sprintf("StartSubscription [CorrId=%s][TenantId=%s,ContentType=%s,ApplicationId=%s,PublisherId=%s][AppId",
		id, c.tenantID, strings.ReplaceAll(c.contentType, ".", ""), c.appID, c.query("PublisherIdentifier"))
	frame := "   at Microsoft.Office.Compliance.Audit.DataServices.DataServiceClient.<InvokeAsync>d__%d.MoveNext()\r\n" +
		"--- End of stack trace from previous location where exception was thrown ---\r\n" +
		"   at System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw()\r\n"
	var stack strings.Builder
	for i := range 6 {
		fmt.Fprintf(&stack, frame, 11+i)
	}
	return fail(http.StatusBadRequest, code, "%s] failed. Exception: Microsoft.Office.Compliance.Audit.DataServiceException: "+
		"Tenant %s does not exist.\r\n%s", c.appID, c.tenantID, stack.String())
}
