package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// fault is a way to harm the stand. It returns when the harm is repaired, also when the context ends early.
type fault struct {
	kind   string
	weight int
	do     func(ctx context.Context, r *rand.Rand) error
}

// lane is a sequence of faults of one sort, one at a time.
type lane struct {
	name        string
	least, most time.Duration // of the pauses between them
	faults      []fault
}

// run harms until the context ends. A service that is slow to recover is told of, and harmed on.
func (l lane) run(ctx context.Context, seed uint64, told *timeline) error {
	r := rand.New(rand.NewPCG(seed, hash(l.name)))
	for {
		pause(ctx, between(r, l.least, l.most))
		f := l.pick(r)
		// Each fault has a source of its own, so that what it draws does not change the faults behind it.
		own := rand.New(rand.NewPCG(r.Uint64(), 1))
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it is the end of the time
		}
		err := f.do(ctx, own)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // what was cut short is repaired
		case errors.Is(err, errSlow):
			told.note("%s: %v", f.kind, err)
		case err != nil:
			return fmt.Errorf("%s: %w", f.kind, err)
		}
	}
}

func (l lane) pick(r *rand.Rand) fault {
	total := 0
	for _, f := range l.faults {
		total += f.weight
	}
	n := r.IntN(total)
	for _, f := range l.faults {
		if n -= f.weight; n < 0 {
			return f
		}
	}
	return l.faults[0]
}

// hash tells lanes apart.
func hash(text string) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range []byte(text) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h
}

// lanes are all that is done to a stand.
func (s *stand) lanes() []lane {
	return []lane{
		{"connectors", 500 * time.Millisecond, 4 * time.Second, s.connectorFaults()},
		{"brokers", time.Second, 5 * time.Second, s.brokerFaults()},
		{"redis", time.Second, 5 * time.Second, s.redisFaults()},
		{"links", 500 * time.Millisecond, 3 * time.Second, s.linkFaults()},
	}
}
