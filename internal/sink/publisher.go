package sink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/txn"
)

// publisher publishes one stream to Kafka. It encodes events straight into one batch for each partition and sends
// all of them when one is full, when they are large together, or at the commit's end. It goes through a commit
// partition by partition: a few large batches compress much better and faster than many small ones.
type publisher struct {
	sink   *KafkaSink
	stream audit.Stream
	out    flusher

	topics  map[string]*openTopic
	size    int // bytes encoded and not yet sent
	ahead   int // bytes that are still to go to the partition that is being encoded, about
	headers txn.Headers
	reader  audit.Reader

	commit  audit.Commit
	refused []audit.DeadLetter

	untold      []audit.StatusMessage // about gaps
	untoldUntil time.Time             // before which they are not tried again by themselves
}

// flusher sends batches, and answers which of them no broker will ever take.
type flusher interface {
	Flush(ctx context.Context, batches []*txn.Batch) ([]txn.Refusal, error)
}

// openTopic is a topic with the batches that are being filled.
type openTopic struct {
	parts  []*part   // by partition; nil: empty
	queues [][]place // by partition: events of the commit that are still to be encoded
	limit  int       // bytes of a batch
	sticky int       // where events without key go at the moment
}

// part is a batch and what its records are.
type part struct {
	*txn.Batch
	origins []origin
}

// origin tells where a record comes from: an event of the commit's batch, or a dead letter.
type origin struct {
	batch   int32 // index into the commit's batches, or one of the constants below
	ordinal int32 // of the event's record; of a dead letter its index
}

const (
	fromDeadLetter = -1
	fromStatus     = -2
)

// stickyBytes is how much goes to one partition before events without key move on to another.
const stickyBytes = 64 << 10

// publish publishes the events and dead letters of a commit, again from the start when a topic was made anew.
func (p *publisher) publish(ctx context.Context, c audit.Commit) error {
	for {
		p.begin(c)
		err := p.encode(ctx)
		if err == nil {
			err = p.flush(ctx)
		}
		if !errors.Is(err, txn.ErrMoved) {
			return err
		}
	}
}

func (p *publisher) begin(c audit.Commit) {
	p.commit, p.refused, p.size = c, nil, 0
	// Partitions may have been added since the last commit.
	clear(p.topics)
}

// encode encodes all of the commit, and sends all but what is encoded last.
func (p *publisher) encode(ctx context.Context) error {
	for i, b := range p.commit.Batches {
		put := p.enqueue
		if b.Spilled() {
			put = p.events
		}
		if err := put(ctx, int32(i), b); err != nil {
			return err
		}
	}
	if err := p.queued(ctx); err != nil {
		return err
	}
	for i, d := range p.commit.DeadLetters {
		if err := p.deadLetter(ctx, d, int32(i)); err != nil {
			return err
		}
	}
	return nil
}

// events encodes a batch from its first to its last event.
func (p *publisher) events(ctx context.Context, index int32, b *audit.Batch) error {
	shared := sharedHeaders(b)
	for e, err := range b.Events() {
		if err != nil {
			return &audit.Fault{Cause: audit.CauseSpool, Scope: audit.OfStream, Err: err, Hint: "check the directory that source.spool names"}
		}
		if err := p.event(ctx, e, index, shared); err != nil {
			return err
		}
	}
	return nil
}

func sharedHeaders(b *audit.Batch) *txn.Headers {
	shared := &txn.Headers{}
	for _, h := range b.Headers {
		shared.Add(h.Name, h.Value)
	}
	return shared
}

func (p *publisher) event(ctx context.Context, e audit.Event, batch int32, shared *txn.Headers) error {
	p.headers.Set(shared)
	for _, h := range e.Headers {
		p.headers.Add(h.Name, h.Value)
	}
	r := txn.Record{Key: e.Key, Value: e.Value, Headers: &p.headers}
	return p.add(ctx, e.Topic, r, origin{batch: batch, ordinal: int32(e.Ordinal)})
}

// add encodes a record into the batch of its partition, and sends everything when that batch or all of them are full.
func (p *publisher) add(ctx context.Context, topic string, r txn.Record, from origin) error {
	t, err := p.open(ctx, topic)
	if err != nil {
		return err
	}
	at := t.choose(r.Key)
	need := r.Size()
	if need > maxRecord {
		return p.refuse(ctx, p.alone(topic, at, r, from), errTooLarge)
	}
	if in := t.parts[at]; in != nil && in.Size()+need > t.limit {
		if err := p.flush(ctx); err != nil {
			return err
		}
	}
	if in := t.parts[at]; in != nil {
		in.Append(r)
		in.origins = append(in.origins, from)
	} else {
		t.parts[at] = p.alone(topic, at, r, from)
	}
	if p.size += need; p.size >= maxFlush {
		return p.flush(ctx)
	}
	return nil
}

// alone begins a batch with a record.
func (p *publisher) alone(topic string, partition int, r txn.Record, from origin) *part {
	to := txn.Partition{Topic: topic, Number: int32(partition)}
	in := &part{Batch: txn.NewSizedBatch(to, p.sink.options.Now(), min(p.ahead, maxBatch))}
	in.Append(r)
	in.origins = append(in.origins, from)
	return in
}

// choose returns the record's partition.
func (t *openTopic) choose(key []byte) int {
	if key != nil {
		return int(txn.PartitionOf(key, len(t.parts)))
	}
	if in := t.parts[t.sticky]; in != nil && in.Size() >= stickyBytes {
		t.sticky = (t.sticky + 1) % len(t.parts)
	}
	return t.sticky
}

// open looks up a topic, and creates it if need be, until that works or the context ends.
func (p *publisher) open(ctx context.Context, topic string) (*openTopic, error) {
	if t, ok := p.topics[topic]; ok {
		return t, nil
	}
	for pace := txn.Pace(); ; {
		partitions, err := p.sink.topics.Partitions(ctx, topic)
		if err == nil {
			n := len(partitions)
			t := &openTopic{parts: make([]*part, n), queues: make([][]place, n), limit: p.sink.limit(ctx, topic), sticky: rand.IntN(n)}
			p.topics[topic] = t
			return t, nil
		}
		if err := p.sink.ensure(ctx, topic, err); err != nil && ctx.Err() == nil {
			p.sink.options.Trouble(p.stream, p.sink.explain(topic, err))
		}
		if stop := txn.Wait(ctx, pace.NextBackOff()); stop != nil {
			return nil, fmt.Errorf("open topic %s: %w; last: %w", topic, stop, err)
		}
	}
}

// flush sends what is encoded and waits until all of it is acknowledged or refused.
func (p *publisher) flush(ctx context.Context) error {
	return p.send(ctx, p.filled())
}

// filled takes the batches that are encoded and not yet sent.
func (p *publisher) filled() []*part {
	var parts []*part
	for _, t := range p.topics {
		for i, in := range t.parts {
			if in != nil {
				parts, t.parts[i] = append(parts, in), nil
			}
		}
	}
	p.size = 0
	return parts
}

func (p *publisher) send(ctx context.Context, parts []*part) error {
	if len(parts) == 0 {
		return nil
	}
	refused, err := p.out.Flush(ctx, batchesOf(parts))
	if err != nil {
		return err
	}
	return p.sent(ctx, parts, refused)
}

func batchesOf(parts []*part) []*txn.Batch {
	batches := make([]*txn.Batch, len(parts))
	for i, in := range parts {
		batches[i] = in.Batch
	}
	return batches
}

// sent deals with what was refused of the parts, and releases them.
func (p *publisher) sent(ctx context.Context, parts []*part, refused []txn.Refusal) error {
	for _, r := range refused {
		for _, in := range parts {
			if in.Batch != r.Batch {
				continue
			}
			if err := p.isolate(ctx, in, r.Err); err != nil {
				return err
			}
		}
	}
	for _, in := range parts {
		in.Release()
	}
	return nil
}

// drop forgets what was encoded but not sent, and the commit.
func (p *publisher) drop() {
	clear(p.topics)
	p.size, p.commit = 0, audit.Commit{}
}

// failed hears of each attempt of the producer that did not work.
func (p *publisher) failed(ctx context.Context, f txn.Failure) {
	err := f.Err
	if f.Topic != "" {
		err = p.sink.ensure(ctx, f.Topic, err)
	}
	if err != nil {
		p.sink.options.Trouble(p.stream, p.sink.explain(f.Topic, err))
	}
}
