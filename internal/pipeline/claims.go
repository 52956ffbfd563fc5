package pipeline

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
)

// tally counts the blobs of a window that are still on their way.
type tally struct {
	mu   sync.Mutex // guards the following
	open int
	lost bool          // a blob was given up without a result
	done chan struct{} // closed when open falls to zero while somebody waits
}

func (t *tally) add() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open++
}

func (t *tally) settle(ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open--
	t.lost = t.lost || !ok
	if t.open == 0 && t.done != nil {
		close(t.done)
		t.done = nil
	}
}

// wait returns nil once every blob counted so far is done, pending or dead-lettered, and errGivenUp if one will have no
// result. One goroutine at a time may wait.
func (t *tally) wait(ctx context.Context) error {
	done := make(chan struct{})
	t.mu.Lock()
	if t.open == 0 {
		close(done)
	} else {
		t.done = done
	}
	t.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
		return ctx.Err()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lost {
		return errGivenUp
	}
	return nil
}

// claims is the in-flight set of a stream beside its pending blobs: whoever wants to fetch a blob claims it here
// first, so that no two planners work on the same one.
type claims struct {
	mu      sync.Mutex // guards the following
	flying  map[audit.Hash][]*tally
	pending map[audit.Hash]audit.Pending
	freed   chan struct{} // closed and replaced whenever a pending blob is resolved
}

func newClaims(pending []audit.Pending) *claims {
	c := &claims{
		flying: map[audit.Hash][]*tally{}, pending: map[audit.Hash]audit.Pending{}, freed: make(chan struct{}),
	}
	for _, p := range pending {
		c.pending[p.Blob.Hash()] = p
	}
	return c
}

// claim reports whether the caller has to fetch the blob now. In any case t counts it until it has a result, unless
// the blob is pending: that is a result.
func (c *claims) claim(h audit.Hash, t *tally) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if waiters, ok := c.flying[h]; ok {
		t.add()
		c.flying[h] = append(waiters, t)
		return false
	}
	if _, ok := c.pending[h]; ok {
		return false
	}
	t.add()
	c.flying[h] = []*tally{t}
	return true
}

// claimAlone claims a blob unless somebody else works on it, or it is pending. Busy, if there is one, has a result when
// whoever works on it has.
func (c *claims) claimAlone(h audit.Hash, t *tally) (claimed bool, busy *tally) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if waiters, ok := c.flying[h]; ok {
		busy = &tally{}
		busy.add()
		c.flying[h] = append(waiters, busy)
		return false, busy
	}
	if _, ok := c.pending[h]; ok {
		return false, nil
	}
	t.add()
	c.flying[h] = []*tally{t}
	return true, nil
}

// claimDue claims up to n pending blobs whose next try has come, and returns when the next one comes.
func (c *claims) claimDue(now time.Time, n int) (due []audit.Pending, next time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range slices.SortedFunc(maps.Values(c.pending), func(a, b audit.Pending) int {
		return a.NextTry.Compare(b.NextTry)
	}) {
		h := p.Blob.Hash()
		if _, ok := c.flying[h]; ok {
			continue
		}
		if p.NextTry.After(now) || len(due) == n {
			return due, p.NextTry
		}
		c.flying[h] = nil
		due = append(due, p)
	}
	return due, time.Time{}
}

// claimPending claims all pending blobs, counted by t.
func (c *claims) claimPending(t *tally) (all []audit.Pending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for h, p := range c.pending {
		if _, ok := c.flying[h]; ok {
			continue
		}
		t.add()
		c.flying[h] = []*tally{t}
		all = append(all, p)
	}
	return all
}

// settle ends a claim. False means that the blob has no result: it will be found again.
func (c *claims) settle(h audit.Hash, ok bool) {
	c.mu.Lock()
	waiters := c.flying[h]
	delete(c.flying, h)
	c.mu.Unlock()
	for _, t := range waiters {
		t.settle(ok)
	}
}

// record takes over what an applied entry says about pending blobs.
func (c *claims) record(e audit.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range slices.Concat(e.Done, e.Resolved) {
		delete(c.pending, h)
	}
	for _, p := range e.Pending {
		c.pending[p.Blob.Hash()] = p
	}
	close(c.freed)
	c.freed = make(chan struct{})
}

// counts returns how many blobs are in flight and how many are pending, and a channel that is closed when the
// latter may have changed.
func (c *claims) counts() (flying, pending int, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.flying), len(c.pending), c.freed
}

// all returns the pending blobs.
func (c *claims) all() []audit.Pending {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Values(c.pending))
}

// addPending adds the content ids of the pending blobs to a set.
func (c *claims) addPending(ids map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.pending {
		ids[p.Blob.ID] = true
	}
}
