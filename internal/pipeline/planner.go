package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"o365-kafka-connector/internal/audit"
)

// Bounds of windows that are listed and not done.
const (
	maxOpen  = 500
	patience = 5 * time.Second // how long the next poll may wait for the blobs of the last one at least
)

// live is the planner of new content: it makes sure that the stream is subscribed, then lists one window after the
// other, without a pause while it is behind, every poll interval otherwise. A stream that is far behind reads what
// happens now, and the backlog beside it.
func (w *run) live(ctx context.Context) error {
	if err := w.subscribe(ctx); err != nil {
		return err
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(2 + maxOpen)
	group.Go(func() error { return w.poll(gctx, group) })
	return group.Wait()
}

func (w *run) poll(ctx context.Context, open *errgroup.Group) error {
	for {
		began := time.Now()
		behind, err := w.turn(ctx, open)
		if behind || errors.Is(err, errReplan) {
			continue
		}
		if err != nil && !errors.Is(err, errOpen) {
			return err
		}
		if err := pause(ctx, w.PollInterval-time.Since(began)); err != nil {
			return err
		}
	}
}

// turn is one poll. It reports whether there is more to read at once.
func (w *run) turn(ctx context.Context, open *errgroup.Group) (behind bool, err error) {
	now := w.Source.Now()
	if !w.catching.Load() {
		if err := w.expire(ctx, now); err != nil {
			return false, err
		}
	}
	if err := w.moveHead(ctx, now); err != nil {
		return false, err
	}
	if p := w.ledger.at(); !p.Behind() {
		return w.window(ctx, open, now)
	}
	if w.catching.CompareAndSwap(false, true) {
		open.Go(func() error {
			defer w.catching.Store(false)
			return w.catchUp(ctx)
		})
	}
	if w.backlogFirst(now) {
		return false, nil
	}
	return w.window(ctx, open, now)
}

// window reads what is new and reports whether there is more to read at once. When blobs take long, it leaves the
// progress to a goroutine of open, and the next window begins where this one did.
func (w *run) window(ctx context.Context, open *errgroup.Group, now time.Time) (behind bool, err error) {
	p := w.ledger.at()
	next, from := nextWindow(now, audit.Checkpoint{Progress: p, FirstStart: w.start}, w.Overlap), p.Watermark
	if p.Behind() {
		next, from = headWindow(now, p, w.Overlap), p.Head.End
	}
	from = earliest(from, next.Start)
	err = w.cover(ctx, next, search{}, func(t *tally, end time.Time) error {
		read := audit.Window{Start: from, End: end}
		soon, cancel := context.WithTimeout(ctx, max(w.PollInterval, patience))
		defer cancel()
		err := w.pass(soon, t, read)
		if err == nil || ctx.Err() != nil || soon.Err() == nil {
			return err
		}
		open.Go(func() error { return w.pass(ctx, t, read) })
		return errOpen
	})
	return err == nil && next.End.Before(now.Truncate(time.Second)), err
}

// pass notes that a window was read when all blobs that were listed of it have a result.
func (w *run) pass(ctx context.Context, t *tally, read audit.Window) error {
	if err := t.wait(ctx); err != nil {
		return err
	}
	return w.ledger.advance(ctx, func(p *audit.Progress) { *p = p.Covered(read) })
}

// expire writes down what is too old to be read. Nobody may be reading behind the watermark meanwhile.
func (w *run) expire(ctx context.Context, now time.Time) error {
	for {
		gap := tooOld(now, audit.Checkpoint{Progress: w.ledger.at(), FirstStart: w.start})
		if gap.Empty() {
			return nil
		}
		if err := w.lose(ctx, gap); err != nil {
			return err
		}
	}
}

// lose writes down a stretch that is too old to be read.
func (w *run) lose(ctx context.Context, gap audit.Window) error {
	g := audit.Gap{From: gap.Start, To: gap.End, Cause: audit.CauseAge, Noted: time.Now().UTC()}
	w.report.log.Error("content was lost: it is older than the 7 days that Microsoft keeps", "from", g.From, "to", g.To,
		"hint", "keep the connector running, or find out why it could not read for so long")
	if err := w.note(ctx, outcome{gap: &g}); err != nil {
		return err
	}
	return w.ledger.advance(ctx, func(p *audit.Progress) { *p = p.Covered(gap) })
}

// sweeps is the planner that lists again what was listed before, for blobs that showed up late.
func (w *run) sweeps(ctx context.Context) error {
	for {
		c := audit.Checkpoint{FirstStart: w.start, Progress: w.ledger.at()}
		again, full := sweepDue(w.Source.Now(), c, w.SweepInterval, w.SweepDepth)
		if len(again) > 0 {
			if err := w.sweep(ctx, again, full); err != nil && !errors.Is(err, errReplan) {
				return err
			}
		}
		if err := pause(ctx, min(w.SweepInterval, time.Minute)); err != nil {
			return err
		}
	}
}

func (w *run) sweep(ctx context.Context, again []audit.Window, full bool) error {
	for _, part := range again {
		err := w.cover(ctx, part, search{}, func(t *tally, _ time.Time) error { return t.wait(ctx) })
		if err != nil {
			return err
		}
	}
	now := w.Source.Now().UTC()
	err := w.ledger.advance(ctx, func(p *audit.Progress) {
		p.Swept = now
		if full {
			p.SweptFully = now
		}
	})
	if err != nil {
		return fmt.Errorf("store sweep: %w", err)
	}
	return nil
}

// retries is the planner of pending blobs.
func (w *run) retries(ctx context.Context) error {
	for {
		_, _, changed := w.claims.counts() // first, so that no change is missed
		due, next := w.claims.claimDue(w.Source.Now(), w.Workers)
		for i, p := range due {
			if err := w.assign(ctx, job{blob: p.Blob, prior: &p}); err != nil {
				for _, rest := range due[i:] {
					w.claims.settle(rest.Blob.Hash(), false)
				}
				return err
			}
		}
		if err := w.rest(ctx, next, changed); err != nil {
			return err
		}
	}
}

// rest waits until the next pending blob is due, or there may be another one.
func (w *run) rest(ctx context.Context, next time.Time, changed <-chan struct{}) error {
	wait := time.Minute
	if !next.IsZero() {
		wait = min(wait, max(next.Sub(w.Source.Now()), time.Second))
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-ctx.Done():
	}
	return ctx.Err()
}
