package pipeline

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"

	"o365-kafka-connector/internal/audit"
)

// slowly is how long a fault that only a person can mend is left alone at least.
var slowly = map[audit.Cause]time.Duration{
	audit.CauseNoPermission:   time.Minute,
	audit.CauseAuditOff:       time.Minute,
	audit.CauseTenant:         time.Minute,
	audit.CauseCredentials:    10 * time.Second,
	audit.CauseUnauthorized:   10 * time.Second,
	audit.CauseSubscription:   30 * time.Second,
	audit.CauseStartThrottled: time.Minute,
}

// probing is how long the first caller after a pause has for itself, to find out whether the outage is over.
const probing = 5 * time.Second

// hold makes everything of a stream that asks the API wait after a fault that concerns more than one blob. When the
// pause is over, one caller tries; the others go on when it succeeds.
type hold struct {
	mu      sync.Mutex // guards the following
	until   time.Time  // end of the pause; zero: there is no outage
	cause   audit.Cause
	probe   time.Time // until when a caller that tries keeps the others waiting
	changed chan struct{}
	delay   backoff.BackOff
}

func newHold() *hold {
	return &hold{changed: make(chan struct{}), delay: newBackOff(500*time.Millisecond, time.Minute)}
}

// newBackOff never gives up.
func newBackOff(first, longest time.Duration) *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(first), backoff.WithMaxInterval(longest), backoff.WithMaxElapsedTime(0))
}

// raise makes callers of wait wait. Faults that come in while they do so are of the same outage and change nothing,
// unless the other side asks for more time.
func (h *hold) raise(f *audit.Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if h.until.After(now) && f.RetryAfter == 0 {
		return
	}
	delay := max(h.delay.NextBackOff(), slowly[f.Cause], f.RetryAfter)
	if until := now.Add(delay); until.After(h.until) {
		h.until, h.cause = until, f.Cause
	}
	h.wake()
}

// clear notes that something worked. During a pause it was asked before the fault and says nothing.
func (h *hold) clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.until.IsZero() && time.Now().After(h.until) {
		h.until = time.Time{}
		h.delay.Reset()
		h.wake()
	}
}

// lift ends the pause, whatever it was for.
func (h *hold) lift() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.until = time.Time{}
	h.delay.Reset()
	h.wake()
}

// liftAny ends the pause if it is for one of these causes.
func (h *hold) liftAny(causes ...audit.Cause) {
	h.mu.Lock()
	ours := !h.until.IsZero() && slices.Contains(causes, h.cause)
	h.mu.Unlock()
	if ours {
		h.lift()
	}
}

// wake ends the trial and has all callers of wait look again.
func (h *hold) wake() {
	h.probe = time.Time{}
	close(h.changed)
	h.changed = make(chan struct{})
}

// wait returns once the caller may ask. Who asks then says how it went, with clear or raise.
func (h *hold) wait(ctx context.Context) error {
	for {
		left, changed := h.left()
		if left <= 0 {
			return ctx.Err()
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-changed:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// left returns how long the caller has to wait at most; 0 lets it ask.
func (h *hold) left() (time.Duration, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	switch {
	case h.until.IsZero():
		return 0, h.changed
	case h.until.After(now):
		return h.until.Sub(now), h.changed
	case h.probe.After(now):
		return h.probe.Sub(now), h.changed
	}
	h.probe = now.Add(probing)
	return 0, h.changed
}

// pause waits for d or the end of the context.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
