package daemon

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/pipeline"
	"o365-kafka-connector/internal/sink"
	"o365-kafka-connector/internal/source"
)

// The parts do not know the pipeline's interfaces, so the types that their methods return are fitted here.

type sourceSeam struct{ *source.Client }

// Fetch asks for a blob.
func (s sourceSeam) Fetch(ctx context.Context, stream audit.Stream, b audit.Blob) (pipeline.Content, error) {
	content, err := s.Client.Fetch(ctx, stream, b)
	if err != nil {
		return nil, err
	}
	return content, nil
}

// Unsubscribe stops the stream's subscription; one that is off already is as good.
func (s sourceSeam) Unsubscribe(ctx context.Context, stream audit.Stream) error {
	err := s.Client.Stop(ctx, stream)
	if f, ok := errors.AsType[*audit.Fault](err); ok && f.Cause == audit.CauseSubscription {
		return nil
	}
	return err
}

// budgetSeam is the budget of all clients' requests: the store's, if it is one that instances share.
type budgetSeam struct {
	local  *source.LocalBudget
	shared atomic.Pointer[checkpoint.Budget]
}

func newBudgetSeam() *budgetSeam { return &budgetSeam{local: source.NewLocalBudget()} }

// bind has the budget kept in the store from now on. Clients send nothing earlier.
func (b *budgetSeam) bind(store checkpoint.Store) {
	if shared, ok := checkpoint.SharedBudget(store); ok {
		b.shared.Store(shared)
	}
}

func (b *budgetSeam) budget() source.Budget {
	if shared := b.shared.Load(); shared != nil {
		return shared
	}
	return b.local
}

// Take asks for requests.
func (b *budgetSeam) Take(ctx context.Context, d audit.Demand) (int, time.Duration, error) {
	return b.budget().Take(ctx, d)
}

// Throttled slows a tenant down.
func (b *budgetSeam) Throttled(ctx context.Context, tenant string, retryAfter time.Duration) error {
	return b.budget().Throttled(ctx, tenant, retryAfter)
}

// sinkSeam tells, besides, when nobody is left to publish to.
type sinkSeam struct {
	sink.Sink

	gone func(error)
}

// Open returns the publisher of a stream.
func (s sinkSeam) Open(ctx context.Context, stream audit.Stream, epoch int64) (pipeline.Publisher, error) {
	p, err := s.Sink.Open(ctx, stream, epoch)
	if err != nil {
		return nil, err
	}
	return publisherSeam{p, s.gone}, nil
}

type publisherSeam struct {
	sink.Publisher

	gone func(error)
}

// Publish publishes a commit.
func (p publisherSeam) Publish(ctx context.Context, c audit.Commit) (audit.Receipt, error) {
	receipt, err := p.Publisher.Publish(ctx, c)
	if errors.Is(err, sink.ErrReaderGone) || errors.Is(err, sink.ErrAsideGone) {
		p.gone(err)
	}
	return receipt, err
}

// storeSeam ties the store to its deployment anew with each take: a store that was emptied has forgotten that, too.
type storeSeam struct {
	checkpoint.Store

	deployment checkpoint.Deployment
}

// Acquire takes a stream.
func (s storeSeam) Acquire(ctx context.Context, stream audit.Stream) (pipeline.Handle, error) {
	if err := s.Bind(ctx, s.deployment); err != nil {
		return nil, err
	}
	return s.Store.Acquire(ctx, stream)
}
