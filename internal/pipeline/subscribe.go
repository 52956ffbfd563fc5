package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
)

// startAgain is how long Microsoft wants us to wait between two starts of a subscription.
const startAgain = 15 * time.Minute

// recheck is how often a subscription is looked at that we may not start.
const recheck = time.Minute

// subscribe returns once the stream's subscription is enabled. It starts a missing one, but never twice within
// 15 minutes, over restarts too.
func (w *run) subscribe(ctx context.Context) error {
	for {
		if err := w.hold.wait(ctx); err != nil {
			return err
		}
		on, err := w.Source.Subscribed(ctx, w.Stream)
		if err == nil && on {
			w.hold.clear()
			w.seen.Store(true)
			w.report.rest("")
			w.report.OK(PartSubscribe)
			return nil
		}
		if err == nil && w.seen.Swap(false) {
			err = w.disabled(ctx)
		}
		if err == nil {
			err = w.startSubscription(ctx)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if isFinal(err) {
			return fmt.Errorf("store subscription start: %w", err)
		}
		if err != nil {
			f := audit.AsFault(err, audit.CauseTransport)
			w.report.Fault(PartSubscribe, f)
			w.hold.raise(f)
		}
	}
}

// disabled says that somebody else switched the subscription off.
func (w *run) disabled(ctx context.Context) error {
	w.report.log.Warn("subscription was switched off at Microsoft", "hint", "content of the time without it cannot be read")
	return w.send(ctx, outcome{status: w.message("subscription_disabled", "subscription was switched off at Microsoft")})
}

func (w *run) startSubscription(ctx context.Context) error {
	if !w.AutoSubscribe && !w.reopening {
		w.report.rest(audit.Stopped)
		return &audit.Fault{
			Cause: audit.CauseSubscription, Scope: audit.OfStream, RetryAfter: recheck,
			Err:  errors.New("subscription is off"),
			Hint: "start it at Microsoft, or set auto_subscribe: true",
		}
	}
	now := w.Source.Now().UTC()
	var since time.Duration
	err := w.ledger.advance(ctx, func(p *audit.Progress) { // looks and notes in one step: several planners may be here
		if since = now.Sub(p.SubscribeTried); since >= startAgain {
			p.SubscribeTried = now
		}
	})
	if err != nil {
		return err
	}
	if since < startAgain {
		return &audit.Fault{
			Cause: audit.CauseStartThrottled, Scope: audit.OfStream, RetryAfter: min(startAgain-since, recheck),
			Err:  fmt.Errorf("subscription is off; it was started %s ago", since.Round(time.Second)),
			Hint: "nothing to do: Microsoft allows one start in 15 minutes",
		}
	}
	if err := w.Source.Subscribe(ctx, w.Stream); err != nil {
		return fmt.Errorf("start subscription: %w", err)
	}
	w.report.log.Info("subscription started", "hint", "the first content may take up to 12 hours")
	return w.send(ctx, outcome{status: w.message("started", "subscription started at Microsoft")})
}
