package auth_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/auth"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/secret"
)

// The store goes away when a code was redeemed: what came of it must not give way to what stood there before.
func TestRedeemedSignInOutlivesTheStoresAbsence(t *testing.T) {
	for name, before := range map[string]func(p *people){
		"after a sign-out": func(p *people) {
			if err := p.signedIn().Forget(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
		"after another sign-in": func(p *people) { p.signedIn() },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeople(t, emulator.Config{TokenLifetime: time.Second})
			before(p)
			p.config.AuthorizationCode = secret.String(p.code())
			s := p.source()
			p.shelf.mu.Lock()
			p.shelf.held = 0
			p.shelf.mu.Unlock()
			p.token(s)
			if !p.shelf.gone {
				t.Fatal("nothing was to be stored")
			}
			p.shelf.away(false)
			time.Sleep(1100 * time.Millisecond)
			p.token(s) // the new sign-in's, renewed
			p.config.AuthorizationCode = ""
			p.token(p.source())
			if n := p.Stats().Count("token", ""); n > 6 {
				t.Errorf("%d requests", n)
			}
			if got := p.SignIns(emulator.DefaultTenantID); got.Reused != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Whoever resets a sign-in may have another key than those who use it, or none.
func TestSignInIsForgottenByEverybodyWhateverTheKey(t *testing.T) {
	for name, change := range map[string]func(c *auth.Config){
		"no key":      func(c *auth.Config) { c.TokenStore.Key, c.TokenStore.KeyFile = "", filepath.Join(t.TempDir(), "none") },
		"another key": func(c *auth.Config) { c.TokenStore.Key = keyB },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeople(t, emulator.Config{TokenLifetime: time.Second})
			p.signedIn()
			running, own := p.source(), p.config
			p.token(running)
			change(&p.config)
			if err := p.instance().Forget(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(1100 * time.Millisecond)
			p.refusedWith(running, "nobody is signed in", "connector login")
			if stored := p.shelf.get("signin"); !strings.HasPrefix(string(stored), "signed out") {
				t.Errorf("%d bytes are stored", len(stored))
			}
			p.config = own
			p.signedIn()
			p.token(p.source())
		})
	}
}
