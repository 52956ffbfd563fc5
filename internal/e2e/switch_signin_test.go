package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/auth"
	"o365-kafka-connector/internal/daemon"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/secret"
)

// delegated is a tenant that is read on behalf of a person.
func delegated() map[string]map[string]any {
	return map[string]map[string]any{emulator.DefaultTenantID: {
		"auth.method": auth.MethodAuthorizationCode, "auth.redirect_uri": "http://localhost/back",
	}}
}

// signIn signs a person in beside the running daemon, as a command does, and returns why that failed.
func (c *scene) signIn() error {
	c.t.Helper()
	documents := daemon.NewDocuments(c.config.Checkpoint)
	defer func() { _ = documents.Close() }()
	signIns, tenant := daemon.SignIns{Documents: documents}, c.config.Tenant(0)
	link, _, err := signIns.Begin(c.t.Context(), tenant, "")
	if err != nil {
		c.t.Fatal(err)
	}
	browser := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	page, err := browser.Get(link)
	if err != nil {
		c.t.Fatal(err)
	}
	defer page.Body.Close()
	return signIns.Redeem(c.t.Context(), tenant, secret.String(page.Header.Get("Location")))
}

// A person who declines, and an answer that gets lost, cost another sign-in and nothing else; the daemon finds the one
// that succeeds by itself, and renews its tokens.
func TestSignInOfAPerson(t *testing.T) {
	t.Parallel()
	c := play(t, setup{
		api: live(40, 10), tenant: delegated(),
		faults: []emulator.Fault{
			{Kind: emulator.SignInDeclined, First: 1}, {Kind: emulator.TokenLost, First: 1}, {Kind: emulator.TokenLifetime, Delay: 4 * time.Second},
		},
	})
	c.awaitState(audit.StateFailing, "connector login", emulator.General)
	for _, words := range []string{"declined", "may be used up"} {
		if err := c.signIn(); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("got %v, want %q", err, words)
		}
	}
	if err := c.signIn(); err != nil {
		t.Fatal(err)
	}
	c.offersFor(10 * time.Second)
	c.delivers(60 * time.Second)
	if got := c.api.SignIns(emulator.DefaultTenantID); got.Begun != 2 || got.Redeemed != 2 || got.Refreshed < 1 || got.Reused > 0 {
		t.Errorf("%+v", got)
	}
	for _, part := range []string{"0.code-", "1.refresh-", "eyJ", emulator.DefaultClientSecret} {
		if lines := c.log.lines(part); len(lines) > 0 {
			t.Errorf("the log tells a secret: %s", lines)
		}
	}
}

// A refresh token whose answer was lost has been used: the sign-in has ended where the login host is strict, and the
// state says what to do.
func TestLostRenewalAsksForASignIn(t *testing.T) {
	t.Parallel()
	c := play(t, setup{api: live(40, 10), tenant: delegated(), faults: []emulator.Fault{{Kind: emulator.TokenLifetime, Delay: 3 * time.Second}}})
	if err := c.signIn(); err != nil {
		t.Fatal(err)
	}
	c.await("tokens are renewed", 20*time.Second, func() bool { return c.api.SignIns(emulator.DefaultTenantID).Refreshed > 0 })
	c.faults(emulator.Fault{Kind: emulator.TokenLifetime, Delay: 3 * time.Second}, emulator.Fault{Kind: emulator.TokenLost, First: 1})
	c.awaitState(audit.StateFailing, "sign in anew", emulator.General)
	if err := c.signIn(); err != nil {
		t.Fatal(err)
	}
	c.api.StopOffering()
	c.delivers(60 * time.Second)
}
