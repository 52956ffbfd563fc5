package emulator

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// codeGrant is an authorization code and what it was given for.
type codeGrant struct {
	tenant, redirectURI, resource string
	offline                       bool // a refresh token is wanted
	challenge                     string
	until                         time.Time
	redeemed                      bool
}

// refreshGrant is a refresh token. Each use makes the next one of its family; using one twice ends the family.
type refreshGrant struct {
	tenant, resource string
	family           string
	until            time.Time
	used             bool
}

// granted is what a code or a refresh token was exchanged for.
type granted struct{ resource, refresh string }

// SignIns is what became of the sign-ins of a tenant's people.
type SignIns struct {
	Begun     int `json:"begun"`     // codes given
	Redeemed  int `json:"redeemed"`  // codes exchanged for tokens
	Refreshed int `json:"refreshed"` // refresh tokens exchanged for others
	Reused    int `json:"reused"`    // refresh tokens that came a second time: two clients share one, or one lost an answer
}

// signIns remembers codes and refresh tokens.
type signIns struct {
	mu      sync.Mutex // guards the following
	codes   map[string]*codeGrant
	tokens  map[string]*refreshGrant
	revoked map[string]*loginError // by family
	counts  map[string]SignIns     // by tenant
}

func newSignIns() *signIns {
	return &signIns{
		codes: map[string]*codeGrant{}, tokens: map[string]*refreshGrant{}, revoked: map[string]*loginError{},
		counts: map[string]SignIns{},
	}
}

func invalidGrant(number int, text string) *loginError {
	return &loginError{http.StatusBadRequest, "invalid_grant", number, text}
}

// begin gives a code.
func (s *signIns) begin(g codeGrant) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	code := "0.code-" + rand.Text() + rand.Text()
	s.codes[code] = &g
	s.count(g.tenant, func(n *SignIns) { n.Begun++ })
	return code
}

func (s *signIns) count(tenant string, add func(*SignIns)) {
	n := s.counts[tenant]
	add(&n)
	s.counts[tenant] = n
}

// redeem exchanges a code.
func (s *signIns) redeem(tenant string, form url.Values, now time.Time, life time.Duration) (granted, *loginError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	code := s.codes[form.Get("code")]
	switch {
	case code == nil || code.tenant != tenant:
		return granted{}, invalidGrant(70000, "The provided value for the 'code' parameter is not valid.")
	case code.redeemed:
		return granted{}, invalidGrant(54005, "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.")
	case now.After(code.until):
		return granted{}, invalidGrant(70008, "The provided authorization code or refresh token has expired due to inactivity.")
	case form.Get("redirect_uri") != code.redirectURI:
		return granted{}, &loginError{http.StatusBadRequest, "invalid_client", 500112, "The reply address '" + form.Get("redirect_uri") + "' does not match the reply address '" + code.redirectURI + "' provided when requesting Authorization code."}
	case !provesChallenge(code.challenge, form.Get("code_verifier")):
		return granted{}, invalidGrant(501481, "The Code_Verifier does not match the code_challenge supplied in the authorization request.")
	case resourceOf(form.Get("scope")) != code.resource:
		return granted{}, invalidGrant(28000, "Provided value for the input parameter scope is not valid because it contains more than one resource.")
	}
	code.redeemed = true
	s.count(tenant, func(n *SignIns) { n.Redeemed++ })
	g := granted{resource: code.resource}
	if code.offline && strings.Contains(form.Get("scope"), "offline_access") {
		g.refresh = s.next(refreshGrant{tenant: tenant, resource: code.resource, family: rand.Text(), until: now.Add(life)})
	}
	return g, nil
}

// next makes a refresh token, with mu held.
func (s *signIns) next(g refreshGrant) string {
	token := "1.refresh-" + rand.Text() + rand.Text()
	s.tokens[token] = &g
	return token
}

// refresh exchanges a refresh token for the next one.
func (s *signIns) refresh(tenant string, form url.Values, now time.Time, life time.Duration) (granted, *loginError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.tokens[form.Get("refresh_token")]
	switch {
	case g == nil || g.tenant != tenant:
		return granted{}, invalidGrant(9002313, "Invalid request. Request is malformed or invalid.")
	case s.revoked[g.family] != nil:
		return granted{}, s.revoked[g.family]
	case g.used:
		s.count(tenant, func(n *SignIns) { n.Reused++ })
		s.revoked[g.family] = invalidGrant(70000, "The refresh token was used before; all tokens of its sign-in are withdrawn.")
		return granted{}, s.revoked[g.family]
	case resourceOf(form.Get("scope")) != g.resource:
		return granted{}, invalidGrant(65001, "The user or administrator has not consented to use the application for '"+resourceOf(form.Get("scope"))+"'.")
	case now.After(g.until):
		return granted{}, invalidGrant(700082, "The refresh token has expired due to inactivity.")
	}
	g.used = true
	s.count(tenant, func(n *SignIns) { n.Refreshed++ })
	next := *g
	next.used, next.until = false, now.Add(life)
	return granted{resource: g.resource, refresh: s.next(next)}, nil
}

// RevokeSignIns ends all sign-ins of a tenant's people, as a changed password does. Access tokens work until they expire.
func (e *Emulator) RevokeSignIns(tenant string) {
	s := e.signIns
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.tokens {
		if g.tenant == tenant {
			s.revoked[g.family] = invalidGrant(50173, "The provided grant has expired due to it being revoked, a fresh auth token is needed.")
		}
	}
}

// SignIns tells what became of the sign-ins of a tenant's people.
func (e *Emulator) SignIns(tenant string) SignIns {
	s := e.signIns
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[tenant]
}
