package pipeline

import (
	"context"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
)

// fakeClaims keeps claims in memory.
type fakeClaims struct {
	*world

	mu      sync.Mutex // guards the following
	held    map[audit.Identity]heldClaim
	onClaim func() error // before a claim
	after   func() error // it took effect, and the answer gets lost
}

// heldClaim is a claim with its commit.
type heldClaim struct {
	audit.Claim
	epoch int64
	at    time.Time
}

func newClaimer(w *world) *fakeClaims {
	return &fakeClaims{world: w, held: map[audit.Identity]heldClaim{}}
}

func (c *fakeClaims) Claim(_ context.Context, _ audit.Stream, claims audit.Claims) ([]audit.Verdict, error) {
	if err := c.trouble(c.onClaim); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	verdicts := make([]audit.Verdict, len(claims.List))
	for i, claim := range claims.List {
		verdicts[i] = c.one(heldClaim{claim, claims.Epoch, claims.Time})
	}
	return verdicts, c.trouble(c.after)
}

func (c *fakeClaims) trouble(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

func (c *fakeClaims) one(mine heldClaim) audit.Verdict {
	held, taken := c.held[mine.Record]
	same := held.epoch == mine.epoch && held.at.Equal(mine.at)
	switch {
	case !taken || held == mine || !same && held.Blob == mine.Blob:
		c.held[mine.Record] = mine
		return audit.Publish
	case same || c.tookPlace(held):
		return audit.Duplicate
	}
	c.held[mine.Record] = mine
	return audit.Undecided
}

// tookPlace reports whether the ledger holds the blob with the time of the commit.
func (c *fakeClaims) tookPlace(h heldClaim) bool {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	return c.ledger[h.Blob] && c.marks[h.Blob].Equal(h.at)
}
