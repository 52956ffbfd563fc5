package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"o365-kafka-connector/internal/audit"
)

const (
	// begunLife is how long a sign-in that was begun can be finished.
	begunLife = 15 * time.Minute
	// maxBegun is how many of a tenant's sign-ins can be under way at once.
	maxBegun = 8
)

// begun is a sign-in on its way: what is needed to redeem the code that it ends with. The verifier is a secret: never
// print it.
type begun struct {
	State       string    `json:"state"`
	Verifier    string    `json:"verifier"` // of PKCE, RFC 7636
	RedirectURI string    `json:"redirect_uri"`
	Begun       time.Time `json:"begun"`
}

// begunList is the document of them, the newest last.
type begunList struct {
	SignIns []begun `json:"sign_ins"`
}

// Begin returns the address at which a person lets the application read the audit log on their behalf, and remembers,
// encrypted and for 15 minutes, what it takes to redeem the code that comes of it, in this process or in another.
// redirectURI is where the browser is sent to afterwards; empty: auth.redirect_uri.
//
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#request-an-authorization-code
func (d *Delegated) Begin(ctx context.Context, redirectURI string) (link string, err error) {
	if redirectURI == "" {
		redirectURI = d.config.RedirectURI
	}
	b := begun{State: randomText(), Verifier: randomText(), RedirectURI: redirectURI, Begun: time.Now().UTC()}
	if err := d.begin(ctx, b); err != nil {
		return "", fmt.Errorf("remember sign-in: %w", err)
	}
	return loginURL(d.options, d.config.ClientID, b), nil
}

// LoginURL returns an address as Begin does, of a sign-in that nobody remembers: its code cannot be redeemed. It is for
// giving consent, with methods that sign in by themselves.
func LoginURL(c Config, o Options) string {
	return loginURL(o, c.ClientID, begun{State: randomText(), Verifier: randomText(), RedirectURI: c.RedirectURI})
}

func loginURL(o Options, clientID string, b begun) string {
	challenge := sha256.Sum256([]byte(b.Verifier))
	q := url.Values{
		"client_id":             {clientID},
		"response_type":         {"code"},
		"response_mode":         {"query"},
		"redirect_uri":          {b.RedirectURI},
		"scope":                 {delegatedScope(o.Resource)},
		"state":                 {b.State},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(challenge[:])},
		"code_challenge_method": {"S256"},
	}
	return o.Authority + "/" + url.PathEscape(o.TenantID) + "/oauth2/v2.0/authorize?" + q.Encode()
}

// delegatedScope asks for a refresh token, too.
func delegatedScope(resource string) string { return scope(resource) + " offline_access" }

// randomText returns 256 random bits in letters that RFC 7636 allows for a verifier.
func randomText() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (d *Delegated) begin(ctx context.Context, b begun) error {
	for {
		list, stored, err := d.underWay(ctx)
		if err != nil && !errors.Is(err, errSealed) { // what nobody can read is of no use
			return err
		}
		list = append(list, b)
		list = list[max(0, len(list)-maxBegun):]
		swapped, err := d.vault.swap(ctx, kindBegun, change{over: stored, document: begunList{list}})
		if swapped || err != nil {
			return err
		}
	}
}

// underWay returns the sign-ins that can still be finished.
func (d *Delegated) underWay(ctx context.Context) (list []begun, stored []byte, err error) {
	var l begunList
	stored, err = d.vault.load(ctx, kindBegun, &l)
	if err != nil {
		return nil, stored, err
	}
	old := time.Now().Add(-begunLife)
	return slices.DeleteFunc(l.SignIns, func(b begun) bool { return b.Begun.Before(old) }), stored, nil
}

// begunWith returns the sign-in that a code belongs to: that of its state, or else the newest. Without a state there
// may be none, if the login URL was made elsewhere.
func (d *Delegated) begunWith(ctx context.Context, r redirected) (begun, error) {
	list, _, err := d.underWay(ctx)
	if errors.Is(err, errSealed) {
		return begun{}, &audit.Fault{
			Cause: audit.CauseCredentials, Scope: audit.OfTenant, Hint: signInAnew,
			Err: localError{fmt.Errorf("read the sign-ins that were begun: %w", err)},
		}
	}
	if err != nil {
		return begun{}, err
	}
	slices.Reverse(list)
	i := slices.IndexFunc(list, func(b begun) bool { return r.State == "" || b.State == r.State })
	switch {
	case i >= 0:
		return list[i], nil
	case r.State == "":
		return begun{RedirectURI: d.config.RedirectURI}, nil
	}
	return begun{}, &audit.Fault{
		Cause: audit.CauseCredentials, Scope: audit.OfTenant, Hint: signInAnew,
		Err: errors.New("find sign-in: the address is of none that was begun here within 15 minutes, so it is not used"),
	}
}
