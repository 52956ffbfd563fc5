package auth_test

import (
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/auth"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/secret"
	"o365-kafka-connector/internal/testbed"
)

// TestCodeIsRedeemedByAnotherProcess begins a sign-in in one process and redeems the code in others, in every form.
func TestCodeIsRedeemedByAnotherProcess(t *testing.T) {
	for name, form := range map[string]func(address string) string{
		"address": func(a string) string { return a },
		"code":    func(a string) string { return codeOf(t, a) },
		"rest":    func(a string) string { _, query, _ := strings.Cut(a, "?"); return query },
		"tail":    func(a string) string { return codeOf(t, a) + "&session_state=5" },
		"quoted":  func(a string) string { return ` "` + a + "\"\r\n" },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeople(t, emulator.Config{})
			link := p.begin(p.instance())
			if strings.Contains(link, emulator.DefaultClientSecret) {
				t.Error("the link tells the secret")
			}
			answer := form(testbed.Browse(p.t, link))
			p.config.AuthorizationCode = secret.String(answer)
			first := p.token(p.source())
			if again := p.token(p.source()); again != first {
				t.Error("a second instance has another access token")
			}
			p.wantSignIns(emulator.SignIns{Begun: 1, Redeemed: 1})
			for _, text := range p.shelf.kept {
				for _, part := range []string{"0.code-", "1.refresh-", "eyJ", "state", "verifier", "client"} {
					if strings.Contains(text.(string), part) {
						t.Errorf("%q is stored in clear text", part)
					}
				}
			}
		})
	}
}

// TestUsedCodeIsNotSentAgain restarts with a code in the configuration, also after auth-reset.
func TestUsedCodeIsNotSentAgain(t *testing.T) {
	p := newPeople(t, emulator.Config{TokenLifetime: time.Second})
	p.config.AuthorizationCode = secret.String(p.code())
	p.token(p.source())
	time.Sleep(1100 * time.Millisecond)
	p.token(p.source())
	p.wantSignIns(emulator.SignIns{Begun: 1, Redeemed: 1, Refreshed: 1})

	d := p.instance()
	if err := d.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := p.Stats().Count("token", "")
	f := p.refusedWith(p.source(), "used up", "connector login")
	if f.Cause != audit.CauseCredentials || p.Stats().Count("token", "") != before {
		t.Errorf("%+v after %d requests", f, p.Stats().Count("token", "")-before)
	}

	p.config.AuthorizationCode = secret.String(p.code())
	p.token(p.source())
}

// TestOtherCodeTakesTheSignInsPlace needs no auth-reset, and one that is refused does no harm.
func TestOtherCodeTakesTheSignInsPlace(t *testing.T) {
	p := newPeople(t, emulator.Config{})
	p.config.AuthorizationCode = secret.String(p.code())
	first := p.token(p.source())
	p.config.AuthorizationCode = secret.String(p.code())
	second := p.token(p.source())
	if first == second {
		t.Error("the new code was ignored")
	}
	p.config.AuthorizationCode = "0.code-that-nobody-gave"
	if third := p.token(p.source()); third != second {
		t.Error("a wrong code ended the sign-in")
	}
	if !strings.Contains(p.log.String(), "cannot be used") || strings.Contains(p.log.String(), "nobody-gave") {
		t.Errorf("log:\n%s", p.log)
	}
	before := p.Stats().Count("token", "")
	p.token(p.source())
	if p.Stats().Count("token", "") != before {
		t.Error("a refused code was sent again")
	}
}

// TestInstancesShareOneRefreshToken has many renew at once, with tokens that live for a moment.
func TestInstancesShareOneRefreshToken(t *testing.T) {
	p := newPeople(t, emulator.Config{TokenLifetime: time.Second})
	p.signedIn()
	var group sync.WaitGroup
	for range 6 {
		s := p.source()
		group.Go(func() {
			for end := time.Now().Add(4 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
				if _, err := s.Token(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	got := p.SignIns(emulator.DefaultTenantID)
	if got.Reused != 0 || got.Refreshed < 3 || got.Refreshed > 6 {
		t.Errorf("%+v", got)
	}
}

// TestRefusedTokenIsRenewedOnce has two instances find out at once that the API refuses the shared token.
func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	p := newPeople(t, emulator.Config{})
	p.signedIn()
	a, b := p.source(), p.source()
	stale := p.token(a)
	p.token(b)
	var group sync.WaitGroup
	var fresh [2]string
	for i, s := range []*auth.TokenSource{a, b} {
		group.Go(func() {
			var err error
			if fresh[i], err = s.Renew(t.Context(), stale); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if fresh[0] != fresh[1] || fresh[0] == stale {
		t.Error("the instances do not share the new token")
	}
	p.wantSignIns(emulator.SignIns{Begun: 1, Redeemed: 1, Refreshed: 1})
}

// TestRevokedSignIn says what to do, does not ask on and on, and goes on after a new sign-in in another process.
func TestRevokedSignIn(t *testing.T) {
	p := newPeople(t, emulator.Config{TokenLifetime: time.Second})
	p.signedIn()
	s := p.source()
	p.token(s)
	p.RevokeSignIns(emulator.DefaultTenantID)
	time.Sleep(1100 * time.Millisecond)
	f := p.refusedWith(s, "AADSTS50173", "connector login", "renew the sign-in")
	if f.Cause != audit.CauseCredentials {
		t.Errorf("cause %s", f.Cause)
	}
	before := p.Stats().Count("token", "")
	for range 3 {
		p.refusedWith(p.source(), "AADSTS50173")
	}
	if n := p.Stats().Count("token", "") - before; n != 0 {
		t.Errorf("asked %d times more", n)
	}
	p.signedIn()
	eventually(t, "a token of the new sign-in", func() bool { _, err := s.Token(t.Context()); return err == nil })
}

// TestForgottenSignInEndsEverywhere takes no token for good that was handed out before.
func TestForgottenSignInEndsEverywhere(t *testing.T) {
	p := newPeople(t, emulator.Config{})
	p.signedIn()
	s, other := p.source(), p.source()
	stale := p.token(s)
	p.token(other)
	if err := p.instance().Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Renew(t.Context(), stale); err == nil {
		t.Error("renewed without a sign-in")
	}
	wantFault(t, errorOf(other.Renew(t.Context(), stale)), "nobody is signed in", "connector login")
	p.wantSignIns(emulator.SignIns{Begun: 1, Redeemed: 1})
	if err := p.instance().Forget(t.Context()); err != nil {
		t.Error(err)
	}
}

func errorOf(_ string, err error) error { return err }

// TestLostSignInIsPutBack empties and rolls back the store under a running instance.
func TestLostSignInIsPutBack(t *testing.T) {
	p := newPeople(t, emulator.Config{TokenLifetime: time.Second})
	p.signedIn()
	s := p.source()
	p.token(s)
	old := p.shelf.get("signin")
	p.shelf.set("signin", nil)
	time.Sleep(1100 * time.Millisecond)
	p.token(s)
	p.shelf.set("signin", old)
	time.Sleep(1100 * time.Millisecond)
	p.token(s)
	p.token(p.source())
	p.wantSignIns(emulator.SignIns{Begun: 1, Redeemed: 1, Refreshed: 2})

	if err := p.instance().Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond)
	p.refusedWith(s, "nobody is signed in") // what was forgotten is not put back
	p.refusedWith(p.source(), "nobody is signed in")
}

// TestStoreAwayWhileRenewing loses no refresh token that was used.
func TestStoreAwayWhileRenewing(t *testing.T) {
	p := newPeople(t, emulator.Config{TokenLifetime: time.Second})
	p.signedIn()
	s := p.source()
	p.token(s)
	time.Sleep(1100 * time.Millisecond)
	p.shelf.mu.Lock()
	p.shelf.held = 0 // from when the new token is to be stored on
	p.shelf.mu.Unlock()
	p.token(s)
	if !p.shelf.gone {
		t.Error("nothing was to be stored")
	}
	time.Sleep(1100 * time.Millisecond)
	if _, err := s.Token(t.Context()); !errors.Is(err, errAway) {
		t.Errorf("without a store: %v", err)
	}
	p.shelf.away(false)
	eventually(t, "a token after the store came back", func() bool { _, err := s.Token(t.Context()); return err == nil })
	p.token(p.source())
	if got := p.SignIns(emulator.DefaultTenantID); got.Reused != 0 {
		t.Errorf("%+v", got)
	}
}

// TestRedeemingFails says each time whether the code is used up.
func TestRedeemingFails(t *testing.T) {
	t.Run("server error", func(t *testing.T) {
		p := newPeople(t, emulator.Config{})
		p.config.AuthorizationCode = secret.String(p.code())
		p.fault(emulator.Fault{Kind: emulator.TokenError, Status: 503, Operation: "token", First: 1})
		s := p.source()
		if f := p.refusedWith(s, "not used up"); f.Cause != audit.CauseServer {
			t.Errorf("cause %s", f.Cause)
		}
		eventually(t, "a token", func() bool { _, err := s.Token(t.Context()); return err == nil })
	})
	t.Run("lost answer", func(t *testing.T) {
		p := newPeople(t, emulator.Config{})
		p.config.AuthorizationCode = secret.String(p.code())
		p.fault(emulator.Fault{Kind: emulator.TokenLost, First: 1})
		p.refusedWith(p.source(), "may be used up", "connector login")
		p.refusedWith(p.source(), "AADSTS54005", "cannot be used any more", "connector login")
		p.refusedWith(p.source(), "was refused", "connector login")
		if n := p.Stats().Count("token", ""); n != 2 {
			t.Errorf("%d requests", n)
		}
	})
	t.Run("wrong secret", func(t *testing.T) {
		p := newPeople(t, emulator.Config{})
		p.config.AuthorizationCode = secret.String(p.code())
		right := p.config.ClientSecret
		p.config.ClientSecret = "wrong-one"
		p.refusedWith(p.source(), "AADSTS7000215", "not used up", "auth.client_secret")
		p.config.ClientSecret = right
		p.token(p.source())
	})
	t.Run("unreachable", func(t *testing.T) {
		p := newPeople(t, emulator.Config{})
		p.config.AuthorizationCode = secret.String(p.code())
		p.url = "http://127.0.0.1:1"
		if f := p.refusedWith(p.source(), "not used up"); f.Cause != audit.CauseTransport {
			t.Errorf("cause %s", f.Cause)
		}
	})
	t.Run("other address registered", func(t *testing.T) {
		p := newPeople(t, emulator.Config{})
		answer := testbed.Browse(p.t, p.begin(p.instance()))
		p.shelf.set("login", nil) // 15 minutes later
		p.config.AuthorizationCode = secret.String(answer)
		p.refusedWith(p.source(), "none that was begun here", "connector login")
		p.wantSignIns(emulator.SignIns{Begun: 1})
	})
}

func (p *people) fault(faults ...emulator.Fault) {
	p.t.Helper()
	if err := p.SetFaults(faults...); err != nil {
		p.t.Fatal(err)
	}
}

// TestDeclinedSignIn is told in the login host's words.
func TestDeclinedSignIn(t *testing.T) {
	p := newPeople(t, emulator.Config{})
	p.fault(emulator.Fault{Kind: emulator.SignInDeclined})
	d := p.instance()
	err := d.Redeem(t.Context(), secret.String(testbed.Browse(p.t, p.begin(d))))
	wantFault(t, err, "refused", "access_denied", "AADSTS65004")
}

// TestNoRefreshToken works until the access token expires, and says what is missing.
func TestSignInEndsWhereNothingRenewsIt(t *testing.T) {
	p := newPeople(t, emulator.Config{RefreshLifetime: time.Hour})
	p.signedIn()
	s := p.source()
	p.token(s)
	known := s.Credentials()
	if len(known) != 1 || known[0].Kind != "sign_in" || time.Until(known[0].Expires).Round(time.Minute) != time.Hour || known[0].Hint == "" {
		t.Errorf("credentials %+v", known)
	}
}

// TestForgottenTokenIsNotUsedOn although it would work for another moment.
func TestForgottenTokenIsNotUsedOn(t *testing.T) {
	p := newPeople(t, emulator.Config{TokenLifetime: 5 * time.Second})
	p.signedIn()
	s := p.source()
	p.token(s)
	if err := p.instance().Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(4200 * time.Millisecond) // when it would be renewed
	p.refusedWith(s, "nobody is signed in")
	p.refusedWith(s, "nobody is signed in")
}

// TestSeveralSignInsUnderWay finds the verifier by the state, and takes no answer to a question that was not asked.
func TestSeveralSignInsUnderWay(t *testing.T) {
	p := newPeople(t, emulator.Config{})
	first, second := p.begin(p.instance()), p.begin(p.instance())
	answer := testbed.Browse(p.t, first)
	for _, link := range []string{first, second} {
		state := "state=" + stateOf(t, link)
		if link == first {
			state = "state=forged"
		}
		forged := strings.Replace(answer, "state="+stateOf(t, first), state, 1)
		if err := p.instance().Redeem(t.Context(), secret.String(forged)); err == nil {
			t.Errorf("%s was taken", state)
		}
		if link == first {
			p.wantSignIns(emulator.SignIns{Begun: 1}) // the code was not sent anywhere
		}
	}
	answer = testbed.Browse(p.t, first)
	if err := p.instance().Redeem(t.Context(), secret.String(answer)); err != nil {
		t.Error(err)
	}
}

func stateOf(t *testing.T, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("state")
}
