package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
)

// Bounds of what a stop reads before it stops: passes over the new content get shorter and shorter, but new content
// keeps coming.
const (
	quickPass = time.Second
	maxPasses = 20
)

// ahead is how far into the future the last listing before a stop reaches: what becomes available in the second in which
// it is asked for counts, too.
const ahead = time.Second

// What breaks off the passes of a stop.
var (
	errOff  = errors.New("subscription is off") // nothing of the stream can be listed any more
	errStay = errors.New("subscription stays on")
)

// stop reads and publishes everything that is there, stops the subscription and remembers that. Killed in between, the
// next run does it again from where this one was: a watermark that reached the stop is where its gap begins.
func (w *run) stop(ctx, phase context.Context) error {
	w.report.log.Info("stream is about to be stopped; reading what is left", "watermark", w.ledger.at().Watermark)
	w.hold.liftAny(audit.CauseSubscription, audit.CauseStartThrottled) // there is no start to wait for any more
	w.stopping = true
	defer func() { w.stopping = false }()
	hard, end := outlast(ctx, w.inHand())
	defer end()
	off := false
	err := w.loop(ctx, phase, func(ctx context.Context) (err error) {
		off, err = w.drain(ctx, hard)
		return err
	})
	if !off || isFinal(err) {
		return err
	}
	return errors.Join(err, w.stopped(hard)) // also when an operator wants something else by now
}

// stopped remembers that the subscription is off, and from when on content is lost.
func (w *run) stopped(ctx context.Context) error {
	from := w.ledger.at().Watermark.UTC().Truncate(time.Second)
	err := w.commit(ctx, []outcome{{
		desired: &audit.Desired{State: audit.Stopped, Since: from},
		gap:     &audit.Gap{From: from, Cause: audit.CauseStopped, Noted: time.Now().UTC()},
		status:  w.message("stopped", "subscription stopped at Microsoft"),
	}})
	if err != nil {
		return fmt.Errorf("store stopped subscription: %w", err)
	}
	w.report.log.Info("subscription stopped", "unread_from", from)
	return nil
}

// drain is the planner of a stop: passes over what is there until one was quick, and the stop at once after that. Off
// says that the subscription is off, whatever else went wrong. Everything is fetched before: Microsoft says that nothing
// can be retrieved afterwards, what was listed included.
func (w *run) drain(ctx, hard context.Context) (off bool, err error) {
	reach, before := ahead, quickPass
	for pass := 0; ; pass++ {
		began := time.Now()
		err := w.readPass(ctx, pass, reach)
		if errors.Is(err, errOff) {
			w.report.log.Warn("subscription was off before everything was read", "unread_from", w.ledger.at().Watermark)
			return true, w.lastTries(ctx)
		}
		if errors.Is(err, errReplan) {
			reach = 0
			pass-- // what it has not read is read by no other pass
			continue
		}
		took := time.Since(began)
		shortest := took < quickPass && 4*took >= 3*before // of those that follow, none will be much shorter
		before = took
		if err == nil && (shortest || pass >= maxPasses) {
			off, err = w.finish(ctx, hard, pass < maxPasses)
		}
		if off || err != nil && !errors.Is(err, errStay) {
			return off, err
		}
	}
}

// finish tries every pending blob for the last time and stops the subscription. If that took so long that there is more to
// read by now, another pass has to come first, unless there may be none.
func (w *run) finish(ctx, hard context.Context, another bool) (off bool, err error) {
	began := time.Now()
	if err := w.lastTries(ctx); err != nil {
		return false, err
	}
	if another && time.Since(began) >= quickPass {
		return false, nil
	}
	err = w.unsubscribe(ctx, hard)
	return err == nil, err
}

// readPass reads what is there: the first pass also what came late, the others only what is new.
func (w *run) readPass(ctx context.Context, pass int, reach time.Duration) error {
	now := w.Source.Now().UTC().Truncate(time.Second)
	if pass > 0 {
		return w.readTo(ctx, now, stretch{reach: reach})
	}
	if err := w.readTo(ctx, now, stretch{overlap: w.Overlap}); err != nil {
		return err
	}
	return w.sweepTo(ctx, now)
}

// stretch is how much further than the unread part the listings of a pass go, at both ends.
type stretch struct{ overlap, reach time.Duration }

// readTo reads everything up to a moment.
func (w *run) readTo(ctx context.Context, end time.Time, s stretch) error {
	for {
		if err := w.expire(ctx, end); err != nil {
			return err
		}
		p := w.ledger.at()
		next := nextWindow(end, audit.Checkpoint{Progress: p, FirstStart: w.start}, s.overlap)
		from := earliest(next.Start, p.Watermark)
		last := !next.End.Before(end)
		if last {
			next.End = end.Add(s.reach)
		}
		err := w.cover(ctx, next, search{}, func(t *tally, to time.Time) error {
			return w.pass(ctx, t, audit.Window{Start: from, End: earliest(to, end)})
		})
		if err != nil || last {
			return err
		}
	}
}

// sweepTo lists again what a sweep would have: what shows up late cannot be read after a stop.
func (w *run) sweepTo(ctx context.Context, end time.Time) error {
	start := latest(end.Add(-min(w.SweepDepth, audit.MaxAge)), w.start.UTC().Truncate(time.Second))
	for ; start.Before(end); start = start.Add(span) {
		part := audit.Window{Start: start, End: earliest(start.Add(span), end)}
		if err := w.cover(ctx, part, search{}, func(t *tally, _ time.Time) error { return t.wait(ctx) }); err != nil {
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

// unsubscribe stops the subscription, once. The end of ctx does not break off the call: nobody would know what it did.
// errStay means that the subscription is still on and everything has to be read again, after a while.
func (w *run) unsubscribe(ctx, hard context.Context) error {
	if err := w.hold.wait(ctx); err != nil {
		return err
	}
	err := w.Source.Unsubscribe(hard, w.Stream)
	if err == nil {
		w.hold.clear()
		w.report.OK(PartSubscribe)
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f := audit.AsFault(err, audit.CauseTransport)
	w.report.Fault(PartSubscribe, f)
	w.hold.raise(f)
	return errStay
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
	if end := w.outageEnd(from); !end.IsZero() {
		return end
	}
	wish, _ := w.desk.read()
	asked := latest(wish.Since, p.SubscribeTried).UTC().Truncate(time.Second)
	if !asked.After(from) {
		asked = now
	}
	return latest(from.Add(time.Second), earliest(asked, now)) // an end of its own closes the gap in any case
}
