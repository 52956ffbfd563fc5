package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/control"
)

const (
	look      = 250 * time.Millisecond // between looks at what the owner has done
	obedience = 15 * time.Second       // that an owner is given; it reads the wish before every poll
)

// desire is a state that the stream shall be in, and since when.
type desire struct {
	state audit.DesiredState
	since time.Time
	with  func(*audit.Wish) bool // looks at the wish and changes more of it, in the same step; false leaves it as it is
}

// wish writes what the stream shall do. A command that is done again changes nothing, and is refused if a later one wants
// something else.
func (c *call) wish(ctx context.Context, d desire) error {
	store, err := c.options.Store()
	if err != nil {
		return err
	}
	var later audit.DesiredState
	err = store.ChangeWish(ctx, c.stream(), func(w *audit.Wish) {
		later = c.later(*w, d.state)
		if w.Asked(c.command.ID) || d.with != nil && !d.with(w) {
			return
		}
		w.Ask(d.state, c.command.ID)
		w.Since, w.By = d.since.UTC(), c.command.IssuedBy
		if d.state != audit.Paused { // else the next pause would bring a move that nobody expects any more
			w.Watermark = nil
		}
	})
	if err == nil && later != "" {
		err = c.calledOff(later)
	}
	return err
}

// later is the state that another command has asked for since this one asked for its own; empty if none has.
func (c *call) later(w audit.Wish, own audit.DesiredState) audit.DesiredState {
	if w.Asked(c.command.ID) && w.State != own {
		return w.State
	}
	return ""
}

func (c *call) calledOff(state audit.DesiredState) error {
	return refused("called_off", fmt.Sprintf("%s was called off: stream %s is wanted to be %s now", c.command.Name, c.stream(), state),
		"send it again, as a command with an id of its own, if it is still wanted")
}

// own refuses a stream that no instance can ever run.
func (c *call) own() error {
	t := c.tenant()
	ct := c.command.Arguments.ContentType
	if len(t.ContentTypes) == 0 || slices.Contains(t.ContentTypes, string(ct)) {
		return nil
	}
	return invalid(fmt.Sprintf("content_type: %s is not among the content types of tenant %s in the configuration", ct, t.Name))
}

// await looks until ready says yes, or the time is over: false.
func await(ctx context.Context, limit time.Duration, ready func() (bool, error)) (bool, error) {
	for end := time.Now().Add(limit); ; {
		ok, err := ready()
		if ok || err != nil {
			return ok, err
		}
		if time.Now().After(end) {
			return false, nil
		}
		if err := pause(ctx, look); err != nil {
			return false, err
		}
	}
}

func (c *call) pauseStream(ctx context.Context) error {
	return c.setState(ctx, audit.Paused, "paused", func(s audit.State) bool { return s == audit.StatePaused })
}

func (c *call) resumeStream(ctx context.Context) error {
	return c.setState(ctx, audit.Running, "resumed", func(s audit.State) bool {
		return s != audit.StatePaused && s != audit.StateStopped
	})
}

// setState writes the wish and waits until the owner, if there is one, has obeyed.
func (c *call) setState(ctx context.Context, state audit.DesiredState, done string, obeyed func(audit.State) bool) error {
	store, err := c.changeable(ctx)
	if err != nil {
		return err
	}
	stopped := false // meanwhile: pausing and resuming undo no stop
	err = c.wish(ctx, desire{state, time.Now(), func(w *audit.Wish) bool {
		stopped = w.State == audit.Stopped
		return !stopped
	}})
	if err == nil && stopped {
		err = c.refuseStopped()
	}
	if err != nil {
		return err
	}
	owned := true
	ok, err := await(ctx, obedience, func() (bool, error) {
		s, err := c.status(ctx, store)
		owned = s.State != audit.StateUnowned
		return !owned || !silent(s.State) && obeyed(s.State), err
	})
	s := c.stream()
	outcome, text := control.OutcomeDone, fmt.Sprintf("Stream %s is %s", s, done)
	switch {
	case err != nil:
		return fmt.Errorf("wait for the stream's owner, which obeys all the same: %w", err)
	case !owned:
		outcome, text = control.OutcomeAccepted, fmt.Sprintf("Stream %s will be %s when an instance takes it: nobody runs it now", s, done)
	case !ok:
		outcome, text = control.OutcomeAccepted, fmt.Sprintf("Stream %s will be %s: its owner has not obeyed yet; run status to see", s, done)
	}
	return c.reply(outcome, text, map[string]any{string(c.command.Name): c.streamContext(outcome, map[string]any{"state": state})})
}

// changeable returns the store if the stream may be paused and resumed.
func (c *call) changeable(ctx context.Context) (checkpoint.Operator, error) {
	if err := c.own(); err != nil {
		return nil, err
	}
	store, err := c.options.Store()
	if err != nil {
		return nil, err
	}
	state, err := c.wanted(ctx, store)
	if err != nil {
		return nil, err
	}
	if state == audit.Stopped {
		return nil, c.refuseStopped()
	}
	return store, nil
}

func (c *call) refuseStopped() error {
	return refused("stopped", fmt.Sprintf("stream %s is stopped", c.stream()),
		"run start-subscription "+c.typed()+" to have it read again")
}

// wanted is what the stream's owner obeys or is about to obey.
func (c *call) wanted(ctx context.Context, store checkpoint.Operator) (audit.DesiredState, error) {
	wish, err := store.Wish(ctx, c.stream())
	if err != nil || wish.State != "" {
		return wish.State, err
	}
	known, err := peek(ctx, store, c.stream())
	if err != nil || known.Desired.State == "" {
		return audit.Running, err
	}
	return known.Desired.State, nil
}

// peek reads a checkpoint; a damaged one is as good as none, since its owner begins anew.
func peek(ctx context.Context, store checkpoint.Operator, s audit.Stream) (audit.Checkpoint, error) {
	known, _, err := store.Peek(ctx, s)
	if errors.Is(err, audit.ErrLost) {
		return audit.Checkpoint{}, nil
	}
	return known, err
}

// streamContext begins the context of a command that the original integration lacks.
func (c *call) streamContext(outcome control.Outcome, more map[string]any) map[string]any {
	s := c.stream()
	out := map[string]any{"tenant": s.Tenant.ID, "content_type": s.ContentType, "outcome": outcome}
	for key, value := range more {
		out[key] = value
	}
	return out
}
