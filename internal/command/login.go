package command

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"sync"
	"time"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/control"
)

// Login is a sign-in that was begun: what is needed to redeem the authorization code that it ends with.
type Login struct {
	State    string
	Verifier string // of PKCE; a secret
	Begun    time.Time
}

// Logins keeps sign-ins and the tokens that came of them.
type Logins interface {
	// Begin remembers a tenant's sign-in, in the place of one before.
	Begin(ctx context.Context, tenantID string, l Login) error
	// Forget drops the tenant's sign-in and its stored tokens. It needs none of them to be valid.
	Forget(ctx context.Context, tenantID string) error
}

// memoryLogins keeps sign-ins as long as the process lives.
type memoryLogins struct {
	mu    sync.Mutex // guards the following
	begun map[string]Login
}

// Begin implements Logins.
func (m *memoryLogins) Begin(_ context.Context, tenantID string, l Login) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.begun == nil {
		m.begun = map[string]Login{}
	}
	m.begun[tenantID] = l
	return nil
}

// Forget implements Logins.
func (m *memoryLogins) Forget(_ context.Context, tenantID string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.begun, tenantID)
	return nil
}

const authorizationInstructions = `### Authorization instructions
1. Open the [login URL](%s) and sign in as an administrator who may grant the application its permissions.
The browser is then sent to:
` + "`REDIRECT_URI?code=AUTH_CODE&session_state=SESSION_STATE`" + `
2. Copy AUTH_CODE, without ` + "`code=`" + ` and without ` + "`session_state`" + `, into ` + "`auth.authorization_code`" + ` of the configuration.
`

func (c *call) generateLoginURL(ctx context.Context) error {
	t := c.tenant()
	switch {
	case t.Auth.ClientID == "":
		return refused("not_configured", "there is no application to sign in to", "set auth.client_id of tenant "+t.Name)
	case t.Auth.RedirectURI == "":
		return refused("not_configured", "there is no address to return to after the sign-in",
			"set auth.redirect_uri of tenant "+t.Name+" to a redirect URI of the application's registration")
	}
	login := Login{State: token(), Verifier: token(), Begun: time.Now().UTC()}
	if err := c.options.Logins.Begin(ctx, t.ID, login); err != nil {
		return fmt.Errorf("remember sign-in: %w", err)
	}
	link := loginURL(t, login)
	return c.reply(control.OutcomeDone, fmt.Sprintf(authorizationInstructions, link), original("LoginURL", link))
}

// loginURL is the address at which a person lets the application read the audit log on their behalf.
//
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#request-an-authorization-code
func loginURL(t config.Tenant, l Login) string {
	base, authority := t.Hosts()
	challenge := sha256.Sum256([]byte(l.Verifier))
	q := url.Values{
		"client_id":             {t.Auth.ClientID},
		"response_type":         {"code"},
		"response_mode":         {"query"},
		"redirect_uri":          {t.Auth.RedirectURI},
		"scope":                 {base + "/.default offline_access"},
		"state":                 {l.State},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(challenge[:])},
		"code_challenge_method": {"S256"},
	}
	return authority + "/" + url.PathEscape(t.ID) + "/oauth2/v2.0/authorize?" + q.Encode()
}

// token returns 256 random bits in letters that RFC 7636 allows for a verifier.
func token() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// authReset asks for no token: it is what helps when none can be had.
func (c *call) authReset(ctx context.Context) error {
	if err := c.options.Logins.Forget(ctx, c.tenant().ID); err != nil {
		return fmt.Errorf("forget stored tokens: %w", err)
	}
	return c.reply(control.OutcomeDone, "Authorization was reset: stored tokens and sign-ins of tenant "+c.tenant().Name+
		" are forgotten. Run generate-login-url to sign in again.", map[string]any{"MicrosoftManagement": map[string]any{}})
}
