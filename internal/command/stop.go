package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/source"
)

const (
	orphaned = time.Minute      // that a stop waits for another owner when the stream has lost its own
	settled  = 10 * time.Second // after which an owner that has stopped does not read any more, whatever Microsoft says
	askAgain = 2 * time.Second  // between questions whether Microsoft has stopped, too
)

// stop is a stop-subscription on its way.
type stop struct {
	*call

	client *source.Client
	store  checkpoint.Operator
}

// stopSubscription has the stream's owner read what is there before it stops the subscription, since nobody can
// afterwards. Where there is no owner, or nobody wants to wait, it counts what is lost by that and stops at once.
func (c *call) stopSubscription(ctx context.Context) error {
	client, err := c.options.Client(c.tenant())
	if err != nil {
		return err
	}
	store, err := c.options.Store()
	if err != nil {
		return err
	}
	s := &stop{call: c, client: client, store: store}
	on, err := enabled(ctx, client, c.command.Arguments.ContentType)
	switch {
	case err != nil:
		return err
	case !on:
		return s.off(ctx)
	case c.command.Arguments.Now:
		return s.now(ctx)
	}
	status, err := c.status(ctx, store)
	switch {
	case err != nil:
		return err
	case status.State == audit.StateUnowned:
		return s.now(ctx)
	case status.State == uncertain:
		return refused("owner_unknown", "nobody can tell whether an instance reads stream "+c.stream().String(),
			"try again when Kafka answers and the group is stable; --now stops at once, unread")
	}
	return s.drain(ctx)
}

func (s *stop) answer(outcome control.Outcome, text string) error {
	return s.reply(outcome, text, original("Subscription", s.contextOf(s.tenant(), s.command.Arguments.ContentType, false)))
}

func (s *stop) success() string {
	return "Successfully stopped subscription to content type: " + s.typed()
}

// off answers where the subscription is off. That may be the work of this very command: whoever began it may have died, or
// given its partition away.
func (s *stop) off(ctx context.Context) error {
	wish, err := s.store.Wish(ctx, s.stream())
	if err == nil && wish.State == audit.Stopped && wish.Asked(s.command.ID) {
		return s.answer(control.OutcomeDone, s.success())
	}
	return s.already(ctx)
}

func (s *stop) already(ctx context.Context) error {
	if err := s.stopped(ctx); err != nil {
		return err
	}
	return s.answer(control.OutcomeAlreadyStopped, "The subscription to content type "+s.typed()+" is already stopped")
}

// now counts, writes the wish and stops, in this order: from the wish on, an owner completes what is cut off here.
func (s *stop) now(ctx context.Context) error {
	unread := s.unread(ctx)
	if err := s.stopped(ctx); err != nil {
		return err
	}
	err := s.client.Stop(ctx, s.stream())
	if f, ok := errors.AsType[*audit.Fault](err); ok && f.Cause == audit.CauseSubscription {
		return s.already(ctx)
	}
	if err != nil {
		return fmt.Errorf("the wish to stop is stored, but the subscription is still on: %w", err)
	}
	return s.answer(control.OutcomeDone, s.success()+"\n"+unread)
}

// stopped writes the wish and, since no owner may be there to see it, from when on content is lost.
func (s *stop) stopped(ctx context.Context) error {
	now := s.client.Now()
	return s.wish(ctx, desire{audit.Stopped, now, func(w *audit.Wish) bool { w.Stopped(now); return true }})
}

// unread says how many blobs nobody can read after the stop.
func (s *stop) unread(ctx context.Context) string {
	blobs, err := s.countUnread(ctx)
	switch {
	case err != nil:
		return "How much was available and unread could not be counted: " + err.Error()
	case blobs == 1:
		return "Up to 1 blob was available and unread: it can never be read now"
	case blobs > 0:
		return fmt.Sprintf("Up to %d blobs were available and unread: they can never be read now", blobs)
	}
	return "No blob was available and unread"
}

// countUnread counts what was listed but failed, and what became available after the watermark. Some of that may have been
// read: the watermark waits for the slowest blob.
func (s *stop) countUnread(ctx context.Context) (int, error) {
	c, err := peek(ctx, s.store, s.stream())
	if err != nil {
		return 0, err
	}
	seen := map[audit.Hash]struct{}{}
	for _, p := range c.Pending {
		seen[p.Blob.Hash()] = struct{}{}
	}
	now := s.client.Now()
	from, unread := c.Progress.Watermark, []audit.Window(nil)
	if c.Progress.Behind() { // what was read ahead of the watermark does not count
		unread, from = exactWindows(latest(from, now.Add(-audit.MaxAge)), c.Progress.Head.Start), c.Progress.Head.End
	}
	blobs, err := count(ctx, s.client, s.stream(), append(unread, windows(from, now, now)...), seen)
	return blobs + len(c.Pending), err
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// drain waits until the owner has read everything and stopped.
func (s *stop) drain(ctx context.Context) error {
	if err := s.wish(ctx, desire{state: audit.Stopped, since: s.client.Now()}); err != nil {
		return err
	}
	control.LetPass(ctx)                      // so that a start can call the stop off
	lost, stopped := time.Time{}, time.Time{} // since when
	for {
		status, err := s.look(ctx)
		if err != nil {
			return err
		}
		wait := 2 * look
		since(&lost, status.State == audit.StateUnowned)
		since(&stopped, status.State == audit.StateStopped)
		switch {
		case !lost.IsZero() && time.Since(lost) > orphaned:
			return s.reply(control.OutcomeAccepted, "Nobody runs stream "+s.stream().String()+" any more. Whoever takes it next "+
				"completes the stop; --now stops at once, unread", original("Subscription", s.contextOf(s.tenant(), s.command.Arguments.ContentType, true)))
		case !stopped.IsZero():
			on, err := enabled(ctx, s.client, s.command.Arguments.ContentType)
			late := time.Since(stopped) > settled
			switch {
			case err == nil && !on:
				return s.answer(control.OutcomeDone, s.success())
			case err == nil && late: // somebody else has switched it on since
				return s.now(ctx)
			case late:
				return s.unconfirmed(err)
			}
			wait = askAgain
		}
		s.options.Progress(draining(status))
		if err := pause(ctx, wait); err != nil {
			return s.interrupted(err)
		}
	}
}

// look is what the stream's owner reports, as long as the stop is wanted.
func (s *stop) look(ctx context.Context) (audit.StreamStatus, error) {
	wish, err := s.store.Wish(ctx, s.stream())
	if err == nil && wish.State != audit.Stopped {
		return audit.StreamStatus{}, s.calledOff(cmp.Or(wish.State, audit.Running))
	}
	var status audit.StreamStatus
	if err == nil {
		status, err = s.status(ctx, s.store)
	}
	if err != nil {
		err = s.interrupted(err)
	}
	return status, err
}

// since keeps the time from which on something has been the case.
func since(at *time.Time, is bool) {
	switch {
	case !is:
		*at = time.Time{}
	case at.IsZero():
		*at = time.Now()
	}
}

func draining(status audit.StreamStatus) Progress {
	if status.State == audit.StateUnowned {
		return Progress{Text: "waiting for an owner: nobody runs the stream"}
	}
	return Progress{Text: fmt.Sprintf("reading what is left: backlog %d blobs, pending %d, state %s",
		status.BacklogBlobs, status.PendingBlobs, status.State)}
}

// unconfirmed tells that the owner has done its part, which is all that is known.
func (s *stop) unconfirmed(err error) error {
	return &control.Refusal{
		Outcome: control.OutcomeFailed, Code: "unconfirmed", Err: err,
		Message: "the stream's owner has read what was left and has stopped, but Microsoft does not tell whether the subscription is off: " + err.Error(),
		Hint:    "mend that, then run list-subscriptions; if it is still on, run stop-subscription " + s.typed() + " again",
	}
}

func (s *stop) interrupted(err error) error {
	return &control.Refusal{
		Outcome: control.OutcomeFailed, Code: "interrupted", Err: err,
		Message: "waiting for the stop has ended, but the stop stands: the stream's owner reads what is left and then stops: " + err.Error(),
		Hint:    "run status to see when it has stopped, or start-subscription " + s.typed() + " to call the stop off",
	}
}
