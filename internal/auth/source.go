// Package auth obtains and renews the access tokens that the Management Activity API asks for.
package auth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/secret"
)

const (
	// maxMargin is how long before its expiry a long-lived token is renewed.
	maxMargin = 5 * time.Minute
	// maxRest is how long a valid token is used on after its renewal failed, before the next try.
	maxRest = 30 * time.Second
	// leastLife is how long a token is used that has expired on arrival by our clock: then it is the clock that is wrong.
	leastLife = 2 * time.Second
	// A failed request is not repeated for firstPause, then twice that, up to maxPause: many streams ask, and what fails
	// for one fails for all.
	firstPause = time.Second
	maxPause   = 30 * time.Second
)

// token is an access token with the time at which it stops working.
type token struct {
	value   string
	expires time.Time
	renewAt time.Time // zero: some time before it expires
}

// issuer asks for a new token, past every cache.
type issuer func(ctx context.Context) (token, error)

// TokenSource hands out one tenant's access token and renews it in time. Calls may be concurrent: only one at a time
// asks for a token, and the others share its answer.
type TokenSource struct {
	issue    issuer
	within   time.Duration // bounds one request for a token, all its round trips included
	demands  *demands
	refused  func(stale string)        // is told of a token that is of no use; may be nil
	expiring []func() audit.Credential // a zero Expires is not known, or never
	turn     chan struct{}             // holds one element while somebody asks for a token

	mu      sync.Mutex // guards the following
	current token
	renewAt time.Time
	asked   int // how many requests have ended
	failed  error
	pause   time.Duration // after the last failure
	resume  time.Time     // end of that pause
}

func newTokenSource(issue issuer) *TokenSource {
	return &TokenSource{issue: issue, within: 2 * defaultTimeout, demands: &demands{}, turn: make(chan struct{}, 1)}
}

// Token returns a token that is valid for some time to come. Its errors are *audit.Fault, except the context's.
func (s *TokenSource) Token(ctx context.Context) (string, error) { return s.get(ctx, "") }

// Renew returns another token than stale, which the API refused: the current one if that differs already, else a new
// one. Its errors are those of Token.
func (s *TokenSource) Renew(ctx context.Context, stale string) (string, error) {
	return s.get(ctx, stale)
}

// Credentials returns what the sign-in needs and what ends some day, as far as that is known by now.
func (s *TokenSource) Credentials() []audit.Credential {
	var known []audit.Credential
	for _, of := range s.expiring {
		if c := of(); !c.Expires.IsZero() {
			known = append(known, c)
		}
	}
	return known
}

// Lacks names a permission that the current token lacks for some of what is to be read, with advice; "" if none. A token
// that is good for nothing is a fault instead.
func (s *TokenSource) Lacks() (permission, hint string) {
	if !s.demands.lacking.Load() {
		return "", ""
	}
	return permissionReadDLP, fmt.Sprintf(s.demands.hintGrant, permissionReadDLP)
}

func (s *TokenSource) get(ctx context.Context, stale string) (string, error) {
	value, answer, asked := s.look(stale)
	if answer == good {
		return value, nil
	}
	select {
	case s.turn <- struct{}{}:
	default:
		if answer == due { // somebody else renews it
			return value, nil
		}
		select {
		case s.turn <- struct{}{}:
		case <-ctx.Done():
			return "", fmt.Errorf("wait for a token: %w", ctx.Err())
		}
	}
	defer func() { <-s.turn }()

	value, answer, ended := s.look(stale)
	if answer == good {
		return value, nil
	}
	if err := s.lastFailure(ended > asked); err != nil {
		return "", err
	}
	return s.ask(ctx, stale)
}

// state is what the current token is worth to a caller.
type state int

const (
	useless state = iota // none, expired, or the one that was refused
	due                  // works, and should be renewed
	good
)

func (s *TokenSource) look(stale string) (value string, worth state, asked int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch {
	case !s.usable(stale, now):
		return "", useless, s.asked
	case stale == "" && !now.Before(s.renewAt):
		return s.current.value, due, s.asked
	}
	return s.current.value, good, s.asked
}

// usable is called with mu held.
func (s *TokenSource) usable(stale string, now time.Time) bool {
	return s.current.value != stale && now.Before(s.current.expires)
}

// lastFailure returns the error of the last request if the caller has waited for just that, or if it is too early for
// another one.
func (s *TokenSource) lastFailure(awaited bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := time.Until(s.resume)
	if s.failed == nil || !awaited && left <= 0 {
		return nil
	}
	f, ok := errors.AsType[*audit.Fault](s.failed)
	if !ok || f.RetryAfter == 0 {
		return s.failed
	}
	again := *f
	again.RetryAfter = max(left, time.Millisecond)
	return &again
}

// ask asks for a new token. A failed renewal is no failure while the current token works: it is used on, and the next
// try waits a little.
func (s *TokenSource) ask(ctx context.Context, stale string) (string, error) {
	rctx, cancel := context.WithTimeout(ctx, s.within)
	defer cancel()
	if stale != "" && s.refused != nil {
		s.refused(stale)
	}
	fresh, err := s.issue(rctx)
	switch {
	case err == nil && fresh.value == stale:
		err = &audit.Fault{
			Cause: audit.CauseUnauthorized, Scope: audit.OfTenant, Hint: s.demands.hintSame,
			Err: localError{errors.New("renew token: it is the same that the API refused")},
		}
	case err == nil:
		if err = s.demands.check(fresh.value); err != nil && s.refused != nil {
			s.refused(fresh.value) // the next one may be better
		}
	}
	if ctx.Err() != nil {
		return "", fmt.Errorf("ask for a token: %w", ctx.Err())
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	s.failed = err
	now := time.Now()
	switch {
	case err == nil:
		if fresh.renewAt.IsZero() {
			life := max(fresh.expires.Sub(now), leastLife)
			fresh.expires = now.Add(life)
			fresh.renewAt = fresh.expires.Add(-margin(life))
		}
		s.current, s.renewAt = fresh, fresh.renewAt
		s.pause = 0
		return fresh.value, nil
	case errors.Is(err, errSignedOut):
		s.current = token{}
	case s.usable(stale, now):
		wait := untilRetry(s.current.expires.Sub(now))
		if f, ok := errors.AsType[*audit.Fault](err); ok && f.RetryAfter > wait {
			wait = f.RetryAfter
			s.resume = now.Add(wait) // also if the token ends before that
		}
		s.renewAt = now.Add(wait)
		return s.current.value, nil
	}
	s.rest(err, now)
	return "", err
}

// rest sets the end of the pause after a failure. It is called with mu held.
func (s *TokenSource) rest(err error, now time.Time) {
	if _, local := errors.AsType[localError](err); local {
		return
	}
	s.pause = min(max(2*s.pause, firstPause), maxPause)
	s.resume = now.Add(s.pause)
	if f, ok := errors.AsType[*audit.Fault](err); ok && f.RetryAfter > s.pause {
		s.resume = now.Add(f.RetryAfter)
	}
}

// untilRetry is how long a token that has this long to live is used on after its renewal failed.
func untilRetry(left time.Duration) time.Duration { return max(min(maxRest, left/2), firstPause) }

// margin is how long before its expiry a token of this lifetime is renewed: short-lived ones are used for most of it.
func margin(lifetime time.Duration) time.Duration { return min(maxMargin, lifetime/5) }

// static hands out a token that changes only with its file. A token that can be read is asked for again when it is about
// to expire, any other one when it was refused.
func static(from secret.Source) issuer {
	return func(context.Context) (token, error) {
		value, err := from.Reveal()
		if err != nil {
			return token{}, unreadable(err)
		}
		end := time.Now().Add(100 * 365 * 24 * time.Hour)
		if w, ok := read(value); ok && w.Expires > 0 {
			end = time.Unix(int64(w.Expires), 0)
		}
		if time.Now().After(end) {
			return token{}, &audit.Fault{
				Cause: audit.CauseUnauthorized, Scope: audit.OfTenant, Hint: hintSameStatic,
				Err: localError{fmt.Errorf("renew token: the static token has expired at %s", end.UTC().Format(time.RFC3339))},
			}
		}
		return token{value: value, expires: end}, nil
	}
}
