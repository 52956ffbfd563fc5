package emulator

import (
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	codeLife    = 10 * time.Minute
	refreshLife = 90 * 24 * time.Hour
)

// serveAuthorize answers a browser that comes to sign in: the person at it does so at once, and consents.
//
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#request-an-authorization-code
func (c *call) serveAuthorize() {
	c.operation = opAuthorize
	defer c.record()
	c.linger()
	q := c.r.URL.Query()
	if problem := c.checkAuthorize(q); problem != nil {
		c.loginPage(problem)
		return
	}
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil {
		c.loginPage(&loginError{http.StatusBadRequest, "invalid_request", 50011, err.Error()})
		return
	}
	answer := back.Query()
	if state := q.Get("state"); state != "" {
		answer.Set("state", state)
	}
	if problem := c.checkConsent(q); problem != nil {
		answer.Set("error", problem.code)
		answer.Set("error_description", fmt.Sprintf("AADSTS%d: %s", problem.number, problem.text))
	} else {
		answer.Set("code", c.e.signIns.begin(codeGrant{
			tenant: c.tenantID, redirectURI: q.Get("redirect_uri"), resource: resourceOf(q.Get("scope")),
			offline: slices.Contains(strings.Fields(q.Get("scope")), "offline_access"), challenge: q.Get("code_challenge"),
			until: c.e.now().Add(codeLife),
		}))
		answer.Set("session_state", guid(mix(c.e.config.Seed), mix(uint64(c.e.now().UnixNano()))))
	}
	back.RawQuery = answer.Encode()
	c.answered = "302"
	http.Redirect(c.w, c.r, back.String(), http.StatusFound)
}

// checkAuthorize finds what Entra ID shows to the person, since nobody can be trusted to be told.
func (c *call) checkAuthorize(q url.Values) *loginError {
	bad := func(number int, format string, args ...any) *loginError {
		return &loginError{http.StatusBadRequest, "invalid_request", number, fmt.Sprintf(format, args...)}
	}
	switch {
	case c.tenant == nil:
		return bad(90002, "Tenant '%s' not found.", c.tenantID)
	case !strings.EqualFold(q.Get("client_id"), c.tenant.ClientID):
		return bad(700016, "Application with identifier '%s' was not found in the directory.", q.Get("client_id"))
	case !c.tenant.registered(q.Get("redirect_uri")):
		return bad(50011, "The redirect URI '%s' specified in the request does not match the redirect URIs configured for the application.", q.Get("redirect_uri"))
	}
	return nil
}

// checkConsent finds what Entra ID tells the application.
func (c *call) checkConsent(q url.Values) *loginError {
	bad := func(code string, number int, text string) *loginError {
		return &loginError{http.StatusBadRequest, code, number, text}
	}
	switch method := q.Get("code_challenge_method"); {
	case c.fire(SignInDeclined) != nil:
		return bad("access_denied", 65004, "User declined to consent to access the app.")
	case q.Get("response_type") != "code":
		return bad("unsupported_response_type", 70005, "The response type is not supported.")
	case resourceOf(q.Get("scope")) == "":
		return bad("invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid.")
	case !c.knowsResource(resourceOf(q.Get("scope"))) || c.crossCloud(resourceOf(q.Get("scope"))):
		return bad("invalid_resource", 500011, "The resource principal named "+resourceOf(q.Get("scope"))+" was not found in the tenant.")
	case q.Get("code_challenge") != "" && method != "S256":
		return bad("invalid_request", 501491, "The code challenge method is not supported.")
	case q.Get("code_challenge") != "" && len(q.Get("code_challenge")) != 43:
		return bad("invalid_request", 501490, "The code challenge has a wrong length.")
	}
	return nil
}

// resourceOf returns what a v2 scope is for.
func resourceOf(scope string) string {
	for word := range strings.FieldsSeq(scope) {
		if resource, ok := strings.CutSuffix(word, "/.default"); ok {
			return resource
		}
	}
	return ""
}

// registered reports whether the application may be returned to. Without a list, any port of this machine will do.
func (t *Tenant) registered(redirectURI string) bool {
	if len(t.RedirectURIs) > 0 {
		return slices.Contains(t.RedirectURIs, redirectURI)
	}
	u, err := url.Parse(redirectURI)
	if err != nil || u.Scheme != "http" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// loginPage tells the person at the browser what is wrong.
func (c *call) loginPage(l *loginError) {
	c.answered = fmt.Sprintf("%d %s", l.status, l.code)
	c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	c.w.WriteHeader(l.status)
	fmt.Fprintf(c.w, "<!DOCTYPE html><title>Sign in</title><h1>Sorry, but we are having trouble signing you in.</h1><p>AADSTS%d: %s</p>",
		l.number, html.EscapeString(l.text))
}
