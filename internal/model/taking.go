package model

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"o365-kafka-connector/internal/audit"
)

// Taker is a program's way to take a stream: in the checkpoint, then in Kafka, and then to bring the checkpoint up to
// date. Nil means that the stream may be worked on. A Taker runs in the world's one goroutine and starts none.
type Taker func(ctx context.Context, t *Taking) error

// Delivery is one of the two protocols.
type Delivery bool

// The protocols.
const (
	ExactlyOnce Delivery = false
	AtLeastOnce Delivery = true
)

// Try plays a protocol with a program's own way to take a stream, in a run that the seed determines, and returns what
// went wrong, with the shortest run in which it does.
func Try(seed int, d Delivery, take Taker) error {
	r := rules{taker: take, atLeastOnce: bool(d)}
	if play(r, seed) == "" {
		return nil
	}
	return explain(r, seed)
}

// Taking is what a Taker has of the world. Its methods are those of the connector's checkpoint and publisher.
type Taking struct {
	o         *owner
	ctx       context.Context //nolint:containedctx // of the one call that it belongs to
	cancel    context.CancelFunc
	committed offset
	found     loaded
}

// takeBy has a program take the stream.
func (o *owner) takeBy(take Taker) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	t := &Taking{o: o, ctx: ctx, cancel: cancel}
	if err := take(ctx, t); err != nil {
		return err
	}
	o.n, o.state, o.watermark = t.found.n, t.found.state, t.found.watermark
	_, err := o.unseen(0)
	return err
}

// answer turns the model's errors into those of the connector. A request that is given up ends the context.
func (t *Taking) answer(err error) error {
	switch {
	case errors.Is(err, errUnanswered):
		t.cancel()
		return t.ctx.Err()
	case errors.Is(err, errFenced):
		return audit.ErrFenced
	case errors.Is(err, errLost):
		return audit.ErrLost
	}
	return err
}

// Acquire raises the stream's epoch.
func (t *Taking) Acquire() error {
	epoch, err := ask(t.o, "acquire", func() (int, error) { return t.o.w.redis.acquire(t.o.stream), nil })
	t.o.epoch = epoch
	return t.answer(err)
}

// Open fences former owners in Kafka and asks for N.
func (t *Taking) Open() (err error) {
	t.committed, err = t.o.open(t.o.epoch)
	return t.answer(err)
}

// Epoch is the stream's.
func (t *Taking) Epoch() int64 { return int64(t.o.epoch) }

// Standing tells N, the epoch beside it, and the token of this take, which is empty with transactions.
func (t *Taking) Standing() (n, epoch int64, token string) {
	return int64(t.committed.n), int64(t.committed.epoch), tokenOf(t.o.token)
}

func tokenOf(token int) string {
	if token == 0 {
		return ""
	}
	return fmt.Sprint(token)
}

// Load raises the epoch above Kafka's and returns what is stored.
func (t *Taking) Load(kafkaEpoch int64) (audit.Checkpoint, bool, error) {
	o := t.o
	found, err := ask(o, "load", func() (loaded, error) { return o.w.redis.load(o.stream, o.epoch, int(kafkaEpoch)) })
	if err != nil {
		return audit.Checkpoint{}, false, t.answer(err)
	}
	o.epoch, t.found = found.epoch, found
	if !found.ok && found.keys.n != noKeys().n {
		return audit.Checkpoint{}, false, audit.ErrLost
	}
	return audit.Checkpoint{N: int64(found.n), Epoch: int64(found.epoch), Position: int64(found.position)}, found.ok, nil
}

// Reset forgets everything and stands where c says. A stream begins with what Microsoft still has.
func (t *Taking) Reset(c audit.Checkpoint) error {
	o := t.o
	return t.answer(tell(o, fmt.Sprint("reset to ", c.N), func() error {
		return o.w.redis.reset(o.stream, o.epoch, int(c.N), int(c.Position))
	}))
}

// Replay applies entries of the journal, each in a step of its own; those that are applied already are left out.
func (t *Taking) Replay(entries []audit.Logged) error {
	o := t.o
	for _, l := range entries {
		e := o.w.kafka.log[l.Position-1].entry
		err := tell(o, fmt.Sprint("replay entry ", e.n), func() error {
			if at, ok := o.w.redis.stands(o.stream); ok && e.n <= at {
				return o.w.redis.guard(o.stream, o.epoch)
			}
			return o.w.redis.apply(o.stream, o.epoch, e, int(l.Position))
		})
		if err != nil {
			return t.answer(err)
		}
	}
	return nil
}

// Entries reads the stream's journal from a position, or from the start, up to its present end.
func (t *Taking) Entries(from int64) iter.Seq2[audit.Logged, error] {
	return func(yield func(audit.Logged, error) bool) {
		o, k := t.o, t.o.w.kafka
		end, err := ask(o, "ask for the journal's end", k.asked)
		if err == nil && int(from) > end {
			err = audit.ErrBeyondEnd
		}
		for at := max(int(from), k.start); err == nil && at < end; {
			var messages []message
			messages, err = ask(o, fmt.Sprint("read the journal from ", at), func() ([]message, error) { return k.read(at, end), nil })
			if at = max(at, k.start); err == nil && len(messages) > 0 {
				at = messages[len(messages)-1].at + 1
			}
			for _, m := range messages {
				if o.reads(m) && !yield(m.logged(), nil) {
					return
				}
			}
		}
		if err != nil {
			yield(audit.Logged{}, t.answer(err))
		}
	}
}

// logged is a message as the connector's journal yields it.
func (m message) logged() audit.Logged {
	return audit.Logged{
		Entry:    audit.Entry{N: int64(m.entry.n), Epoch: int64(m.entry.epoch)},
		Position: int64(m.at + 1), Opened: m.opened, Token: tokenOf(m.token),
	}
}

// Now is the present.
func (t *Taking) Now() time.Time { return time.Unix(int64(t.o.w.now), 0) }
