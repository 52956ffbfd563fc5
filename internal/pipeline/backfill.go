package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
)

// fillStep is how much of a back-fill is stored as done at a time: a run that ends repeats at most as much.
const fillStep = time.Hour

// backfills is the planner of back-fills: one after the other, in the order in which they were asked for. It never
// touches the watermark.
func (w *run) backfills(ctx context.Context) error {
	for {
		wish, changed := w.desk.read()
		for _, b := range wish.Backfills {
			if err := w.backfill(ctx, b.ID); err != nil {
				return err
			}
		}
		timer := time.NewTimer(time.Minute) // what could not be taken out of the wish
		select {
		case <-timer.C:
		case <-changed:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// backfill does what is left of a back-fill.
func (w *run) backfill(ctx context.Context, id string) error {
	wish, _ := w.desk.read()
	b, ok := wish.Backfill(id)
	if !ok {
		return nil
	}
	p, known := w.memory.fill(id)
	if known && p.State != audit.BackfillRunning {
		w.forget(ctx, id)
		return nil
	}
	if !known {
		p = audit.BackfillProgress{ID: id, Next: b.From.UTC().Truncate(time.Second), State: audit.BackfillRunning, Started: time.Now().UTC()}
	}
	if b.Cancelled {
		return w.endFill(ctx, p, audit.BackfillCancelled)
	}
	work, err := w.filler(b, known)
	if err != nil {
		p.Error = err.Error()
		return w.endFill(ctx, p, audit.BackfillFailed)
	}
	w.report.log.Info("back-fill is under way", "backfill", id, "next", p.Next, "to", b.To, "mode", string(b.Mode))
	phase, end := w.desk.while(ctx, func(wish audit.Wish) bool {
		b, ok := wish.Backfill(id)
		return ok && !b.Cancelled
	})
	defer end()
	p, err = work(phase, p)
	switch {
	case err == nil:
		return w.endFill(ctx, p, audit.BackfillDone)
	case ctx.Err() != nil:
		return ctx.Err()
	case phase.Err() != nil:
		return w.endFill(ctx, p, audit.BackfillCancelled)
	case errors.Is(err, errLetters):
		p.Error = err.Error()
		return w.endFill(ctx, p, audit.BackfillFailed)
	}
	return err
}

// filler returns what does a back-fill. The error says why it cannot be done.
func (w *run) filler(b audit.Backfill, known bool) (func(context.Context, audit.BackfillProgress) (audit.BackfillProgress, error), error) {
	if b.Redrive != nil {
		if w.Letters == nil {
			return nil, errors.New("dead letters can be put back from Kafka only: sink.kind must be kafka")
		}
		return func(ctx context.Context, p audit.BackfillProgress) (audit.BackfillProgress, error) {
			return w.redrive(ctx, b, p)
		}, nil
	}
	f, err := w.newFilling(b)
	if err != nil {
		return nil, err
	}
	if oldest := w.Source.Now().Add(-audit.MaxAge); !known && !b.To.After(oldest) {
		return nil, fmt.Errorf("everything before %s is older than the 7 days that Microsoft keeps", oldest.UTC().Format(time.RFC3339))
	}
	return func(ctx context.Context, p audit.BackfillProgress) (audit.BackfillProgress, error) {
		return w.fill(ctx, f, p)
	}, nil
}

func (w *run) newFilling(b audit.Backfill) (*filling, error) {
	if b.Mode != audit.BackfillMissing && b.Mode != audit.BackfillRepublish {
		return nil, fmt.Errorf("mode %q is unknown: use missing or republish", b.Mode)
	}
	if w.Backfill == nil {
		return nil, errors.New("back-fills cannot be done here")
	}
	transform, err := w.Backfill(b)
	if err != nil {
		return nil, err
	}
	return newFilling(b, transform, w.Workers), nil
}

// fill reads a back-fill, oldest first, and stores after each step how far it came. It returns the progress.
func (w *run) fill(ctx context.Context, f *filling, p audit.BackfillProgress) (audit.BackfillProgress, error) {
	for {
		if err := w.endCancelled(ctx, f.ID); err != nil {
			return p, err
		}
		now := w.Source.Now().UTC().Truncate(time.Second)
		if oldest := now.Add(-audit.MaxAge); p.Next.Before(oldest) {
			addProblem(&p, "content from %s to %s is older than the 7 days that Microsoft keeps", p.Next, oldest)
			p.Next = oldest
		}
		end := earliest(f.To.UTC().Truncate(time.Second), now)
		if !p.Next.Before(end) {
			return p, nil
		}
		f.step()
		step := audit.Window{Start: p.Next, End: earliest(p.Next.Add(fillStep), end)}
		err := w.cover(ctx, step, search{fill: f, slots: f.slots}, func(t *tally, _ time.Time) error { return t.wait(ctx) })
		f.add(&p)
		if errors.Is(err, errReplan) {
			if err := pause(ctx, time.Second); err != nil {
				return p, err
			}
			continue
		}
		if err != nil {
			return p, err
		}
		if n := f.failures.Swap(0); n > 0 {
			addProblem(&p, "%d blobs between %s and %s could not be read", n, step.Start, step.End)
		}
		p.Next = step.End
		if err := w.note(ctx, outcome{fill: &p}); err != nil {
			return p, err
		}
	}
}

// maxProblems bounds what is written down of a back-fill's problems, in bytes.
const maxProblems = 2000

func addProblem(p *audit.BackfillProgress, format string, args ...any) {
	for i, a := range args {
		if t, ok := a.(time.Time); ok {
			args[i] = t.UTC().Format(time.RFC3339)
		}
	}
	text := fmt.Sprintf(format, args...)
	switch {
	case p.Error == "":
		p.Error = text
	case len(p.Error)+len(text) < maxProblems:
		p.Error += "; " + text
	}
}

// endCancelled ends those that wait for their turn in vain.
func (w *run) endCancelled(ctx context.Context, current string) error {
	wish, _ := w.desk.read()
	for _, b := range wish.Backfills {
		if !b.Cancelled || b.ID == current {
			continue
		}
		if err := w.backfill(ctx, b.ID); err != nil {
			return err
		}
	}
	return nil
}

// endFill remembers how a back-fill ended and takes it out of the wish.
func (w *run) endFill(ctx context.Context, p audit.BackfillProgress, state audit.BackfillState) error {
	p.State, p.Ended = state, time.Now().UTC()
	o := outcome{fill: &p}
	if p.Redrive != nil { // of which the last letters may just be put back
		o = outcome{change: &fillChange{id: p.ID, change: func(now *audit.BackfillProgress) {
			now.State, now.Ended, now.Error = p.State, p.Ended, p.Error
		}}}
	}
	if err := w.note(ctx, o); err != nil {
		return err
	}
	w.report.log.Info("back-fill has ended", "backfill", p.ID, "state", string(state), "blobs", p.Blobs,
		"records", p.Records, "requests", p.Requests, "error", p.Error)
	w.forget(ctx, p.ID)
	return nil
}

// forget takes an ended back-fill out of the wish.
func (w *run) forget(ctx context.Context, id string) {
	w.changeWish(ctx, func(wish *audit.Wish) {
		var rest []audit.Backfill
		for _, b := range wish.Backfills {
			if b.ID != id {
				rest = append(rest, b)
			}
		}
		wish.Backfills = rest
	})
}
