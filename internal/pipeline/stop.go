package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
)

// Bounds of what a stop reads: it goes on until a pass over the new content was quick, a few times at most.
const (
	quickPass = 10 * time.Second
	maxPasses = 10
)

// storing is how long a stopped subscription may take to be stored when the process ends.
const storing = 5 * time.Second

// errOff means that the subscription is off already: nothing of the stream can be listed any more.
var errOff = errors.New("subscription is off")

// stop reads and publishes everything that is there, stops the subscription and remembers that. Killed in between, the
// next run does it again from where this one was: a watermark that reached the stop is where its gap begins.
func (w *run) stop(ctx, phase context.Context) error {
	w.report.log.Info("stream is about to be stopped; reading what is left", "watermark", w.ledger.at().Watermark)
	w.stopping = true
	defer func() { w.stopping = false }()
	var from time.Time
	err := w.loop(ctx, phase, func(ctx context.Context) (err error) {
		from, err = w.drain(ctx)
		return err
	})
	if err != nil || from.IsZero() {
		return err
	}
	if err := w.unsubscribe(ctx, phase); err != nil || phase.Err() != nil {
		return err
	}
	sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storing)
	defer cancel()
	if ctx.Err() == nil {
		sctx = ctx
	}
	now := time.Now().UTC()
	err = w.commit(sctx, []outcome{{
		desired: &audit.Desired{State: audit.Stopped, Since: from},
		gap:     &audit.Gap{From: from, Cause: audit.CauseStopped, Noted: now},
		status:  w.message("stopped", "subscription stopped at Microsoft"),
	}})
	if err != nil {
		return fmt.Errorf("store stopped subscription: %w", err)
	}
	w.report.log.Info("subscription stopped", "unread_from", from)
	return nil
}

// drain is the planner of a stop. It returns the moment up to which everything was read, the zero time if it did not
// get there.
func (w *run) drain(ctx context.Context) (time.Time, error) {
	for pass := range maxPasses {
		now := w.Source.Now().UTC().Truncate(time.Second)
		err := w.readTo(ctx, now)
		if err == nil && pass == 0 {
			err = w.sweepTo(ctx, now)
		}
		off := errors.Is(err, errOff)
		if err != nil && !off && !errors.Is(err, errReplan) {
			return time.Time{}, err
		}
		if terr := w.lastTries(ctx); terr != nil {
			return time.Time{}, terr
		}
		if off {
			w.report.log.Warn("subscription was off before everything was read", "unread_from", w.ledger.at().Watermark)
			break
		}
		if err == nil && w.Source.Now().Sub(now) < quickPass {
			break
		}
	}
	return w.ledger.at().Watermark.UTC().Truncate(time.Second), nil
}

// readTo reads everything up to a moment.
func (w *run) readTo(ctx context.Context, end time.Time) error {
	for {
		p := w.ledger.at()
		if !p.Watermark.Before(end) {
			return nil
		}
		next, gap := nextWindow(end, audit.Checkpoint{Progress: p, FirstStart: w.start}, w.Overlap)
		if !gap.Empty() {
			if err := w.lose(ctx, gap); err != nil {
				return err
			}
		}
		err := w.cover(ctx, next, nil, func(t *tally, end time.Time) error { return w.pass(ctx, t, end) })
		if err != nil {
			return err
		}
	}
}

// sweepTo lists again what a sweep would have: what shows up late cannot be read after a stop.
func (w *run) sweepTo(ctx context.Context, end time.Time) error {
	start := latest(end.Add(-min(w.SweepDepth, audit.MaxAge)), w.start.UTC().Truncate(time.Second))
	for ; start.Before(end); start = start.Add(span) {
		part := audit.Window{Start: start, End: earliest(start.Add(span), end)}
		if err := w.cover(ctx, part, nil, func(t *tally, _ time.Time) error { return t.wait(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

// lastTries tries every pending blob once more: what fails again becomes a dead letter.
func (w *run) lastTries(ctx context.Context) error {
	t := &tally{}
	all := w.claims.claimPending(t)
	for i, p := range all {
		if err := w.assign(ctx, job{blob: p.Blob, prior: &p, last: true}); err != nil {
			for _, rest := range all[i:] {
				w.claims.settle(rest.Blob.Hash(), false)
			}
			return err
		}
	}
	return t.wait(ctx)
}

// unsubscribe stops the subscription, unless the phase ends before it does. An end of the phase alone does not break off
// a call: nobody would know what it did.
func (w *run) unsubscribe(ctx, phase context.Context) error {
	for {
		if err := w.hold.wait(phase); err != nil {
			return ctx.Err()
		}
		err := w.Source.Unsubscribe(ctx, w.Stream)
		if err == nil {
			w.hold.clear()
			w.report.OK(PartSubscribe)
			return nil
		}
		f := audit.AsFault(err, audit.CauseTransport)
		w.report.Fault(PartSubscribe, f)
		w.hold.raise(f)
	}
}

// reopen is the planner of a start after a stop: it makes sure that the stream is subscribed, and goes on from there.
// What became available in between cannot be read, which the gap says.
func (w *run) reopen(ctx context.Context) error {
	if err := w.subscribe(ctx); err != nil {
		return err
	}
	from := w.memory.obeyed().Since
	to := w.reopened(from)
	if err := w.ledger.advance(ctx, func(p *audit.Progress) { p.Watermark = latest(p.Watermark, to) }); err != nil {
		return err
	}
	err := w.note(ctx, outcome{
		desired: &audit.Desired{State: audit.Running, Since: to},
		gap:     &audit.Gap{From: from, To: to, Cause: audit.CauseStopped, Noted: time.Now().UTC()},
	})
	if err != nil {
		return err
	}
	w.report.log.Info("stream goes on after a stop", "unread_from", from, "unread_to", to)
	return nil
}

// reopened is the moment from which content can be read again: when the subscription was asked for, or started by us.
// What an earlier try remembered as watermark stays.
func (w *run) reopened(from time.Time) time.Time {
	p := w.ledger.at()
	if p.Watermark.After(from) {
		return p.Watermark.UTC().Truncate(time.Second)
	}
	now := w.Source.Now().UTC().Truncate(time.Second)
	wish, _ := w.desk.read()
	asked := latest(wish.Since, p.SubscribeTried).UTC().Truncate(time.Second)
	if !asked.After(from) {
		asked = now
	}
	return latest(from.Add(time.Second), earliest(asked, now)) // an end of its own closes the gap in any case
}
