package emulator

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// bearer reads and checks the request's token.
func (c *call) bearer() (claims, bool) {
	token, ok := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return claims{}, false
	}
	if c.e.config.StaticToken != "" && token == c.e.config.StaticToken {
		found := claims{}
		if c.tenant != nil {
			found.AppID, found.Roles = c.tenant.ClientID, c.tenant.Permissions
		}
		return found, true
	}
	found, ok := c.e.signer.verify(token)
	if !ok || c.e.now().Unix() >= found.Expires {
		return claims{}, false
	}
	return found, c.takes(found.Audience)
}

// serveLogin answers for the login host: tokens, and what clients ask for to find where to get them.
func (c *call) serveLogin(path string) {
	tenant, rest, _ := strings.Cut(strings.Trim(path, "/"), "/")
	c.tenantID = strings.ToLower(tenant)
	c.tenant = c.e.tenants[c.tenantID]
	post := c.r.Method == http.MethodPost
	switch {
	case post && rest == "oauth2/token":
		c.serveToken(1)
	case post && rest == "oauth2/v2.0/token":
		c.serveToken(2)
	case !post && rest == "oauth2/v2.0/authorize":
		c.serveAuthorize()
	case rest == "v2.0/.well-known/openid-configuration" || rest == ".well-known/openid-configuration":
		c.serveDiscovery(tenant)
	case c.tenantID == "common" && rest == "discovery/instance":
		c.loginReply(http.StatusOK, map[string]any{
			"tenant_discovery_endpoint": c.base() + "/" + DefaultTenantID + "/v2.0/.well-known/openid-configuration",
			"api-version":               "1.1", "metadata": []any{},
		})
	default:
		c.notFound()
	}
}

func (c *call) serveDiscovery(tenant string) {
	c.w.Header().Set("Date", c.e.now().Format(http.TimeFormat))
	login := c.base() + "/" + tenant
	c.loginReply(http.StatusOK, map[string]any{
		"issuer": login + "/v2.0", "authorization_endpoint": login + "/oauth2/v2.0/authorize",
		"token_endpoint": login + "/oauth2/v2.0/token", "jwks_uri": login + "/discovery/v2.0/keys",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"}, "tenant_region_scope": "EU",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
	})
}

// serveToken answers a request for a token by the client credentials grant.
func (c *call) serveToken(version int) {
	c.operation = opToken
	c.noteStrayBearer()
	defer c.record()
	if c.tokenFaults() {
		return
	}
	if version == 2 && c.delegated() {
		c.serveGrant()
		return
	}
	resource, problem := c.checkTokenRequest(version)
	if problem != nil {
		c.loginReply(problem.status, problem.body(c.e.now()))
		return
	}
	c.issue(version, resource)
}

// tokenFaults plays the faults that come before a request is looked at, and reports whether one has answered it.
func (c *call) tokenFaults() bool {
	c.w.Header().Set("Date", c.e.now().Format(http.TimeFormat))
	c.linger()
	for _, kind := range []Kind{TokenError, ServerError, HTML, Error} {
		if f := c.fire(kind); f != nil {
			c.tokenFault(kind, f)
			return true
		}
	}
	return false
}

func (c *call) noteStrayBearer() {
	if strings.HasPrefix(c.r.Header.Get("Authorization"), "Bearer ") {
		c.noteStrayToken()
	}
}

func (c *call) tokenFault(kind Kind, f *Fault) {
	if kind == HTML {
		c.refuse(htmlPage(f))
		return
	}
	status := orDefault(f.Status, map[Kind]int{TokenError: 401, ServerError: 500, Error: 400}[kind])
	code := orDefault(f.Code, "invalid_client")
	if status >= http.StatusInternalServerError {
		code = orDefault(f.Code, "temporarily_unavailable")
	}
	if f.RetryAfter > 0 {
		c.w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter/time.Second)))
	}
	p := loginError{status, code, 90033, orDefault(f.Text, "A transient error has occurred. Please try again.")}
	if code == "invalid_client" {
		p.number, p.text = 7000215, orDefault(f.Text, wrongSecret)
	}
	c.loginReply(status, p.body(c.e.now()))
}

func (c *call) issue(version int, resource string) {
	lifetime := c.tokenLifetime()
	now := c.e.now()
	token := c.accessToken(resource, c.tenant.ClientID, lifetime)
	seconds := int64(lifetime / time.Second)
	reply := map[string]any{
		"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token,
	}
	asText := version == 1
	if version == 1 {
		reply["expires_on"], reply["not_before"] = now.Add(lifetime).Unix(), now.Unix()
		reply["resource"] = resource
	}
	if c.fire(TokenNumbers) != nil {
		asText = !asText
	}
	for name, value := range reply {
		if n, ok := value.(int64); ok && asText {
			reply[name] = strconv.FormatInt(n, 10)
		}
	}
	c.e.stats.issued(c.tenantID)
	c.loginReply(http.StatusOK, reply)
}

func (c *call) tokenLifetime() time.Duration {
	if f := c.fire(TokenLifetime); f != nil {
		return orDefault(f.Delay, 20*time.Second)
	}
	return c.e.config.TokenLifetime
}

// accessToken makes an application's token for a resource.
func (c *call) accessToken(resource, appID string, lifetime time.Duration) string {
	now := c.e.now()
	return c.e.signer.sign(claims{
		Audience: resource, Issuer: "https://sts.windows.net/" + c.tenantID + "/", IssuedAt: now.Unix(),
		NotBefore: now.Unix(), Expires: now.Add(lifetime).Unix(), AppID: appID, Roles: c.tenant.Permissions,
		Tenant: c.tenantID, Version: "1.0",
	})
}

func (c *call) loginReply(status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(err.Error())
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store, no-cache")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.answered = strconv.Itoa(status)
	if e, ok := v.(map[string]any); ok && e["error"] != nil {
		c.answered += " " + e["error"].(string)
	}
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body)
}
