package pipeline

import (
	"context"
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
)

// Claimer remembers which blob published a record, for all streams of a tenant.
type Claimer interface {
	// Claim claims records that a commit of the stream is about to publish, and says of each what is to become of it:
	// audit.Duplicate only if the commit holds it twice, or another blob that is done has published it. Every error is
	// passing: the call may be repeated with the same arguments.
	Claim(ctx context.Context, s audit.Stream, c audit.Claims) ([]audit.Verdict, error)
}

// claimPart is how many records are claimed at once: all of a group's, as a rule.
const claimPart = 10_000

// identified reports whether the job's records are dropped if another blob has published them. What is put back or
// published again is what somebody asked for.
func (w *run) identified(j job) bool { return w.Dedupe && j.letter == nil && !j.fill.aside() }

// dropDuplicates claims the records of a group for the entry of a commit, and drops those that were published before.
func (w *run) dropDuplicates(ctx context.Context, group []outcome, at time.Time) error {
	c := claiming{run: w, group: group, at: at}
	for i := range group {
		o := &group[i]
		if o.batch == nil || o.batch.Len() == 0 || !w.identified(*o.job) {
			continue
		}
		if err := c.batch(ctx, i, o); err != nil {
			return err
		}
	}
	return c.claim(ctx)
}

// claiming collects the claims of a group.
type claiming struct {
	*run
	group []outcome
	at    time.Time
	list  []audit.Claim
	of    []claimed
}

// claimed is what a claim is about.
type claimed struct {
	outcome int // index in the group
	events  int // that a record became
}

// batch collects the claims of a batch. Records without identity pass.
func (c *claiming) batch(ctx context.Context, index int, o *outcome) error {
	blob, last := o.job.blob.Hash(), -1
	for e, err := range o.batch.Events() {
		switch {
		case err != nil:
			return fmt.Errorf("read prepared records: %w", err)
		case e.Identity.IsZero():
			continue
		case e.Ordinal == last:
			c.of[len(c.of)-1].events++
			continue
		}
		if len(c.list) >= claimPart {
			if err := c.claim(ctx); err != nil {
				return err
			}
		}
		last = e.Ordinal
		c.list = append(c.list, audit.Claim{Record: e.Identity, Blob: blob, Ordinal: e.Ordinal})
		c.of = append(c.of, claimed{index, 1})
	}
	return nil
}

// claim claims what was collected.
func (c *claiming) claim(ctx context.Context) error {
	if len(c.list) == 0 {
		return nil
	}
	var verdicts []audit.Verdict
	err := c.ledger.insist(ctx, func() (err error) {
		verdicts, err = c.Claimer.Claim(ctx, c.Stream, audit.Claims{Epoch: c.epoch, Time: c.at, List: c.list})
		return err
	})
	if err != nil {
		return fmt.Errorf("claim records: %w", err)
	}
	for i, v := range verdicts {
		o := &c.group[c.of[i].outcome]
		switch v {
		case audit.Publish:
		case audit.Undecided:
			o.undecided++
		case audit.Duplicate:
			o.duplicates++
			o.batch.Drop(c.list[i].Ordinal, c.of[i].events)
		}
	}
	c.list, c.of = c.list[:0], c.of[:0]
	return nil
}
