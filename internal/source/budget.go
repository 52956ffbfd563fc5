package source

import (
	"context"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
)

// Budget grants the requests of tenants, to all processes that share it. Calls may be concurrent and do not wait for
// anything but an answer.
//
// An error means that nothing is known and nothing granted: no request may be sent until a later call succeeds.
type Budget interface {
	// Take grants up to d.Requests requests, to be sent at once, or none; then the caller asks again after wait.
	Take(ctx context.Context, d audit.Demand) (granted int, wait time.Duration, err error)
	// Throttled tells that the API refused a request of the tenant for its quota, and for how long it wants to see
	// none; 0 if it did not say.
	Throttled(ctx context.Context, tenant string, retryAfter time.Duration) error
}

const (
	// share of the tenant's quota that is used: the rest is for requests that the service counts otherwise.
	share = 0.95
	// burst is how much time's worth of requests may be sent at once.
	burst = time.Second
	// rest is how long the pace stays halved after a refusal, and growth the part of the full pace that comes back in
	// each minute after that.
	rest   = time.Minute
	growth = 0.05
	// halveAfter is how often the pace is halved at most: what was under way at the time may be refused, too.
	halveAfter = 30 * time.Second
	// floor is the part of the pace that always stays.
	floor = 1.0 / 16
	// maxHold bounds what the service may ask for: it must not stop a tenant for a day.
	maxHold = time.Hour
)

// LocalBudget is a Budget for the only process that reads its tenants' logs.
type LocalBudget struct {
	mu      sync.Mutex // guards the following
	tenants map[string]*pace
}

// NewLocalBudget returns a budget of which nothing is spent.
func NewLocalBudget() *LocalBudget { return &LocalBudget{tenants: map[string]*pace{}} }

// Take grants what the tenant's pace allows.
func (b *LocalBudget) Take(ctx context.Context, d audit.Demand) (int, time.Duration, error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	granted, wait := b.tenant(d.Tenant).take(d, time.Now())
	return granted, wait, nil
}

// Throttled slows the tenant down.
func (b *LocalBudget) Throttled(_ context.Context, tenant string, retryAfter time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tenant(tenant).refused(retryAfter, time.Now())
	return nil
}

func (b *LocalBudget) tenant(id string) *pace {
	p, ok := b.tenants[id]
	if !ok {
		p = &pace{left: 1}
		b.tenants[id] = p
	}
	return p
}

// pace is a GCRA: requests that were granted are paid off one by one as time goes by.
type pace struct {
	paid       time.Time // when all granted requests are paid off
	background time.Time // the same of those in the background, which cost twice as much there
	left       float64   // part of the pace that refusals left
	grow       time.Time // since when it grows again
	held       time.Time // the service asked for silence until then
	cut        time.Time // when the pace was last halved
}

// factor is the part of the full pace that may be used now.
func (p *pace) factor(now time.Time) float64 {
	return min(1, p.left+growth*max(0, now.Sub(p.grow).Minutes()))
}

func (p *pace) take(d audit.Demand, now time.Time) (int, time.Duration) {
	if left := p.held.Sub(now); left > 0 {
		return 0, left
	}
	interval := time.Duration(float64(time.Minute) / (share * float64(d.PerMinute) * p.factor(now)))
	free, wait := open(&p.paid, now, max(burst, interval), interval)
	half, later := open(&p.background, now, max(burst, 2*interval), 2*interval)
	cost := interval
	if d.Background {
		free, wait, cost = min(free, half), max(wait, later), 2*interval
	}
	granted := min(d.Requests, free)
	if granted <= 0 {
		return 0, wait
	}
	p.paid = p.paid.Add(time.Duration(granted) * interval)
	p.background = p.background.Add(time.Duration(granted) * cost)
	return granted, 0
}

// open returns how many requests of such a cost are open within a span of time, and when the next one is. It brings the
// time up to which all are paid off into the span.
func open(paid *time.Time, now time.Time, span, cost time.Duration) (int, time.Duration) {
	if end := now.Add(span); paid.After(end) {
		*paid = end
	}
	if paid.Before(now) {
		*paid = now
	}
	left := now.Add(span).Sub(*paid)
	return int(left / cost), cost - left
}

// refused halves the pace for a minute, and stops all requests for as long as the service asked for.
func (p *pace) refused(retryAfter time.Duration, now time.Time) {
	if now.Sub(p.cut) >= halveAfter {
		p.left, p.cut = max(floor, p.factor(now)/2), now
		if spent := now.Add(burst); spent.After(p.paid) {
			p.paid = spent
		}
	}
	if until := now.Add(min(retryAfter, maxHold)); until.After(p.held) {
		p.held = until
	}
	p.grow = now.Add(rest)
	if p.held.After(now) {
		p.grow = p.held.Add(rest)
	}
}
