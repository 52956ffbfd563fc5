package emulator

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	wrongSecret   = "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID."
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// loginError is an error of the token endpoint.
type loginError struct {
	status int
	code   string
	number int // of AADSTS
	text   string
}

func (l *loginError) body(now time.Time) map[string]any {
	trace := guid(mix(uint64(now.UnixNano())), mix(uint64(l.number)))
	return map[string]any{
		"error": l.code, "error_codes": []int{l.number}, "timestamp": now.Format("2006-01-02 15:04:05Z"),
		"trace_id": trace, "correlation_id": trace, "error_uri": fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", l.number),
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Timestamp: %s", l.number, l.text, trace, now.Format("2006-01-02 15:04:05Z")),
	}
}

// checkTokenRequest returns the resource that the token is for.
func (c *call) checkTokenRequest(version int) (string, *loginError) {
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, 1<<20)
	if err := c.r.ParseForm(); err != nil {
		return "", &loginError{http.StatusBadRequest, "invalid_request", 900144, "The request body cannot be read."}
	}
	form := c.r.PostForm
	if c.tenant == nil {
		return "", &loginError{http.StatusBadRequest, "invalid_request", 90002, "Tenant '" + c.tenantID + "' not found."}
	}
	if grant := form.Get("grant_type"); grant != "client_credentials" {
		return "", &loginError{http.StatusBadRequest, "unsupported_grant_type", 70003, "The grant type '" + grant + "' is not supported."}
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if user, password, ok := c.r.BasicAuth(); ok {
		id, secret = user, password
	}
	if !strings.EqualFold(id, c.tenant.ClientID) {
		return "", &loginError{http.StatusBadRequest, "unauthorized_client", 700016, "Application with identifier '" + id + "' was not found in the directory."}
	}
	if problem := c.checkProof(secret); problem != nil {
		return "", problem
	}
	return c.resource(version)
}

// checkProof looks at what shows that the client is the application: a secret or an assertion, and not both.
func (c *call) checkProof(secret string) *loginError {
	form, has := c.r.PostForm, c.e.vault.of(c.tenantID)
	assertion := form.Get("client_assertion")
	switch {
	case secret != "" && assertion != "" || assertion != "" && form.Get("client_assertion_type") != assertionType:
		return &loginError{http.StatusBadRequest, "invalid_request", 90023, "The request has more than one credential, or one of an unknown type."}
	case secret == "" && assertion == "":
		return invalidClient(7000216, "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.")
	case assertion != "":
		return c.checkAssertion(assertion, has)
	case secret != has.ClientSecret:
		return invalidClient(7000215, wrongSecret)
	}
	return nil
}

func (c *call) resource(version int) (string, *loginError) {
	resource := c.r.PostForm.Get("resource")
	if version == 2 {
		var ok bool
		for scope := range strings.FieldsSeq(c.r.PostForm.Get("scope")) {
			if resource, ok = strings.CutSuffix(scope, "/.default"); ok {
				break
			}
		}
	}
	if resource == "" {
		return "", &loginError{http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the parameter 'scope' or 'resource'."}
	}
	if c.crossCloud(resource) {
		return "", &loginError{http.StatusBadRequest, "invalid_request", 900382, "Confidential Client is not supported in Cross Cloud request."}
	}
	if !c.knowsResource(resource) {
		return "", &loginError{http.StatusBadRequest, "invalid_resource", 500011, "The resource principal named " + resource + " was not found in the tenant."}
	}
	return resource, nil
}

// knowsResource reports whether the tenant has the resource, at least as another API.
func (c *call) knowsResource(resource string) bool {
	known := strings.TrimSuffix(resource, "/")
	return known == c.base() || isCloud(known) || strings.HasPrefix(known, "http")
}
