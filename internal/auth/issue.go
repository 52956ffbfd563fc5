package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/secret"
)

const (
	// recheck is how often a process looks whether the sign-in that all share is still the same.
	recheck = 30 * time.Second
	// refusedRest is how long what was refused is not sent again.
	refusedRest = time.Minute
)

// errSignedOut means that nobody is signed in, so that a token of before must not be used on.
var errSignedOut = errors.New("nobody is signed in")

// source returns a source of access tokens on behalf of the person who signed in.
func (d *Delegated) source() *TokenSource {
	s := newTokenSource(d.issue)
	s.refused = d.refused
	s.expiring = d.expiring()
	return s
}

// refused tells of an access token that the API refused, or that lacks a permission.
func (d *Delegated) refused(stale string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stale = stale
}

// serves reports whether the shared access token can be handed out until a time: until it is to be renewed, or, if that
// failed, until it expires.
func (d *Delegated) serves(s signIn, until func(*sharedToken) time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := s.Access
	return a != nil && a.Value != d.stale && a.Resource == d.options.Resource && time.Now().Before(until(a))
}

func renewal(a *sharedToken) time.Time { return a.RenewAt }
func expiry(a *sharedToken) time.Time  { return a.Expires }

// issue is the issuer of method authorization_code: it hands out the access token that all instances share, and renews
// it, or redeems the configured code, if need be.
func (d *Delegated) issue(ctx context.Context) (token, error) {
	s, err := d.load(ctx)
	if err != nil {
		return token{}, err
	}
	code, err := d.newCode(s.signIn)
	if err != nil {
		return token{}, err
	}
	if code == nil && d.serves(s.signIn, renewal) {
		return s.token(), nil
	}
	renewed := s.signIn
	err = d.vault.alone(ctx, func(ctx context.Context) (err error) {
		renewed, err = d.renew(ctx, code)
		return err
	})
	if err == nil || d.serves(renewed, expiry) { // the next try comes soon
		return renewed.token(), nil
	}
	return token{}, err
}

// token is the shared access token as this process hands it out: it looks soon whether there is another one.
func (s signIn) token() token {
	t := token{value: s.Access.Value, expires: s.Access.Expires, renewAt: s.Access.RenewAt}
	now := time.Now()
	if soon := now.Add(recheck); t.renewAt.After(soon) {
		t.renewAt = soon
	}
	if t.renewAt.Before(now) { // the renewal failed
		t.renewAt = now.Add(untilRetry(t.expires.Sub(now)))
	}
	return t
}

// newCode returns the code of the configuration if it was not used yet; nil if there is none.
func (d *Delegated) newCode(s signIn) (*redirected, error) {
	if !d.code.Set() || d.resting() {
		return nil, nil
	}
	text, err := d.code.Reveal()
	if err != nil {
		return nil, nil //nolint:nilerr // There may be none yet, or none any more. It is told where nobody is signed in.
	}
	r, err := parseRedirected(secret.String(text))
	if err != nil {
		return nil, d.orGoOn(s, unusable(err))
	}
	if _, used := s.used(hashCode(r.Code)); used {
		return nil, nil
	}
	return &r, nil
}

// orGoOn returns the error of a configured code if nobody is signed in. Else it is told, and the stored sign-in goes on.
func (d *Delegated) orGoOn(s signIn, err error) error {
	if s.Refresh == "" {
		return err
	}
	d.mu.Lock()
	d.rested = time.Now().Add(refusedRest)
	d.mu.Unlock()
	hint := ""
	if f, ok := errors.AsType[*audit.Fault](err); ok {
		hint = f.Hint
	}
	d.log.Warn("configured authorization code cannot be used; the stored sign-in goes on", "error", err, "hint", hint)
	return nil
}

func (d *Delegated) resting() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Now().Before(d.rested)
}

// renew brings a sign-in with an access token that can be used, alone among all: another one may have done it meanwhile.
func (d *Delegated) renew(ctx context.Context, code *redirected) (signIn, error) {
	s, err := d.load(ctx)
	if err != nil {
		return s.signIn, err
	}
	if code != nil && !s.knows(*code) {
		fresh, err := d.exchange(ctx, *code, s)
		if err == nil || kept(err) {
			return fresh, nil
		}
		if err := d.orGoOn(s.signIn, err); err != nil {
			return s.signIn, err
		}
		if s, err = d.load(ctx); err != nil {
			return s.signIn, err
		}
	}
	if d.serves(s.signIn, renewal) {
		return s.signIn, nil
	}
	if err := d.mayRefresh(s.signIn); err != nil {
		return s.signIn, err
	}
	fresh, err := d.refresh(ctx, s)
	if errors.Is(err, errOvertaken) {
		return d.overtaken(ctx)
	}
	if err == nil || kept(err) {
		return fresh, nil
	}
	return s.signIn, err
}

// overtaken returns what somebody else stored.
func (d *Delegated) overtaken(ctx context.Context) (signIn, error) {
	s, err := d.load(ctx)
	if err == nil && !d.serves(s.signIn, expiry) {
		err = d.mayRefresh(signIn{Used: s.Used})
	}
	return s.signIn, err
}

func (s signIn) knows(r redirected) bool {
	_, used := s.used(hashCode(r.Code))
	return used
}

// kept reports whether a sign-in is there that only could not be stored yet.
func kept(err error) bool {
	_, ok := errors.AsType[errUnsaved](err)
	return ok
}

// mayRefresh returns an error if there is nothing to refresh, or if that was refused a moment ago.
func (d *Delegated) mayRefresh(s signIn) error {
	if s.Refresh == "" {
		return d.signedOut(s)
	}
	if r := s.Refused; r != nil && time.Since(r.At).Abs() < refusedRest {
		return renewFault(audit.Fault{
			Cause: audit.CauseCredentials, Scope: audit.OfTenant, Hint: r.Hint, Err: localError{errors.New(r.Message)},
		})
	}
	return nil
}

// signedOut says why nobody is signed in, and what to do.
func (d *Delegated) signedOut(s signIn) error {
	text, hint := "sign in to tenant "+d.options.TenantID, "run connector login, or generate-login-url and put its code into auth.authorization_code"
	_, unread := d.code.Reveal()
	switch used, ok := d.lastCode(s); {
	case s.Access != nil:
		text += ": the last sign-in brought no refresh token"
		hint = "let the application have offline_access (API permissions of its registration), and " + signInAnew
	case unread != nil:
		text += ": there is no code (" + unread.Error() + ")"
		hint = "run connector login, or generate-login-url and put its code into the file of auth.authorization_code_file"
	case ok && used.Refused != "":
		text += ": the code in auth.authorization_code was refused: " + used.Refused
		hint = signInAnew
	case ok:
		text += ": the code in auth.authorization_code is used up"
		hint = signInAnew
	}
	return &audit.Fault{
		Cause: audit.CauseCredentials, Scope: audit.OfTenant, Hint: hint, Err: localError{fmt.Errorf("%s: %w", text, errSignedOut)},
	}
}

// lastCode returns what became of the configured code.
func (d *Delegated) lastCode(s signIn) (usedCode, bool) {
	text, err := d.code.Reveal()
	if err != nil || text == "" {
		return usedCode{}, false
	}
	r, err := parseRedirected(secret.String(text))
	if err != nil {
		return usedCode{}, false
	}
	return s.used(hashCode(r.Code))
}
