package pipeline

import (
	"context"
	"slices"
	"sync"

	"o365-kafka-connector/internal/audit"
)

// Budget bounds the bytes of prepared events in the process, and shares them fairly: no tenant holds more than half
// of it, and no stream more than half of a tenant's part, as long as there are several of them. Whoever holds bytes
// never waits for more, so waiting always ends.
type Budget struct {
	total int64

	mu      sync.Mutex // guards the following
	free    int64
	tenants map[string]map[audit.ContentType]int64 // bytes held
	waiting []*claimant
}

type claimant struct {
	stream audit.Stream
	bytes  int64
	ready  chan struct{}
}

// NewBudget returns a budget of so many bytes.
func NewBudget(total int64) *Budget {
	return &Budget{total: total, free: total, tenants: map[string]map[audit.ContentType]int64{}}
}

// Join makes a stream known, so that it counts when the budget is shared.
func (b *Budget) Join(s audit.Stream) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tenants[s.Tenant.ID] == nil {
		b.tenants[s.Tenant.ID] = map[audit.ContentType]int64{}
	}
	b.tenants[s.Tenant.ID][s.ContentType] += 0
}

// Reserve waits until the stream may hold so many bytes; more than the stream's part is cut to it. The caller holds
// none of its own while it waits, and releases the reservation in the end.
func (b *Budget) Reserve(ctx context.Context, s audit.Stream, bytes int64) (*Reservation, error) {
	b.Join(s)
	b.mu.Lock()
	c := &claimant{stream: s, bytes: min(bytes, b.part(s)), ready: make(chan struct{})}
	b.waiting = append(b.waiting, c)
	b.admit()
	b.mu.Unlock()
	r := &Reservation{budget: b, stream: s, bytes: c.bytes}
	select {
	case <-c.ready:
		return r, nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	i := slices.Index(b.waiting, c)
	if i >= 0 {
		b.waiting = slices.Delete(b.waiting, i, i+1)
	}
	b.mu.Unlock()
	if i < 0 {
		r.Release()
	}
	return nil, ctx.Err()
}

// part is what one stream may hold.
func (b *Budget) part(s audit.Stream) int64 {
	part := b.tenantPart()
	if len(b.tenants[s.Tenant.ID]) > 1 {
		part /= 2
	}
	return part
}

func (b *Budget) tenantPart() int64 {
	if len(b.tenants) > 1 {
		return b.total / 2
	}
	return b.total
}

// admit serves whoever holds least, as long as the bytes last. One that does not fit yet holds up those behind it:
// else a large request would starve.
func (b *Budget) admit() {
	for {
		next := b.neediest()
		if next < 0 || b.waiting[next].bytes > b.free {
			return
		}
		c := b.waiting[next]
		b.waiting = slices.Delete(b.waiting, next, next+1)
		b.free -= c.bytes
		b.tenants[c.stream.Tenant.ID][c.stream.ContentType] += c.bytes
		close(c.ready)
	}
}

// neediest returns the index of the request to serve next: the least held by its tenant, then by its stream, then
// the oldest. Those whose part is used up wait for their own bytes to come back.
func (b *Budget) neediest() int {
	best, bestTenant, bestStream := -1, int64(0), int64(0)
	for i, c := range b.waiting {
		stream, tenant := b.tenants[c.stream.Tenant.ID][c.stream.ContentType], b.heldBy(c.stream.Tenant.ID)
		over := tenant+c.bytes > b.tenantPart() || stream+c.bytes > b.part(c.stream)
		if over && stream > 0 {
			continue
		}
		if best < 0 || tenant < bestTenant || tenant == bestTenant && stream < bestStream {
			best, bestTenant, bestStream = i, tenant, stream
		}
	}
	return best
}

func (b *Budget) heldBy(tenant string) int64 {
	var sum int64
	for _, bytes := range b.tenants[tenant] {
		sum += bytes
	}
	return sum
}

func (b *Budget) give(s audit.Stream, bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free += bytes
	b.tenants[s.Tenant.ID][s.ContentType] -= bytes
	b.admit()
}

// Reservation is a part of the budget. One goroutine at a time may use it.
type Reservation struct {
	budget *Budget
	stream audit.Stream
	bytes  int64
}

// Bytes returns what is reserved.
func (r *Reservation) Bytes() int64 { return r.bytes }

// Shrink gives back what is more than needed.
func (r *Reservation) Shrink(to int64) {
	if to >= r.bytes {
		return
	}
	r.budget.give(r.stream, r.bytes-to)
	r.bytes = to
}

// Release gives everything back. It may be called again.
func (r *Reservation) Release() { r.Shrink(0) }
