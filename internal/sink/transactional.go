package sink

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/txn"
)

// transactional publishes one stream in transactions: events, dead letters, the commit's entry in the journal, and
// the entry's number as an offset, all of it or nothing. Status messages stay outside.
type transactional struct {
	*publisher

	journal *journal
	tx      *txn.Transactor
	aside   *publisher     // for status messages
	found   audit.Standing // what was committed when the stream was taken
	last    int64          // position after the last entry that this publisher wrote; -1 if it is unknown
}

// transactionalID is the same for every owner of a stream, so that the next one fences the last.
func (k *KafkaSink) transactionalID(s audit.Stream) string { return k.group + "/" + s.Key() }

// openTransactional takes the stream in Kafka: former owners are fenced, and what they left open is settled.
func (k *KafkaSink) openTransactional(ctx context.Context, s audit.Stream) (Publisher, error) {
	t := &transactional{publisher: k.open(s), journal: k.journal(s), aside: k.open(s), last: -1}
	if err := t.journal.prepare(ctx); err != nil {
		return nil, err
	}
	err := t.journal.insist(ctx, "begin transactions", func(ctx context.Context) (err error) {
		t.tx, err = txn.Open(ctx, k.conn, k.topics, txn.TransactionOptions{
			ID: k.transactionalID(s), Codec: k.codec, Timeout: k.config.Transaction.Timeout.D(),
			Group: t.journal.group, OffsetOf: t.journal.at, Topics: append(slices.Clone(k.events), k.config.DeadLetterTopic),
			Failed: t.failed,
		})
		if err != nil {
			return err
		}
		t.found, err = standingOf(t.tx.Committed())
		return err
	})
	if err != nil {
		return nil, err
	}
	t.out = inTransaction{t.tx}
	return t, nil
}

// inTransaction sends batches as part of a transaction.
type inTransaction struct{ tx *txn.Transactor }

// Flush writes batches into the transaction.
func (t inTransaction) Flush(ctx context.Context, batches []*txn.Batch) ([]txn.Refusal, error) {
	return refusalsOf(t.tx.Publish(ctx, batches))
}

// refusalsOf tells a refusal, after which the transaction goes on, from an error that ends it.
func refusalsOf(err error) ([]txn.Refusal, error) {
	if refused, ok := errors.AsType[*txn.RefusedError](err); ok {
		return refused.Refusals, nil
	}
	return nil, err
}

// Standing tells the number and the epoch of the last committed entry.
func (t *transactional) Standing() (audit.Standing, bool) {
	return t.found, true
}

// Entries reads the stream's journal.
func (t *transactional) Entries(ctx context.Context, from int64) iter.Seq2[audit.Logged, error] {
	return t.journal.entries(ctx, from)
}

// Publish publishes the commit in a transaction of its own.
func (t *transactional) Publish(ctx context.Context, c audit.Commit) (audit.Receipt, error) {
	defer t.drop()
	t.begin(c)
	if !c.Entry.Empty() || len(c.Batches)+len(c.DeadLetters) > 0 {
		start := t.sink.options.Now()
		if err := t.transact(ctx); err != nil {
			return audit.Receipt{Position: -1}, t.end(ctx, err)
		}
		t.sink.options.Meter.Published(t.stream, t.sink.options.Now().Sub(start))
	}
	t.aside.begin(audit.Commit{})
	defer t.aside.drop()
	t.aside.status(ctx, c.Status)
	return audit.Receipt{Position: t.last, Refused: t.refused}, nil
}

func (t *transactional) transact(ctx context.Context) error {
	if err := t.encode(ctx); err != nil {
		return err
	}
	parts, entry := t.filled(), t.journal.batch(audit.Logged{Entry: t.commit.Entry})
	offset := txn.Offset{N: t.commit.Entry.N, Metadata: epochText(t.commit.Entry.Epoch)}
	receipt, err := t.tx.Commit(ctx, append(batchesOf(parts), entry), offset)
	refused, err := refusalsOf(err)
	if err != nil {
		return err
	}
	if len(refused) > 0 { // the transaction is open, with all else in it
		for _, r := range refused {
			if r.Batch == entry {
				return t.journal.refuse(r.Err)
			}
		}
		if err := t.sent(ctx, parts, refused); err != nil {
			return err
		}
		if receipt, err = t.tx.Commit(ctx, nil, offset); err != nil {
			return err
		}
	} else if err := t.sent(ctx, parts, nil); err != nil {
		return err
	}
	entry.Release()
	t.last = -1
	if end, ok := receipt.Ends[t.journal.at]; ok && end >= 0 {
		t.last = end
	}
	return nil
}

// abortTime is how long readers' waiting is worth an attempt to spare them it.
const abortTime = 500 * time.Millisecond

// end gives a transaction up whose fate is not known: the next Open finds out.
func (t *transactional) end(ctx context.Context, err error) error {
	if errors.Is(err, txn.ErrFenced) {
		return fmt.Errorf("%w: %w", audit.ErrFenced, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()
	_ = t.tx.Abort(ctx) // as well as it can: the next owner does it otherwise
	return err
}

// Close ends the publisher; there is nothing to wait for.
func (t *transactional) Close() error { return nil }
