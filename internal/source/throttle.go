package source

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"o365-kafka-connector/internal/audit"
)

const (
	// share of the tenant's quota that is used: the rest is for requests that the service counts otherwise.
	share = 0.95
	// slowFor is how long the rate stays halved after the service refused a request for its quota.
	slowFor = time.Minute
	// maxHold bounds what the service may ask for: it must not stop a tenant for a day.
	maxHold = time.Hour
)

// budget spreads a tenant's requests over time and, among its streams, evenly: of each stream one request at a time
// queues for the tenant's budget, however many workers it has.
type budget struct {
	meter   Meter
	full    rate.Limit
	limiter *rate.Limiter

	mu        sync.Mutex // guards the following
	gates     map[audit.ContentType]chan struct{}
	heldUntil time.Time // the service asked for silence until then
	slowUntil time.Time
}

func newBudget(perMinute int, m Meter) *budget {
	full := rate.Limit(share * float64(perMinute) / 60)
	return &budget{meter: m, full: full, limiter: rate.NewLimiter(full, burst(full)), gates: map[audit.ContentType]chan struct{}{}}
}

// burst is one second's worth of requests.
func burst(l rate.Limit) int { return max(1, int(l)) }

// wait returns when the stream may send a request.
func (b *budget) wait(ctx context.Context, s audit.Stream) error {
	start := time.Now()
	gate := b.gate(s.ContentType)
	select {
	case gate <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait for the request budget: %w", ctx.Err())
	}
	defer func() { <-gate }()
	b.restore()
	if err := b.limiter.Wait(ctx); err != nil {
		if ctx.Err() == nil { // the limiter sees at once that the deadline comes first
			err = context.DeadlineExceeded
		}
		return fmt.Errorf("wait for the request budget: %w", err)
	}
	if err := b.hold(ctx, s); err != nil {
		return err
	}
	if waited := time.Since(start); waited > time.Millisecond {
		b.meter.Throttled(s, waited)
	}
	return nil
}

// hold waits for as long as the service asked for silence.
func (b *budget) hold(ctx context.Context, s audit.Stream) error {
	for {
		b.mu.Lock()
		left := time.Until(b.heldUntil)
		b.mu.Unlock()
		if left <= 0 {
			return nil
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait until the API takes requests of %s again: %w", s.Tenant.Name, ctx.Err())
		}
	}
}

func (b *budget) gate(ct audit.ContentType) chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	g, ok := b.gates[ct]
	if !ok {
		g = make(chan struct{}, 1)
		b.gates[ct] = g
	}
	return g
}

// refused halves the rate for a minute, and holds all requests of the tenant for as long as the service asked for.
func (b *budget) refused(retryAfter time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.slowUntil = now.Add(slowFor)
	if until := now.Add(min(retryAfter, maxHold)); until.After(b.heldUntil) {
		b.heldUntil = until
	}
	b.limiter.SetLimit(b.full / 2)
	b.limiter.SetBurst(burst(b.full / 2))
}

// restore gives the full rate back when the slow minute is over.
func (b *budget) restore() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.slowUntil.IsZero() || time.Now().Before(b.slowUntil) {
		return
	}
	b.slowUntil = time.Time{}
	b.limiter.SetLimit(b.full)
	b.limiter.SetBurst(burst(b.full))
}
