package txn

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/produce"
)

// round is what came of one attempt at each batch.
type round struct {
	left    []*Batch
	refused []Refusal
	failure Failure // the first one, unless there is an ErrMoved
}

func (r *round) fail(b *Batch, err error) {
	r.left = append(r.left, b)
	if r.failure.Err == nil || errors.Is(err, ErrMoved) {
		r.failure = Failure{Topic: b.Partition.Topic, Err: err}
	}
}

// round tries each batch once: one request to each leader, all at the same time.
func (p *Producer) round(ctx context.Context, batches []*Batch) round {
	if err := p.begin(ctx); err != nil {
		return round{left: batches, failure: Failure{Err: err}}
	}
	var r round
	requests := p.requests(ctx, batches, &r)
	answers := make([]answer, len(requests))
	var wg sync.WaitGroup
	for i, req := range requests {
		wg.Go(func() { answers[i] = p.send(ctx, req) })
	}
	wg.Wait()
	for i, req := range requests {
		for _, t := range req.topics {
			for _, b := range t.batches {
				p.settle(b, answers[i], &r)
			}
		}
	}
	return r
}

// requests stamps the batches and sorts them by leader and topic.
func (p *Producer) requests(ctx context.Context, batches []*Batch, r *round) []*produceRequest {
	var out []*produceRequest
	byLeader := map[int32]*produceRequest{}
	for _, b := range batches {
		leader, err := p.leader(ctx, b.Partition)
		if err == nil {
			err = b.stamp(p.session, p.next[b.Partition], p.options.Codec)
		}
		if err != nil {
			p.topics.Forget(b.Partition.Topic)
			r.fail(b, err)
			continue
		}
		req, ok := byLeader[leader]
		if !ok {
			wait := p.options.Timeout - p.options.Timeout/5 // the broker should give up before we do
			req = &produceRequest{leader: leader, clientID: p.conn.Transport.ClientID, timeout: int32(wait.Milliseconds())}
			byLeader[leader], out = req, append(out, req)
		}
		req.add(b)
	}
	return out
}

func (r *produceRequest) add(b *Batch) {
	for i := range r.topics {
		if r.topics[i].name == b.Partition.Topic {
			r.topics[i].batches = append(r.topics[i].batches, b)
			return
		}
	}
	r.topics = append(r.topics, topicBatches{name: b.Partition.Topic, batches: []*Batch{b}})
}

func (p *Producer) leader(ctx context.Context, at Partition) (int32, error) {
	partitions, err := p.topics.Partitions(ctx, at.Topic)
	if err != nil {
		return 0, err
	}
	if int(at.Number) >= len(partitions) {
		return 0, fmt.Errorf("partition %d of topic %s: %w", at.Number, at.Topic, ErrMoved)
	}
	if leader := partitions[at.Number].Leader; leader >= 0 {
		return leader, nil
	}
	return 0, fmt.Errorf("partition %d of topic %s: %w", at.Number, at.Topic, kafka.LeaderNotAvailable)
}

// answer is what a leader said about each partition, or why it said nothing.
type answer struct {
	codes map[Partition]partitionAnswer
	err   error
}

type partitionAnswer struct {
	code    kafka.Error
	message string
}

func (p *Producer) send(ctx context.Context, req *produceRequest) answer {
	ctx, cancel := context.WithTimeoutCause(ctx, p.options.Timeout, errNoAnswer(p.options.Timeout))
	defer cancel()
	m, err := p.conn.Transport.RoundTrip(ctx, p.conn.Addr, req)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return answer{err: fmt.Errorf("produce to broker %d: %w", req.leader, err)}
	}
	a := answer{codes: map[Partition]partitionAnswer{}}
	for _, t := range m.(*produce.Response).Topics {
		for _, part := range t.Partitions {
			a.codes[Partition{Topic: t.Topic, Number: part.Partition}] = partitionAnswer{kafka.Error(part.ErrorCode), part.ErrorMessage}
		}
	}
	return a
}

// settle draws the consequences of an answer for one batch.
func (p *Producer) settle(b *Batch, a answer, r *round) {
	at := b.Partition
	if a.err != nil {
		b.lent, b.doubt = true, true
		p.topics.Forget(at.Topic)
		r.fail(b, a.err)
		return
	}
	part, ok := a.codes[at]
	if !ok {
		part = partitionAnswer{code: kafka.Unknown, message: "the answer leaves it out"}
	}
	switch verdicts[part.code] {
	case done:
		p.next[at] = nextSequence(p.next[at], b.Len())
	case refuse:
		p.open = p.open && !b.doubt
		r.refused = append(r.refused, Refusal{Batch: b, Err: part.err(at)})
	case anew:
		p.open = false
		r.fail(b, part.err(at))
	case again:
		b.doubt = true
		p.topics.Forget(at.Topic)
		r.fail(b, part.err(at))
	}
}

func (a partitionAnswer) err(at Partition) error {
	err := fmt.Errorf("produce to partition %d of topic %s: %w", at.Number, at.Topic, a.code)
	if a.message != "" {
		err = fmt.Errorf("%w: %s", err, a.message)
	}
	return err
}

// errNoAnswer is a time-out by its own words, told apart from the caller's context.
type errNoAnswer time.Duration

// Error says how long we waited.
func (e errNoAnswer) Error() string { return "no answer within " + time.Duration(e).String() }

// Timeout makes it a net.Error.
func (errNoAnswer) Timeout() bool { return true }

// Temporary makes it a net.Error.
func (errNoAnswer) Temporary() bool { return true }
