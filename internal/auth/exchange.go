package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/secret"
)

// linger is how long a request for tokens may go on after its caller has left: a refresh token that was used must not
// be lost.
const linger = 1500 * time.Millisecond

// lingering returns a context that ends a little after its parent, by the same cause.
func lingering(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(linger, func() { cancel(ctx.Err()) }) })
	return longer, func() { stop(); cancel(nil) }
}

// exchange redeems a code, alone among all, and stores what comes of it. The sign-in that it returns counts although it
// was not stored, if the error is errUnsaved.
func (d *Delegated) exchange(ctx context.Context, r redirected, before storedSignIn) (signIn, error) {
	b, err := d.begunWith(ctx, r)
	if err != nil {
		return signIn{}, err
	}
	form, err := d.form()
	if err != nil {
		return signIn{}, err
	}
	form.Set("grant_type", "authorization_code")
	form.Set("code", r.Code.Reveal())
	form.Set("redirect_uri", b.RedirectURI)
	if b.Verifier != "" {
		form.Set("code_verifier", b.Verifier)
	}
	ctx, cancel := lingering(ctx)
	defer cancel()
	g, err := d.endpoint.ask(ctx, form)
	if err != nil {
		return signIn{}, d.notRedeemed(ctx, err, r.Code, before)
	}
	next := before.next()
	next.ClientID, next.SignedIn = d.config.ClientID, time.Now().UTC()
	next.take(g, d.options.Resource)
	next.use(usedCode{Hash: hashCode(r.Code)})
	next, err = d.store(ctx, next, before.stored)
	if err != nil {
		err = fmt.Errorf("store sign-in, whose code is used up now: %w", err)
	}
	return next, err
}

// store stores a new sign-in, whatever was stored before.
func (d *Delegated) store(ctx context.Context, next signIn, over []byte) (signIn, error) {
	for {
		saved, err := d.save(ctx, next, over)
		if !errors.Is(err, errOvertaken) { // by a sign-out: this one is newer
			return saved, err
		}
		var s signIn
		if over, err = d.vault.load(ctx, kindSignIn, &s); err != nil {
			d.keep(saved, &replaced{})
			return saved, errUnsaved{err}
		}
	}
}

// notRedeemed says whether the code can be used again, and remembers it if not.
func (d *Delegated) notRedeemed(ctx context.Context, err error, code secret.String, before storedSignIn) error {
	e, ok := errors.AsType[*grantError](err)
	if !ok {
		return err
	}
	f := *e.Fault
	switch {
	case e.final():
		next := before.signIn
		next.use(usedCode{Hash: hashCode(code), Refused: f.Err.Error()})
		_, storeErr := d.save(ctx, next, before.stored)
		f.Err = errors.Join(fmt.Errorf("redeem the code, which cannot be used any more: %w", f.Err), storeErr)
	case e.silent:
		f.Err = fmt.Errorf("redeem the code, which may be used up now: %w", f.Err)
		f.Hint = "try once more; if the code is refused then, " + signInAnew
	default:
		f.Err = fmt.Errorf("redeem the code, which is not used up: %w", f.Err)
	}
	return &f
}

func usedUp(u usedCode) error {
	err := errors.New("redeem the code: it was redeemed before, and a code works once")
	if u.Refused != "" {
		err = fmt.Errorf("redeem the code: it was refused before: %s", u.Refused)
	}
	return &audit.Fault{Cause: audit.CauseCredentials, Scope: audit.OfTenant, Hint: signInAnew, Err: err}
}

func unusable(err error) error {
	hint := signInAnew
	if errors.Is(err, errNoCode) {
		hint = "give the code, or the whole address, letter by letter"
	}
	return &audit.Fault{
		Cause: audit.CauseCredentials, Scope: audit.OfTenant, Hint: hint, Err: fmt.Errorf("read the authorization code: %w", err),
	}
}

// refresh renews the tokens, alone among all, and stores them.
func (d *Delegated) refresh(ctx context.Context, before storedSignIn) (signIn, error) {
	form, err := d.form()
	if err != nil {
		return signIn{}, err
	}
	form.Set("grant_type", "refresh_token")
	form.Set("refresh_token", before.Refresh)
	ctx, cancel := lingering(ctx)
	defer cancel()
	next := before.signIn
	g, err := d.endpoint.ask(ctx, form)
	if err == nil {
		next.take(g, d.options.Resource)
		return d.save(ctx, next, before.stored)
	}
	e, ok := errors.AsType[*grantError](err)
	if !ok {
		return signIn{}, err
	}
	if e.final() {
		if next.Refused == nil {
			d.log.Warn("sign-in cannot be renewed; it works until its access token expires", "error", e.Err, "hint", e.Hint)
		}
		next.Refused = &refusedRenew{At: time.Now().UTC(), Message: e.Err.Error(), Hint: e.Hint}
		_, _ = d.save(ctx, next, before.stored) // only spares the others a request
	}
	return signIn{}, renewFault(*e.Fault)
}

func renewFault(f audit.Fault) error {
	f.Err = fmt.Errorf("renew the sign-in: %w", f.Err)
	return &f
}

// errOvertaken means that the stored sign-in was changed by somebody else.
var errOvertaken = errors.New("the stored sign-in was changed by somebody else meanwhile")

// errUnsaved is a store that was away when a sign-in was to be stored. This process knows it, and stores it later.
type errUnsaved struct{ error }

// Unwrap returns the store's error.
func (e errUnsaved) Unwrap() error { return e.error }

// save stores a sign-in in the place of the document that it grew from.
func (d *Delegated) save(ctx context.Context, s signIn, over []byte) (signIn, error) {
	s.Serial++
	swapped, err := d.vault.swap(ctx, kindSignIn, change{over: over, document: s})
	if err == nil && !swapped {
		return s, errOvertaken
	}
	if err != nil {
		d.keep(s, &replaced{stored: over, known: true})
		return s, errUnsaved{err}
	}
	d.remember(s)
	return s, nil
}
