package sink

import (
	"context"
	"fmt"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/txn"
)

// place is where an event of the commit stands.
type place struct {
	audit.Place

	batch int32 // index into the commit's batches
}

// enqueue sorts the events of a batch in memory by topic and partition.
func (p *publisher) enqueue(ctx context.Context, index int32, b *audit.Batch) error {
	for at, e := range p.reader.Places(b) {
		t, err := p.open(ctx, e.Topic)
		if err != nil {
			return err
		}
		queue := 0 // without a key any will do
		if e.Key != nil {
			queue = t.choose(e.Key)
		}
		t.queues[queue] = append(t.queues[queue], place{Place: at, batch: index})
	}
	return nil
}

// queued encodes what is enqueued, partition by partition.
func (p *publisher) queued(ctx context.Context) error {
	shared := make([]*txn.Headers, len(p.commit.Batches))
	for i, b := range p.commit.Batches {
		shared[i] = sharedHeaders(b)
	}
	for _, t := range p.topics {
		for _, queue := range t.queues {
			if err := p.queue(ctx, queue, shared); err != nil {
				return err
			}
		}
	}
	return nil
}

// queue encodes the events of one partition.
func (p *publisher) queue(ctx context.Context, queue []place, shared []*txn.Headers) error {
	defer func() { p.ahead = 0 }()
	for _, at := range queue {
		p.ahead += at.size(shared)
	}
	for _, at := range queue {
		e, err := p.reader.At(p.commit.Batches[at.batch], at.Place)
		if err != nil {
			return fmt.Errorf("read prepared event: %w", err)
		}
		if err := p.event(ctx, e, at.batch, shared[at.batch]); err != nil {
			return err
		}
		p.ahead -= at.size(shared)
	}
	return nil
}

// size is about what the event takes in a batch of Kafka's.
func (at place) size(shared []*txn.Headers) int {
	const framing = 16
	return at.Place.Size() + shared[at.batch].Size() + framing
}
