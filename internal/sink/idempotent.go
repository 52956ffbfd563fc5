package sink

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/txn"
)

// idempotent publishes one stream without transactions: first the events, then the entry in the journal, then the
// entry's number as an offset. Nobody is fenced in Kafka; the order of the journal fences instead: a take writes its
// token there, and until one of a higher epoch does, entries with other tokens are void.
type idempotent struct {
	*publisher

	journal *journal
	token   string
	found   audit.Standing
}

// openIdempotent takes the stream in the journal.
func (k *KafkaSink) openIdempotent(ctx context.Context, s audit.Stream, epoch int64) (Publisher, error) {
	p := &idempotent{publisher: k.open(s), journal: k.journal(s), token: rand.Text()}
	if err := p.journal.prepare(ctx); err != nil {
		return nil, err
	}
	err := p.journal.insist(ctx, "ask for the number of the last entry", func(ctx context.Context) error {
		offset, err := p.journal.fetchOffset(ctx)
		if err != nil {
			return err
		}
		p.found, err = standingOf(offset)
		p.found.Token = p.token
		return err
	})
	if err != nil {
		return nil, err
	}
	_, err = p.log(ctx, audit.Logged{Entry: audit.Entry{Epoch: epoch, Time: k.options.Now().UTC()}, Opened: true})
	if err != nil {
		return nil, fmt.Errorf("take the journal: %w", err)
	}
	return p, nil
}

// log appends a message to the journal and returns the position after it, -1 if the broker did not tell.
func (p *idempotent) log(ctx context.Context, l audit.Logged) (int64, error) {
	l.Token = p.token
	b := p.journal.batch(l)
	refused, err := p.out.Flush(ctx, []*txn.Batch{b})
	if err != nil {
		return -1, err
	}
	if len(refused) > 0 {
		return -1, p.journal.refuse(refused[0].Err)
	}
	end := b.End()
	b.Release()
	return end, nil
}

// Standing tells the number and the epoch of the last entry, as far as offsets tell: the journal itself may be ahead.
func (p *idempotent) Standing() (audit.Standing, bool) {
	return p.found, true
}

// Entries reads the stream's journal.
func (p *idempotent) Entries(ctx context.Context, from int64) iter.Seq2[audit.Logged, error] {
	return p.journal.entries(ctx, from)
}

// Publish publishes the commit: events, then dead letters, then the entry, then status messages.
func (p *idempotent) Publish(ctx context.Context, c audit.Commit) (audit.Receipt, error) {
	defer p.drop()
	receipt := audit.Receipt{Position: -1}
	p.begin(c)
	if !c.Entry.Empty() || len(c.Batches)+len(c.DeadLetters) > 0 {
		start := p.sink.options.Now()
		if err := p.publish(ctx, c); err != nil {
			return receipt, err
		}
		end, err := p.log(ctx, audit.Logged{Entry: c.Entry})
		if err != nil {
			return receipt, err
		}
		receipt.Position = end
		err = p.journal.insist(ctx, "commit the number of the entry", func(ctx context.Context) error {
			return p.journal.commitOffset(ctx, txn.Offset{N: c.Entry.N, Metadata: epochText(c.Entry.Epoch)})
		})
		if err != nil {
			return receipt, err
		}
		p.sink.options.Meter.Published(p.stream, p.sink.options.Now().Sub(start))
	}
	receipt.Refused = p.refused
	p.status(ctx, c.Status)
	return receipt, nil
}

// Close ends the publisher; there is nothing to wait for.
func (p *idempotent) Close() error { return nil }

// fetchOffset asks for what was committed last.
func (j *journal) fetchOffset(ctx context.Context) (txn.Offset, error) {
	none := txn.Offset{N: -1}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := j.sink.conn.Client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{
		GroupID: j.group, Topics: map[string][]int{j.at.Topic: {int(j.at.Number)}},
	})
	if err == nil {
		err = res.Error
	}
	if errors.Is(err, kafka.GroupIdNotFound) { // most brokers say -1
		return none, nil
	}
	if err != nil {
		return none, err
	}
	for _, p := range res.Topics[j.at.Topic] {
		if p.Partition == int(j.at.Number) {
			return txn.Offset{N: p.CommittedOffset, Metadata: p.Metadata}, p.Error
		}
	}
	return none, errors.New("the broker's answer leaves the partition out")
}

// commitOffset commits a number outside of a transaction. The group has no members, so neither generation nor id.
func (j *journal) commitOffset(ctx context.Context, o txn.Offset) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := j.sink.conn.Client.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
		GroupID: j.group, GenerationID: -1,
		Topics: map[string][]kafka.OffsetCommit{j.at.Topic: {{Partition: int(j.at.Number), Offset: o.N, Metadata: o.Metadata}}},
	})
	if err != nil {
		return err
	}
	for _, p := range res.Topics[j.at.Topic] {
		if p.Partition == int(j.at.Number) {
			return p.Error
		}
	}
	return errors.New("the broker's answer leaves the partition out")
}
