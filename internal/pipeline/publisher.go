package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
)

// publish is the run's one publisher. It takes the outcomes that are ready, as a group, and for each group goes
// through the order of effects: publish, be acknowledged, then store what is done. It ends when the channel is closed
// or the context ends.
func (w *run) publish(ctx context.Context) error {
	for {
		select {
		case o, ok := <-w.ready:
			if !ok {
				return nil
			}
			group, alone := w.gather(o)
			if err := w.commitAll(ctx, group, alone); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drop gives up all outcomes that still come, until the channel is closed.
func (w *run) drop() error {
	var err error
	for o := range w.ready {
		err = errors.Join(err, w.settle(o, false))
	}
	return err
}

// asksLedger reports whether the outcome is void if its blob is done already.
func (o outcome) asksLedger() bool { return o.job != nil && o.job.letter == nil && !o.job.fill.aside() }

// settleJob ends a claim.
func (w *run) settleJob(j job, ok bool) {
	if j.fill.aside() {
		j.fill.settle(j.hash(), ok)
		return
	}
	w.claims.settle(j.hash(), ok)
}

// settle ends what an outcome stands for and gives back what it holds.
func (w *run) settle(o outcome, ok bool) error {
	if o.job != nil {
		w.settleJob(*o.job, ok)
	}
	if o.noted != nil {
		o.noted.settle(ok)
	}
	return o.release()
}

// gather collects what is ready without waiting, within the bounds of a group. A batch in a temporary file is
// committed alone.
func (w *run) gather(o outcome) (group []outcome, alone *outcome) {
	end := time.Now().Add(w.Group.Linger)
	records := 0
	for {
		if o.batch != nil && o.batch.Spilled() {
			return group, &o
		}
		group = append(group, o)
		if o.batch != nil {
			records += o.batch.Len()
		}
		if len(group) >= w.Group.Blobs || records >= w.Group.Records || time.Now().After(end) {
			return group, nil
		}
		next, ok := w.readyNow()
		if !ok {
			return group, nil
		}
		o = next
	}
}

// readyNow returns an outcome if there is one.
func (w *run) readyNow() (outcome, bool) {
	select {
	case o, ok := <-w.ready:
		return o, ok
	default:
		return outcome{}, false
	}
}

func (w *run) commitAll(ctx context.Context, group []outcome, alone *outcome) error {
	err := w.commit(ctx, group)
	if alone == nil {
		return err
	}
	if err != nil {
		return errors.Join(err, w.settle(*alone, false))
	}
	return w.commit(ctx, []outcome{*alone})
}

// commit publishes a group and stores it. Whatever happens, it settles each job and gives back what it holds.
func (w *run) commit(ctx context.Context, group []outcome) (err error) {
	if len(group) == 0 {
		return nil
	}
	defer func() {
		ok := err == nil
		for _, o := range group {
			err = errors.Join(err, w.settle(o, ok))
		}
	}()
	fresh, err := w.fresh(ctx, group)
	if err != nil {
		return fmt.Errorf("ask ledger: %w", err)
	}
	at := time.Now().UTC()
	if err := w.dropDuplicates(ctx, fresh, at); err != nil {
		return err
	}
	c := w.compose(fresh, at)
	receipt, err := w.deliver(ctx, c)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if changes(c) {
		if err := w.ledger.apply(ctx, c.Entry, receipt.Position); err != nil {
			return fmt.Errorf("store what is done: %w", err)
		}
		w.claims.record(c.Entry)
		w.memory.record(c.Entry)
	}
	w.count(fresh, c.Entry.Gaps, receipt)
	return nil
}

// fresh drops the blobs that were done in the meantime.
func (w *run) fresh(ctx context.Context, group []outcome) ([]outcome, error) {
	var hashes []audit.Hash
	for _, o := range group {
		if o.asksLedger() {
			hashes = append(hashes, o.job.blob.Hash())
		}
	}
	unseen, err := w.ledger.unseen(ctx, hashes)
	if err != nil || len(unseen) == len(hashes) {
		return group, err
	}
	todo := map[audit.Hash]bool{}
	for _, h := range unseen {
		todo[h] = true
	}
	var fresh []outcome
	for _, o := range group {
		if !o.asksLedger() || todo[o.job.blob.Hash()] {
			fresh = append(fresh, o)
		}
	}
	return fresh, nil
}

// compose puts a group together.
func (w *run) compose(group []outcome, at time.Time) audit.Commit {
	c := audit.Commit{Entry: audit.Entry{N: w.ledger.next(), Epoch: w.epoch, Time: at, Progress: w.ledger.at()}}
	var lost []audit.DeadLetter // that are no gap yet
	for _, o := range group {
		switch {
		case o.batch != nil:
			if o.job.marks() {
				c.Entry.Done = append(c.Entry.Done, o.job.blob.Hash())
			}
			if o.batch.Len() > 0 {
				c.Batches = append(c.Batches, o.batch)
			}
		case o.pending != nil:
			c.Entry.Pending = append(c.Entry.Pending, *o.pending)
		case o.dead != nil:
			if o.job.letter == nil {
				c.Entry.Done = append(c.Entry.Done, o.job.blob.Hash())
				lost = append(lost, *o.dead)
			}
			c.DeadLetters = append(c.DeadLetters, *o.dead)
		}
		o.add(&c)
		if o.job != nil && o.job.letter != nil {
			w.putBack(&c.Entry, o)
		}
		if o.change != nil {
			w.changeFill(&c.Entry, *o.change)
		}
		if o.snapshot {
			c.Entry.Snapshot = w.snapshot()
		}
	}
	c.Entry.Gaps = append(c.Entry.Gaps, gapsOf(lost, c.Entry.Time)...)
	for _, g := range c.Entry.Gaps {
		c.Status = append(c.Status, *w.gapMessage(g))
	}
	return c
}

// add puts into a commit what an outcome says beside a blob.
func (o outcome) add(c *audit.Commit) {
	if o.gap != nil {
		c.Entry.Gaps = append(c.Entry.Gaps, *o.gap)
	}
	if o.status != nil {
		c.Status = append(c.Status, *o.status)
	}
	if o.desired != nil {
		c.Entry.Desired = o.desired
	}
	if o.move != nil {
		c.Entry.Watermark = o.move
	}
	if o.fill != nil {
		c.Entry.Backfills = append(c.Entry.Backfills, *o.fill)
	}
	c.Entry.Forget = c.Entry.Forget || o.forget
}

// gapsOf sums up the blobs that were lost, by cause.
func gapsOf(letters []audit.DeadLetter, now time.Time) []audit.Gap {
	var gaps []audit.Gap
	at := map[audit.Cause]int{}
	for _, l := range letters {
		i, ok := at[l.Cause]
		if !ok {
			i = len(gaps)
			at[l.Cause] = i
			gaps = append(gaps, audit.Gap{From: l.Blob.Created, Cause: l.Cause, Noted: now})
		}
		g := &gaps[i]
		g.From = earliest(g.From, l.Blob.Created)
		g.To = latest(g.To, l.Blob.Created.Add(time.Millisecond))
		g.Count++
	}
	return gaps
}

// changes reports whether a commit has an entry: what is published has one, even if it says nothing.
func changes(c audit.Commit) bool {
	return !c.Entry.Empty() || len(c.Batches)+len(c.DeadLetters) > 0
}

// deliver publishes what there is to publish.
func (w *run) deliver(ctx context.Context, c audit.Commit) (audit.Receipt, error) {
	if len(c.Batches)+len(c.DeadLetters)+len(c.Status) == 0 && (!w.journal || !changes(c)) {
		return audit.Receipt{Position: -1}, nil
	}
	receipt, err := w.publisher.Publish(ctx, c)
	if err == nil {
		w.report.OK(PartPublish)
	}
	return receipt, err
}
