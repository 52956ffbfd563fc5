package e2e

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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

// signIn signs a person in to the first tenant beside the running daemon, as a command does, and returns why that failed.
func (c *scene) signIn() error { return c.signInTo(0) }

// signInTo does so with any of the tenants.
func (c *scene) signInTo(i int) error {
	c.t.Helper()
	documents := daemon.NewDocuments(c.config.Checkpoint)
	defer func() { _ = documents.Close() }()
	return daemon.SignIns{Documents: documents}.Redeem(c.t.Context(), c.config.Tenant(i), secret.String(c.browse(c.loginURLOf(i))))
}

// loginURLOf is where a person signs in to one of the tenants.
func (c *scene) loginURLOf(i int) string {
	c.t.Helper()
	documents := daemon.NewDocuments(c.config.Checkpoint)
	defer func() { _ = documents.Close() }()
	link, _, err := daemon.SignIns{Documents: documents}.Begin(c.t.Context(), c.config.Tenant(i), "")
	if err != nil {
		c.t.Fatal(err)
	}
	return link
}

// browse follows a login URL, whatever host it names, and returns the address that the browser is sent to.
func (c *scene) browse(link string) string {
	c.t.Helper()
	page := httptest.NewRecorder()
	c.requests.ServeHTTP(page, httptest.NewRequest(http.MethodGet, link, nil))
	to := page.Header().Get("Location")
	if to == "" {
		c.t.Fatalf("the login page answers %d: %s", page.Code, page.Body)
	}
	return to
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

// A code that is put into its file while the daemon runs signs in, a different one takes the sign-in's place, and the key
// that encrypts what is stored is replaced meanwhile.
func TestSignInFilesAreReadWhileRunning(t *testing.T) {
	t.Parallel()
	tenant := delegated()
	code, key := filepath.Join(t.TempDir(), "code"), file(t, sealingKeys[0])
	tenant[emulator.DefaultTenantID]["auth.authorization_code_file"] = code
	tenant[emulator.DefaultTenantID]["auth.token_store.key_file"] = key
	api := live(40, 10)
	api.TokenLifetime = 3 * time.Second
	c := play(t, setup{api: api, tenant: tenant})
	signIns := func() emulator.SignIns { return c.api.SignIns(emulator.DefaultTenantID) }
	renewals := func(what string) {
		seen := signIns().Refreshed
		c.await(what, 20*time.Second, func() bool { return signIns().Refreshed >= seen+2 })
	}
	c.awaitState(audit.StateFailing, "the file of auth.authorization_code_file", emulator.General)
	for n := range 2 {
		rewrite(t, code, c.browse(c.loginURLOf(0)))
		c.await("the code is redeemed", 30*time.Second, func() bool { return signIns().Redeemed == n+1 })
	}
	renewals("renewals with the first key")
	rewrite(t, key, sealingKeys[1]+"\n"+sealingKeys[0]+"\n")
	renewals("renewals with both keys")
	rewrite(t, key, sealingKeys[1])
	if err := os.Remove(code); err != nil {
		t.Fatal(err)
	}
	renewals("renewals with the second key")
	c.stop()
	c.run()
	renewals("renewals after a restart, with the second key alone and no file with a code")
	if lines := c.log.lines("cannot be used"); len(lines) > 0 {
		t.Errorf("the log complains: %s", lines)
	}
	c.api.StopOffering()
	c.delivers(60 * time.Second)
}
