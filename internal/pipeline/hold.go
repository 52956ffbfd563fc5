package pipeline

import (
	"context"
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

// hold makes everything of a stream that asks the API wait after a fault that concerns more than one blob.
type hold struct {
	mu    sync.Mutex // guards the following
	until time.Time
	delay backoff.BackOff
}

func newHold() *hold {
	return &hold{delay: newBackOff(500*time.Millisecond, time.Minute)}
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
		h.until = until
	}
}

// clear notes that something worked. While callers still wait, it was asked before the fault and says nothing.
func (h *hold) clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.until.IsZero() && time.Now().After(h.until) {
		h.until = time.Time{}
		h.delay.Reset()
	}
}

// wait returns once the stream may ask again.
func (h *hold) wait(ctx context.Context) error {
	for {
		h.mu.Lock()
		left := time.Until(h.until)
		h.mu.Unlock()
		if left <= 0 {
			return ctx.Err()
		}
		if err := pause(ctx, left); err != nil {
			return err
		}
	}
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
