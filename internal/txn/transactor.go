package txn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/initproducerid"

	"o365-kafka-connector/internal/broker"
)

// TransactionOptions are the settings of a Transactor.
type TransactionOptions struct {
	ID    string // transactional id: one Transactor at a time can use it, the one that was opened last
	Codec Codec
	// Timeout is how long a transaction may be open before its coordinator aborts it (transaction.timeout.ms): what an
	// owner that died holds up readers for, if nobody succeeds it. 0: a minute.
	Timeout time.Duration
	// RequestTimeout is how long a broker may leave a request without an answer. 0: 5 s.
	RequestTimeout time.Duration
	// Group is a consumer group without members whose offset for OffsetOf is committed in each transaction. Nobody
	// looks at the number, but the topic has to exist. Empty: transactions hold records only.
	Group    string
	OffsetOf Partition
	// Topics are those that transactions write to, as far as they are known beforehand: Open completes there what a
	// former owner's transaction left without a mark. OffsetOf counts, and its topic must not be among them.
	Topics []string
	// Failed hears of each failed attempt before the next one. It may block, to create a topic for example.
	Failed func(context.Context, Failure)
}

// Offset is what a transaction commits for the group: a number and up to 4,096 bytes beside it.
type Offset struct {
	N        int64 // -1: none
	Metadata string
}

// Transactor is a transactional producer. What it writes between two commits becomes visible to readers that read
// committed records at once and with the offset, or never.
//
// A method repeats requests until they succeed, are decided otherwise or the context ends. But for a *RefusedError,
// every error ends the Transactor: the transaction in hand may be committed, aborted or open, and only another Open
// finds out. One goroutine at a time may use it.
type Transactor struct {
	sender
	options      TransactionOptions
	transactions coordinator
	groups       coordinator
	committed    Offset

	ended error // why it cannot be used any more
	stale bool  // the epoch must not be used for another transaction

	// Of the open transaction:
	begun    time.Time // zero: there is none
	enrolled map[Partition]bool
	ends     map[Partition]int64
}

// Open makes a Transactor the owner of its transactional id: former owners are fenced, and what they left open is
// aborted or, if they had decided so, committed before Open returns. Among the errors are ErrUnsupported and, for a
// missing right, a *broker.Problem that names it.
func Open(ctx context.Context, conn *broker.Conn, topics *Topics, o TransactionOptions) (*Transactor, error) {
	o.setDefaults()
	t := &Transactor{
		sender:       sender{conn: conn, topics: topics, codec: o.Codec, timeout: o.RequestTimeout, transaction: o.ID},
		options:      o,
		transactions: coordinator{conn: conn, kind: ofTransaction, key: o.ID, timeout: o.RequestTimeout, node: -1},
		groups:       coordinator{conn: conn, kind: ofGroup, key: o.Group, timeout: o.RequestTimeout, node: -1},
		committed:    Offset{N: -1},
	}
	t.clear()
	if err := t.initialize(ctx, session{id: -1, epoch: -1}); err != nil {
		return nil, err
	}
	if err := t.fetch(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

func (o *TransactionOptions) setDefaults() {
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.RequestTimeout == 0 {
		o.RequestTimeout = 5 * time.Second
	}
	if o.Failed == nil {
		o.Failed = func(context.Context, Failure) {}
	}
}

// Committed returns the offset of the last transaction that was committed, by whatever owner. N is -1 if there is
// none: the group never committed, was deleted, or rested for longer than the broker keeps offsets.
func (t *Transactor) Committed() Offset { return t.committed }

// initialize begins a session: a new owner's if from is -1, else the next epoch of a session that is still the newest.
// Sequences of an aborted transaction are never used again in its epoch: the broker would take records for repeats of
// the aborted ones, say that they are written and drop them.
func (t *Transactor) initialize(ctx context.Context, from session) error {
	m, err := t.ask(ctx, question{of: &t.transactions, what: "initialize the transactional producer", request: &initproducerid.Request{
		TransactionalID: t.options.ID, TransactionTimeoutMs: int32(t.options.Timeout.Milliseconds()),
		ProducerID: from.id, ProducerEpoch: from.epoch,
	}})
	if err != nil {
		return err
	}
	res, ok := m.(*initproducerid.Response)
	if !ok || res.ProducerID < 0 {
		return errors.New("initialize the transactional producer: the broker gave no producer id")
	}
	t.restart(session{id: res.ProducerID, epoch: res.ProducerEpoch, transactional: true})
	t.stale = false
	return nil
}

// question is a request to a coordinator.
type question struct {
	of         *coordinator
	what       string // in an error
	operations string // needed on a topic, as an ACL calls them
	request    protocol.Message
	// doubt, if not nil, says whether there is any use in asking again after a complaint about a topic.
	doubt func(ctx context.Context, topic string) error
}

// patience is how long a coordinator may be busy with the last transaction before that is worth telling.
const patience = time.Second

// ask repeats a question until an answer decides it.
func (t *Transactor) ask(ctx context.Context, q question) (protocol.Message, error) {
	start, pace := time.Now(), quickPace()
	for {
		m, topic, err := q.try(ctx)
		if err == nil {
			return m, nil
		}
		if _, ok := errors.AsType[*unheardError](err); ok {
			t.stale = true
		}
		err = fmt.Errorf("%s: %w", q.what, err)
		v := verdictOf(err)
		if v != again && v != busy {
			return nil, t.explained(err, topic, q.operations)
		}
		if v == again {
			q.of.forget()
		}
		if v == again || time.Since(start) > patience {
			t.tell(ctx, Failure{Topic: topic, Err: err})
		}
		if q.doubt != nil && topic != "" {
			if err := q.doubt(ctx, topic); err != nil {
				return nil, err
			}
		}
		if stop := Wait(ctx, pace.NextBackOff()); stop != nil {
			return nil, fmt.Errorf("%w; last: %w", stop, err)
		}
	}
}

func (q question) try(ctx context.Context) (m protocol.Message, topic string, err error) {
	m, err = q.of.ask(ctx, q.request)
	if err != nil {
		return nil, "", err
	}
	topic, err = complaint(m)
	return m, topic, err
}

func (t *Transactor) tell(ctx context.Context, f Failure) {
	if ctx.Err() == nil {
		t.options.Failed(ctx, f)
	}
}

// quickPace returns the waiting times of a transaction: 2 ms, as long as the markers of the last one take, to 500 ms
// with jitter, without an end.
func quickPace() backoff.BackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.Multiplier, b.MaxElapsedTime = 2*time.Millisecond, 500*time.Millisecond, 2, 0
	b.Reset()
	return b
}
