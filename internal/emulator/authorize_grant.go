package emulator

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// delegated reports whether tokens are asked for on behalf of a person.
func (c *call) delegated() bool {
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, 1<<20)
	if c.r.ParseForm() != nil {
		return false
	}
	grant := c.r.PostForm.Get("grant_type")
	return grant == "authorization_code" || grant == "refresh_token"
}

// serveGrant answers a request for tokens on behalf of a person: by a code, or by a refresh token.
//
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#redeem-a-code-for-an-access-token
func (c *call) serveGrant() {
	form := c.r.PostForm
	answer, problem := c.grantFor(form)
	if problem != nil {
		c.loginReply(problem.status, problem.body(c.e.now()))
		return
	}
	if c.fire(TokenLost) != nil {
		c.answered = "gone"
		c.record()
		panic(http.ErrAbortHandler)
	}
	lifetime := c.e.config.TokenLifetime
	if f := c.fire(TokenLifetime); f != nil {
		lifetime = orDefault(f.Delay, 20*time.Second)
	}
	now := c.e.now()
	reply := map[string]any{
		"token_type": "Bearer", "expires_in": int64(lifetime / time.Second), "scope": answer.resource + "/.default",
		"access_token": c.e.signer.sign(claims{
			Audience: answer.resource, Issuer: "https://sts.windows.net/" + c.tenantID + "/", IssuedAt: now.Unix(),
			NotBefore: now.Unix(), Expires: now.Add(lifetime).Unix(), AppID: c.tenant.ClientID, Tenant: c.tenantID,
			Scopes: strings.Join(c.tenant.Permissions, " "), Version: "1.0",
		}),
	}
	if answer.refresh != "" {
		reply["refresh_token"] = answer.refresh
	}
	if life := c.e.config.RefreshLifetime; life != refreshLife {
		reply["refresh_token_expires_in"] = int64(life / time.Second)
	}
	c.e.stats.issued(c.tenantID)
	c.loginReply(http.StatusOK, reply)
}

func (c *call) grantFor(form url.Values) (granted, *loginError) {
	if problem := c.checkApplication(form); problem != nil {
		return granted{}, problem
	}
	if form.Get("grant_type") == "refresh_token" {
		return c.e.signIns.refresh(c.tenantID, form, c.e.now(), c.e.config.RefreshLifetime)
	}
	return c.e.signIns.redeem(c.tenantID, form, c.e.now(), c.e.config.RefreshLifetime)
}

// checkApplication checks who asks: a confidential client proves itself, a public one must not.
func (c *call) checkApplication(form url.Values) *loginError {
	switch {
	case c.tenant == nil:
		return &loginError{http.StatusBadRequest, "invalid_request", 90002, "Tenant '" + c.tenantID + "' not found."}
	case !strings.EqualFold(form.Get("client_id"), c.tenant.ClientID):
		return &loginError{http.StatusBadRequest, "unauthorized_client", 700016, "Application with identifier '" + form.Get("client_id") + "' was not found in the directory."}
	case c.tenant.Public && (form.Has("client_secret") || form.Has("client_assertion")):
		return &loginError{http.StatusUnauthorized, "invalid_client", 700025, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."}
	case c.tenant.Public:
		return nil
	case !form.Has("client_secret") && !form.Has("client_assertion"):
		return &loginError{http.StatusUnauthorized, "invalid_client", 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."}
	}
	return c.checkProof(form.Get("client_secret"))
}

// provesChallenge checks PKCE, RFC 7636: with a challenge the verifier has to fit, without one there must be none.
func provesChallenge(challenge, verifier string) bool {
	if challenge == "" {
		return verifier == ""
	}
	sum := sha256.Sum256([]byte(verifier))
	made := base64.RawURLEncoding.EncodeToString(sum[:])
	return len(verifier) >= 43 && len(verifier) <= 128 && subtle.ConstantTimeCompare([]byte(made), []byte(challenge)) == 1
}
