package txn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/broker"
)

// Options are the settings of a Producer.
type Options struct {
	Codec   Codec
	Timeout time.Duration // for each request; 0: 10 s
	// Failed hears of each failed attempt before the producer waits for the next one. It may block, to create a
	// topic for example.
	Failed func(context.Context, Failure)
}

// Failure is one attempt that did not work.
type Failure struct {
	Topic string // empty if it concerns no topic
	Err   error
}

// Refusal is a batch that the broker will never take.
type Refusal struct {
	Batch *Batch
	Err   error // a kafka.Error: too large, or invalid
	// Guilty holds the places in the batch of the records that the broker named; empty if it named none.
	Guilty []int
}

// Producer writes batches, each exactly once as long as its session lasts, and in order. One goroutine at a time may
// use it.
type Producer struct {
	sender
	failed func(context.Context, Failure)
	open   bool
}

// NewProducer returns a producer that begins its session when it first sends something.
func NewProducer(conn *broker.Conn, topics *Topics, o Options) *Producer {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Failed == nil {
		o.Failed = func(context.Context, Failure) {}
	}
	return &Producer{
		sender: sender{conn: conn, topics: topics, codec: o.Codec, timeout: o.Timeout},
		failed: o.Failed,
	}
}

// Flush sends the batches, at most one of each partition, and tries again until each is acknowledged by all replicas
// in sync or refused for good. An error means that the context ended or is ErrMoved: some may have been written, and
// nobody knows which. (Two batches of one partition are an error, too.) The batches stay the caller's.
func (p *Producer) Flush(ctx context.Context, batches []*Batch) ([]Refusal, error) {
	if err := distinct(batches); err != nil {
		return nil, err
	}
	var refused []Refusal
	pace := Pace()
	left := slices.Clone(batches)
	for {
		before := len(left)
		r := p.attempt(ctx, left)
		left, refused = r.left, append(refused, r.refused...)
		if len(left) == 0 {
			return refused, nil
		}
		err := r.failure.Err
		if !errors.Is(err, ErrMoved) {
			err = p.rest(ctx, r.failure, pace, len(left) < before)
		}
		if err != nil {
			// What was sent under these sequences may be in the log: other records under the same ones would be
			// taken for repeats and dropped.
			p.open = false
			return refused, err
		}
	}
}

// attempt tries each batch once, within a session.
func (p *Producer) attempt(ctx context.Context, batches []*Batch) round {
	if err := p.begin(ctx); err != nil {
		return round{left: batches, failure: Failure{Err: err}}
	}
	r := p.round(ctx, batches)
	if r.worst == lost || r.worst == fenced || r.doubt {
		p.open = false
	}
	return r
}

func (p *Producer) rest(ctx context.Context, f Failure, pace backoff.BackOff, progress bool) error {
	if ctx.Err() == nil {
		p.failed(ctx, f)
	}
	if progress {
		pace.Reset()
	}
	if err := Wait(ctx, pace.NextBackOff()); err != nil {
		return fmt.Errorf("publish: %w; last: %w", err, f.Err)
	}
	return nil
}

// Pace returns the waiting times between attempts: 100 ms to 10 s with jitter, without an end.
func Pace() backoff.BackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.Multiplier, b.MaxElapsedTime = 100*time.Millisecond, 10*time.Second, 2, 0
	b.Reset()
	return b
}

// Wait sleeps, or answers why the context ended.
func Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// begin asks for a session unless there is one.
func (p *Producer) begin(ctx context.Context) error {
	if p.open {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	res, err := p.conn.Client.InitProducerID(ctx, &kafka.InitProducerIDRequest{
		TransactionTimeoutMs: int(time.Minute.Milliseconds()), ProducerID: -1, ProducerEpoch: -1,
	})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		return fmt.Errorf("begin an idempotent session: %w", err)
	}
	if res.Producer.ProducerID < 0 {
		return errors.New("begin an idempotent session: the broker gave no producer id")
	}
	p.restart(session{id: int64(res.Producer.ProducerID), epoch: int16(res.Producer.ProducerEpoch)})
	p.open = true
	return nil
}
