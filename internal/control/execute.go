package control

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"o365-kafka-connector/internal/txn"
)

const (
	claimPause = 250 * time.Millisecond // between looks at a claim that another member holds
	unclaimed  = 15 * time.Second       // after which a command that reads is done although the store is away
)

// do does a command once, or answers it as it was answered before. It returns false if the next owner has to do it.
func (n *generation) do(ctx context.Context, j job) bool {
	began := time.Now()
	c := j.command
	a := n.newAnswer(c)
	a.key, a.token = j.key, rand.Text()
	deadline := c.Deadline(n.config.MaxAge.D())
	before, claimed, err := n.claim(ctx, a, deadline)
	switch {
	case ctx.Err() != nil:
		n.abandon(ctx, a)
		return false
	case before != nil:
		return n.repeat(ctx, c, before)
	case err != nil || j.late || !time.Now().Before(deadline):
		// Not remembered: the same command with a later deadline is still good.
		n.abandon(ctx, a)
		return a.finish(ctx, expired(deadline, err)) == nil
	}
	a.claimed = claimed
	err = n.handle(ctx, a, deadline)
	if err != nil && ctx.Err() != nil {
		n.abandon(ctx, a)
		return false
	}
	a.took = time.Since(began)
	return a.finish(ctx, err) == nil
}

func expired(deadline time.Time, err error) error {
	r := &Refusal{
		Outcome: OutcomeExpired, Code: string(OutcomeExpired), Err: err,
		Message: "the command expired at " + stamp(deadline) + " and is not done now", Hint: "send it again if it is still wanted",
	}
	if err != nil {
		r.Message += ": " + err.Error()
	}
	return r
}

// claim takes the command for us, or returns the answer that was given. It waits for another member that has it, and
// while the store is away, up to the deadline; a command that reads then goes without a claim after a while.
func (n *generation) claim(ctx context.Context, a *answer, deadline time.Time) (before [][]byte, claimed bool, err error) {
	pace := txn.Pace()
	var away time.Time // since when
	for {
		answer, state, err := n.options.Answers.BeginAnswer(ctx, a.key, a.token, n.config.SessionTimeout.D())
		wait := claimPause
		switch {
		case err != nil && (ctx.Err() != nil || time.Now().After(deadline)):
			return nil, false, err
		case err != nil && away.IsZero():
			n.log.Warn("command waits for the store of answers", "id", a.command.ID, "command", string(a.command.Name), "error", err,
				"hint", AsRefusal(err).Hint)
			away = time.Now()
		case err != nil && a.command.Name.Reads() && time.Since(away) >= unclaimed:
			return nil, false, nil
		case err != nil:
			wait = pace.NextBackOff()
		case state == answerDone && len(answer) > 0:
			return answer, false, nil
		case state != answerRunning:
			return nil, true, nil
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, false, err
		}
	}
}

// handle calls the handler and keeps the claim meanwhile.
func (n *generation) handle(ctx context.Context, a *answer, deadline time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	var renewing sync.WaitGroup
	defer renewing.Wait()
	renewCtx, stop := context.WithCancel(ctx)
	defer stop()
	renewing.Go(func() {
		lease := n.config.SessionTimeout.D()
		for a.claimed && sleep(renewCtx, lease/3) == nil {
			// If it fails, the claim may run out, and then the command may be done twice, to the same effect.
			_, _, _ = n.options.Answers.BeginAnswer(renewCtx, a.key, a.token, lease)
		}
	})
	c := a.command
	c.ID = a.key
	err := n.options.Handle(ctx, c, func(r Reply) error { return a.emit(ctx, r) })
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &Refusal{
			Outcome: OutcomeFailed, Code: "deadline", Err: err,
			Message: "the command was not finished at its deadline, " + stamp(deadline) + ": " + err.Error(),
			Hint:    "part of it may have been done: look at the state, and send it again with a later deadline",
		}
	}
	return err
}

// abandon lets the next owner begin at once.
func (n *generation) abandon(ctx context.Context, a *answer) {
	ctx, cancel := n.grace(ctx)
	defer cancel()
	_ = n.options.Answers.AbandonAnswer(ctx, a.key, a.token) // else the claim runs out by itself
}

// repeat sends an answer that was given before, unless it was given to another command.
func (n *generation) repeat(ctx context.Context, c Command, stored [][]byte) bool {
	ctx, cancel := n.grace(ctx)
	defer cancel()
	var m mark
	if err := json.Unmarshal(stored[0], &m); err != nil || m.Of != markOf(c) || len(stored) < 2 {
		return n.refuse(ctx, c, refused("id_reused", "another command had the id "+quote(c.ID), "send it with an id of its own"))
	}
	for _, value := range stored[1:] {
		if err := n.reply(ctx, c, value); err != nil {
			return false
		}
	}
	var last Reply
	_ = json.Unmarshal(stored[len(stored)-1], &last) // ours; what another program put there is told as it is
	n.tell(ctx, c, last.Outcome, slog.Bool("repeated", true))
	return true
}

// grace returns a context that outlives ctx by what the generation leaves for drain.
func (n *generation) grace(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(n.config.Drain(), cancel) })
	return out, func() { stop(); cancel() }
}

// tell leaves the line in the log and calls the hook.
func (n *generation) tell(ctx context.Context, c Command, outcome Outcome, more ...slog.Attr) {
	level := slog.LevelInfo
	if !outcome.Good() {
		level = slog.LevelWarn
	}
	name := string(c.Name)
	if name == "" {
		name = clip(c.Typed)
	}
	attrs := append([]slog.Attr{
		slog.String("id", c.ID), slog.String("command", name), slog.String("tenant", c.Tenant),
		slog.String("content_type", string(c.Arguments.ContentType)), slog.String("issued_by", c.IssuedBy),
		slog.String("topic", c.Origin.Topic), slog.Int("partition", c.Origin.Partition), slog.Int64("offset", c.Origin.Offset),
		slog.String("outcome", string(outcome)),
	}, more...)
	n.log.LogAttrs(ctx, level, "command", attrs...)
	n.options.Told(c, outcome)
}
