package pipeline

import (
	"context"
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
)

// wanted is the state that a stream has to be in. Where nobody asks for any, it stays in the one that it obeys: a store
// that forgot a wish must not undo a stop.
func wanted(wish audit.Wish, obeyed audit.Desired) audit.DesiredState {
	switch {
	case wish.State != "":
		return wish.State
	case obeyed.State != "":
		return obeyed.State
	}
	return audit.Running
}

// obey does what operators want, one phase after the other, until the context ends. A phase ends when they want
// something else.
func (w *run) obey(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := w.tellOutages(ctx); err != nil {
			return err
		}
		obeyed := w.memory.obeyed()
		wish, _ := w.desk.read()
		state := wanted(wish, obeyed)
		phase, end := w.desk.while(ctx, func(next audit.Wish) bool {
			return wanted(next, obeyed) == state && len(w.untold(next)) == 0
		})
		err := w.inPhase(ctx, phase, step{state, obeyed.State})
		end()
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// step is a way from one state to another, or the same.
type step struct{ to, from audit.DesiredState }

func (w *run) inPhase(ctx, phase context.Context, s step) error {
	off := s.from == audit.Stopped
	switch {
	case off && s.to != audit.Running:
		return w.idle(ctx, phase)
	case off:
		w.report.rest("")
		w.reopening = true
		defer func() { w.reopening = false }()
		return w.loop(ctx, phase, w.reopen)
	case s.to == audit.Stopped:
		w.report.rest("")
		return w.stop(ctx, phase)
	case s.to == audit.Paused:
		return w.paused(ctx, phase)
	}
	if s.from == audit.Paused {
		if err := w.enter(ctx, audit.Running); err != nil {
			return err
		}
	}
	w.report.rest("")
	return w.loop(ctx, phase, w.live, w.sweeps, w.retries, w.backfills, w.snapshots)
}

// idle keeps a stopped stream as it is.
func (w *run) idle(ctx, phase context.Context) error {
	w.report.rest(audit.Stopped)
	return w.await(ctx, phase, nil)
}

// paused rests until the phase ends, and moves the watermark when it is asked to.
func (w *run) paused(ctx, phase context.Context) error {
	if w.memory.obeyed().State != audit.Paused {
		if err := w.enter(ctx, audit.Paused); err != nil {
			return err
		}
	}
	w.report.rest(audit.Paused)
	for phase.Err() == nil {
		wish, changed := w.desk.read()
		if err := w.move(ctx, wish.Watermark); err != nil {
			return err
		}
		if err := w.await(ctx, phase, changed); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// enter stores the state that is obeyed from now on. It must not be called while the publisher runs.
func (w *run) enter(ctx context.Context, state audit.DesiredState) error {
	desired := audit.Desired{State: state, Since: w.Source.Now().UTC().Truncate(time.Second)}
	if err := w.commit(ctx, []outcome{{desired: &desired}}); err != nil {
		return fmt.Errorf("store desired state: %w", err)
	}
	w.report.log.Info("stream obeys", "state", string(state))
	return nil
}

// note has the publisher store an outcome, and waits for it.
func (w *run) note(ctx context.Context, o outcome) error {
	o.noted = &tally{}
	o.noted.add()
	if err := w.send(ctx, o); err != nil {
		return err
	}
	return o.noted.wait(ctx)
}
