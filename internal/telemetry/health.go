package telemetry

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// checkTimeout bounds a check, and is how long its answer is good for.
const checkTimeout = 2 * time.Second

// Health answers whether the process can work at all. The zero value is ready; calls may be concurrent.
type Health struct {
	running sync.WaitGroup

	mu sync.Mutex // guards the following

	checks []*check
}

// check remembers the answer of one check. At most one call of it is under way.
type check struct {
	name string
	ask  func(context.Context) error

	mu sync.Mutex // guards the following

	done chan struct{} // closed when the call under way ends; nil if none is
	err  error
	at   time.Time // when err was answered; zero before the first answer
}

// AddCheck adds a check under a name for people. A check should fail only while the process can do no work at all,
// and heed its context's deadline.
func (h *Health) AddCheck(name string, ask func(context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.checks = append(h.checks, &check{name: name, ask: ask})
}

// result is the answer of one check.
type result struct {
	Name string
	Err  error
}

// ready asks all checks at once and waits at most checkTimeout for them.
func (h *Health) ready(ctx context.Context) []result {
	h.mu.Lock()
	checks := append([]*check(nil), h.checks...)
	h.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	for _, c := range checks {
		h.start(c) //nolint:contextcheck // the answer serves whoever asks next
	}
	results := make([]result, len(checks))
	for i, c := range checks {
		results[i] = result{Name: c.name, Err: c.answer(ctx)}
	}
	return results
}

// start asks the check, unless its answer is fresh or it is being asked.
func (h *Health) start(c *check) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.done != nil || (!c.at.IsZero() && time.Since(c.at) < checkTimeout) {
		return
	}
	done := make(chan struct{})
	c.done = done
	h.running.Go(func() {
		// Not the context of the request that started it: the answer serves whoever asks next.
		ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
		defer cancel()
		err := c.ask(ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.err, c.at, c.done = err, time.Now(), nil
		close(done)
	})
}

// answer waits for the call under way, if any, and returns the newest answer.
func (c *check) answer(ctx context.Context) error {
	c.mu.Lock()
	done := c.done
	c.mu.Unlock()

	if done != nil {
		select {
		case <-done:
		case <-ctx.Done():
			return fmt.Errorf("no answer within %s", checkTimeout)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// wait returns when no check is under way any more.
func (h *Health) wait() { h.running.Wait() }
