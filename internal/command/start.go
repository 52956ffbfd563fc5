package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/source"
)

// startPause is how long Microsoft wants to be left alone between two starts of a subscription.
const startPause = 15 * time.Minute

// starts remembers when subscriptions were last started from here.
type starts struct {
	mu   sync.Mutex // guards the following
	last map[audit.Stream]time.Time
}

func (s *starts) note(stream audit.Stream, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[audit.Stream]time.Time{}
	}
	s.last[stream] = at
}

func (s *starts) of(stream audit.Stream) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last[stream]
}

// startSubscription asks first whether the subscription is enabled: a start that changes nothing would use up the one
// that Microsoft allows in 15 minutes.
func (c *call) startSubscription(ctx context.Context) error {
	client, err := c.options.Client(c.tenant())
	if err != nil {
		return err
	}
	before := c.before(ctx)
	if before.later != "" {
		return c.calledOff(before.later)
	}
	since := before.on(c.lastStart(ctx), client.Now())
	already, err := enabled(ctx, client, c.command.Arguments.ContentType)
	if err != nil {
		return err
	}
	if !already {
		since = client.Now()
		if already, err = c.startNow(ctx, client); err != nil {
			return err
		}
	}
	outcome, text := control.OutcomeDone, "Successfully started subscription to content type: "+c.typed()
	if already {
		outcome, text = control.OutcomeAlreadyEnabled, "The subscription to content type "+c.typed()+" is already enabled"
	}
	err = c.wish(ctx, desire{audit.Running, since, func(w *audit.Wish) bool {
		w.Started(since, before.off(w, already))
		return true
	}})
	if err != nil {
		text += "\nWhat is wanted could not be remembered, so a stream that was stopped or paused stays so: " +
			err.Error() + ". Run the command again when the store of checkpoints answers."
	}
	return c.reply(outcome, text, original("Subscription", c.contextOf(c.tenant(), c.command.Arguments.ContentType, true)))
}

// former is what is known of a stream's subscription before a start; nothing if the store does not answer.
type former struct {
	obeyed audit.Desired
	outage audit.Outage       // the newest that commands noted
	later  audit.DesiredState // that another command wants since this one was done first
}

func (c *call) before(ctx context.Context) (f former) {
	store, err := c.options.Store()
	if err != nil {
		return f
	}
	if known, err := peek(ctx, store, c.stream()); err == nil {
		f.obeyed = known.Desired
	}
	if wish, err := store.Wish(ctx, c.stream()); err == nil {
		f.later = c.later(wish, audit.Running)
		if n := len(wish.Outages); n > 0 {
			f.outage = wish.Outages[n-1]
		}
	}
	return f
}

// on is from when on there may be content of a subscription that turns out to be enabled: after a stop, since it was
// started from here, or else since the stop, for nobody knows when somebody started it again.
func (f former) on(started, now time.Time) time.Time {
	var stopped time.Time
	switch {
	case !f.outage.From.IsZero() && f.outage.To.IsZero():
		stopped = f.outage.From
	case f.obeyed.State == audit.Stopped && !f.outage.To.After(f.obeyed.Since):
		stopped = f.obeyed.Since
	default:
		return now
	}
	if started.After(stopped) {
		return started
	}
	return stopped.Add(time.Second)
}

// off is since when the subscription was off; zero if nobody knows. A stop that was asked for may have been cut off after
// it was done at Microsoft.
func (f former) off(w *audit.Wish, already bool) time.Time {
	switch {
	case f.obeyed.State == audit.Stopped:
		return f.obeyed.Since
	case !already && w.State == audit.Stopped:
		return w.Since
	}
	return time.Time{}
}

func (c *call) startNow(ctx context.Context, client *source.Client) (already bool, err error) {
	s := c.stream()
	if left := startPause - time.Since(c.lastStart(ctx)); left > 0 {
		return false, tooSoon(left, nil)
	}
	before := time.Now()
	already, err = client.Start(ctx, s)
	if f, ok := errors.AsType[*audit.Fault](err); ok && f.Cause == audit.CauseStartThrottled {
		left := f.RetryAfter
		if left <= 0 {
			left = startPause
		}
		c.starts.note(s, before.Add(left-startPause))
		return false, tooSoon(left, err)
	}
	if err == nil {
		c.starts.note(s, before)
	}
	return already, err
}

// lastStart is when the stream's subscription was last started, by its owner or from here; zero if nobody knows.
func (c *call) lastStart(ctx context.Context) time.Time {
	last := c.starts.of(c.stream())
	store, err := c.options.Store()
	if err != nil {
		return last
	}
	// Without the checkpoint Microsoft itself tells that it is too soon.
	if checkpoint, _, err := store.Peek(ctx, c.stream()); err == nil && checkpoint.Progress.SubscribeTried.After(last) {
		return checkpoint.Progress.SubscribeTried
	}
	return last
}

func tooSoon(left time.Duration, err error) error {
	left = max(left.Round(time.Second), time.Second)
	return &control.Refusal{
		Outcome: control.OutcomeRefused, Code: string(audit.CauseStartThrottled), Err: err,
		Message: "the subscription was started less than 15 minutes ago, and Microsoft takes one start in that time",
		Hint:    fmt.Sprintf("try again in %s", left),
	}
}

// enabled reports whether a content type has an enabled subscription.
func enabled(ctx context.Context, client *source.Client, ct audit.ContentType) (bool, error) {
	list, err := client.Subscriptions(ctx)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(list, func(s source.Subscription) bool { return s.ContentType == ct && s.Enabled() }), nil
}
