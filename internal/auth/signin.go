package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"o365-kafka-connector/internal/secret"
)

// signIn is what is stored of a tenant's sign-in. It holds tokens: never print it.
type signIn struct {
	ID       string        `json:"id,omitempty"` // another for each sign-in, and for each time that one is forgotten
	Serial   int64         `json:"serial"`       // grows with each change
	ClientID string        `json:"client_id,omitempty"`
	Refresh  string        `json:"refresh_token,omitempty"`
	Ends     time.Time     `json:"ends,omitzero"` // unless the refresh token is used before
	SignedIn time.Time     `json:"signed_in,omitzero"`
	Access   *sharedToken  `json:"access,omitempty"`
	Refused  *refusedRenew `json:"refused,omitempty"`
	Used     []usedCode    `json:"used_codes,omitempty"` // the newest last
}

// sharedToken is the access token that all instances use.
type sharedToken struct {
	Value    string    `json:"token"`
	Resource string    `json:"resource"`
	RenewAt  time.Time `json:"renew_at"`
	Expires  time.Time `json:"expires"`
}

// refusedRenew remembers that the refresh token was refused, so that not every instance asks on and on.
type refusedRenew struct {
	At      time.Time `json:"at"`
	Message string    `json:"message"`
	Hint    string    `json:"hint"`
}

// usedCode is an authorization code that must not be sent again.
type usedCode struct {
	Hash    string `json:"hash"`
	Refused string `json:"refused,omitempty"` // why, in the login host's words; empty: it was redeemed
}

// maxUsedCodes is how many codes are remembered: a code is worthless after ten minutes, but one stays in a configuration.
const maxUsedCodes = 50

// next begins a sign-in in the place of another.
func (s signIn) next() signIn { return signIn{ID: rand.Text(), Used: s.Used} }

// signedOut returns the sign-in without what it allows. It is stored as well: an instance that knows the tokens on must
// not take it for a loss.
func (s signIn) signedOut() signIn {
	gone := s.next()
	gone.Serial = 1
	return gone
}

func (s *signIn) use(c usedCode) {
	s.Used = slices.DeleteFunc(slices.Clone(s.Used), func(u usedCode) bool { return u.Hash == c.Hash })
	s.Used = append(s.Used, c)
	s.Used = s.Used[max(0, len(s.Used)-maxUsedCodes):]
}

func (s signIn) used(hash string) (usedCode, bool) {
	i := slices.IndexFunc(s.Used, func(u usedCode) bool { return u.Hash == hash })
	if i < 0 {
		return usedCode{}, false
	}
	return s.Used[i], true
}

// take stores the tokens of a grant. One without a refresh token leaves the old one.
func (s *signIn) take(g grant, resource string) {
	now := time.Now().UTC()
	if g.refresh != "" {
		s.Refresh = g.refresh
	}
	expires := now.Add(g.expires)
	s.Ends = expires
	if s.Refresh != "" {
		s.Ends = now.Add(g.refreshExpiresIn)
	}
	s.Access = &sharedToken{Value: g.access, Resource: resource, RenewAt: expires.Add(-margin(g.expires)), Expires: expires}
	s.Refused = nil
}

func hashCode(code secret.String) string {
	sum := sha256.Sum256([]byte("authorization code " + code.Reveal()))
	return hex.EncodeToString(sum[:16])
}
