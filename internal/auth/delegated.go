package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/secret"
)

// Delegated is the sign-in of a person on whose behalf a tenant's audit log is read (method authorization_code). It is
// kept, encrypted, where all instances find it, and renewed by one of them at a time. Calls may be concurrent.
type Delegated struct {
	config   Config
	options  Options
	endpoint *endpoint
	vault    vault
	proof    proof
	code     secret.Source // the configured code
	log      *slog.Logger

	mu     sync.Mutex // guards the following
	last   signIn     // as it was seen, or renewed, last
	over   *replaced  // what the last one is to replace when the store is back; nil: it is stored
	stale  string     // the access token that the API refused
	rested time.Time  // until when the configured code is not sent again
}

// NewDelegated returns the sign-in of a tenant. It sends no request and reads nothing.
func NewDelegated(c Config, o Options) (*Delegated, error) {
	if c.Method != MethodAuthorizationCode {
		return nil, fmt.Errorf("method: %q has nobody who signs in: use %s", c.Method, MethodAuthorizationCode)
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	_, plain, err := parseAuthority(o)
	if err != nil {
		return nil, err
	}
	client, err := newHTTPClient(o, plain)
	if err != nil {
		return nil, err
	}
	o.Authority = strings.TrimRight(o.Authority, "/")
	if o.Log == nil {
		o.Log = discard
	}
	p, err := newProof(c, o.Log)
	if err != nil {
		return nil, err
	}
	d := &Delegated{
		config: c, options: o, proof: p, vault: newVault(c, o, p.secret), log: o.Log,
		endpoint: &endpoint{client: client, authority: o.Authority, tenant: o.TenantID, timeout: grantTimeout},
		code:     secret.NewSource("auth.authorization_code", c.AuthorizationCode, c.AuthorizationCodeFile),
	}
	if o.Timeout > 0 {
		d.endpoint.timeout = min(o.Timeout, grantTimeout)
	}
	return d, nil
}

// expiring returns what tells of credentials that end some day.
func (d *Delegated) expiring() []func() audit.Credential {
	list := []func() audit.Credential{d.signInCredential, d.config.secretCredential}
	if d.proof.certificate != nil {
		list = append(list, d.proof.certificate.credential)
	}
	return list
}

// signInCredential tells when the sign-in ends unless it is used.
func (d *Delegated) signInCredential() audit.Credential {
	d.mu.Lock()
	defer d.mu.Unlock()
	return audit.Credential{Kind: "sign_in", Expires: d.last.Ends, Hint: signInAnew}
}

// Redeem signs in with what the browser came back with: the bare code, or the whole address. It takes the place of a
// stored sign-in.
func (d *Delegated) Redeem(ctx context.Context, answer secret.String) error {
	r, err := parseRedirected(answer)
	if err != nil {
		return unusable(err)
	}
	return d.vault.alone(ctx, func(ctx context.Context) error {
		s, err := d.load(ctx)
		if err != nil {
			return err
		}
		if u, ok := s.used(hashCode(r.Code)); ok {
			return usedUp(u)
		}
		_, err = d.exchange(ctx, r, s)
		return err
	})
}

// replaced is a document that a sign-in takes the place of.
type replaced struct {
	stored []byte
	known  bool // false: whatever stands there
}

// Forget drops the sign-in and its tokens. It needs none of them to be valid, nor the store to be readable. A sign-in
// that was begun can still be finished, and codes that were used are known on.
func (d *Delegated) Forget(ctx context.Context) error {
	for {
		s := storedSignIn{}
		stored, err := d.vault.load(ctx, kindSignIn, &s.signIn)
		if err != nil && len(stored) == 0 {
			return fmt.Errorf("forget sign-in: %w", err)
		}
		gone := s.signedOut()
		swapped, err := d.end(ctx, storedSignIn{gone, stored}, err == nil)
		if err != nil {
			return fmt.Errorf("forget sign-in: %w", err)
		}
		if swapped {
			d.remember(gone)
			return nil
		}
	}
}

// end stores that nobody is signed in. Without the key of what is stored the document is unsealed: any instance, whatever
// keys it has, has to understand it, and codes that were used are not known anyway.
func (d *Delegated) end(ctx context.Context, gone storedSignIn, readable bool) (bool, error) {
	if readable {
		swapped, err := d.vault.swap(ctx, kindSignIn, change{over: gone.stored, document: gone.signIn})
		if !unlocked(err) {
			return swapped, err
		}
	}
	return d.vault.documents.SwapDocument(ctx, audit.DocumentSwap{
		Tenant: d.vault.tenant, Kind: kindSignIn, Old: gone.stored, New: append([]byte(unsealedEnd), gone.ID...),
	})
}

// unsealedEnd begins a document that says, in clear, that a sign-in was forgotten. Its ID follows.
const unsealedEnd = "signed out: "

// storedSignIn is a sign-in with its document; that is empty if there is none.
type storedSignIn struct {
	signIn

	stored []byte
}

// load reads the stored sign-in. If the store has lost it, or what this process knows to be newer, it is put back.
func (d *Delegated) load(ctx context.Context) (storedSignIn, error) {
	for {
		var s storedSignIn
		var err error
		s.stored, err = d.vault.load(ctx, kindSignIn, &s.signIn)
		id, ended := bytes.CutPrefix(s.stored, []byte(unsealedEnd))
		switch {
		case ended:
			s.signIn = signIn{ID: string(id), Serial: 1}
		case errors.Is(err, errSealed):
			return s, d.sealed(err)
		case err != nil:
			return s, err
		}
		newer, ok := d.newer(s)
		if !ok {
			if s.ClientID != "" && !strings.EqualFold(s.ClientID, d.config.ClientID) {
				s.signIn = s.signedOut() // of another application
			}
			d.remember(s.signIn)
			return s, nil
		}
		if _, err := d.vault.swap(ctx, kindSignIn, change{over: s.stored, document: newer}); err != nil {
			return s, err
		}
	}
}

// newer returns what this process knows of the stored sign-in, or of a lost one, if that is more.
func (d *Delegated) newer(s storedSignIn) (signIn, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	lost := len(s.stored) == 0 && d.last.Serial > 0
	unsaved := d.over != nil && s.ID != d.last.ID && (!d.over.known || bytes.Equal(s.stored, d.over.stored))
	return d.last, lost || unsaved || s.ID == d.last.ID && s.Serial < d.last.Serial
}

func (d *Delegated) remember(s signIn) { d.keep(s, nil) }

// keep remembers a sign-in that is still to be stored over a document.
func (d *Delegated) keep(s signIn, over *replaced) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last, d.over = s, over
}

func (d *Delegated) sealed(err error) error {
	return &audit.Fault{
		Cause: audit.CauseCredentials, Scope: audit.OfTenant,
		Hint: "put the old key behind the new one in auth.token_store.key_file (or the old client secret back, if there is no " +
			"key); if it is lost: sign in anew by generate-login-url, run auth-reset, put the new code into " +
			"auth.authorization_code, and run diagnose",
		Err: localError{fmt.Errorf("read the stored sign-in of %s: %w", d.vault.tenant, err)},
	}
}

// form is what every request for tokens says.
func (d *Delegated) form() (url.Values, error) {
	form := url.Values{"client_id": {d.config.ClientID}, "scope": {delegatedScope(d.options.Resource)}}
	return form, d.proof.add(form, d.endpoint.url(), d.endpoint.now())
}
