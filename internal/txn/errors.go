package txn

import (
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/broker"
)

var (
	// ErrMoved means that a topic has fewer partitions than it had: it was deleted and made again. What was to be sent
	// has to be spread anew.
	ErrMoved = errors.New("the topic was made again with fewer partitions")
	// ErrFenced means that another producer was opened with the same transactional id, or that the coordinator has
	// aborted the transaction for its age: brokers tell both alike (INVALID_PRODUCER_EPOCH, PRODUCER_FENCED).
	ErrFenced = errors.New("another producer was opened with this transactional id, or its transaction took too long")
	// ErrTimedOut accompanies ErrFenced when the transaction was open for longer than its time-out.
	ErrTimedOut = errors.New("the transaction was open for longer than its time-out")
	// ErrUnsupported means that the broker has no transactions as they are needed here: use an idempotent producer, or
	// Kafka 2.5 or newer.
	ErrUnsupported = errors.New("the broker has no transactions as they are needed here: use Kafka 2.5 or newer, or do without transactions")
	// ErrEnded means that a Transactor is used on after an error that ended it. The cause is wrapped beside it.
	ErrEnded = errors.New("the transactional producer has to be opened again")
)

// RefusedError names the batches that a broker will never take: too large, or with an invalid record. Nothing of them
// was written and the transaction is still open, with all else that was to be written. Their records may be published
// again in smaller batches (Batch.Slice), until the guilty one is alone.
type RefusedError struct {
	Refusals []Refusal // at least one
}

// Error tells the first refusal.
func (e *RefusedError) Error() string {
	if n := len(e.Refusals); n > 1 {
		return fmt.Sprintf("%d batches are refused, the first: %v", n, e.Refusals[0].Err)
	}
	return fmt.Sprintf("a batch is refused: %v", e.Refusals[0].Err)
}

// Unwrap returns the broker's answers.
func (e *RefusedError) Unwrap() []error {
	var all []error
	for _, r := range e.Refusals {
		all = append(all, r.Err)
	}
	return all
}

// explained makes an error that ends the producer one that its caller can decide by.
func (t *Transactor) explained(err error, topic, operations string) error {
	switch verdictOf(err) {
	case fenced:
		if !t.begun.IsZero() && time.Since(t.begun) > t.options.Timeout {
			return fmt.Errorf("%w (%w, %v): %w", ErrFenced, ErrTimedOut, t.options.Timeout, err)
		}
		return fmt.Errorf("%w: %w", ErrFenced, err)
	case denied:
		about := broker.About{Topic: topic, Operations: operations, Group: t.options.Group}
		if errors.Is(err, kafka.TransactionalIDAuthorizationFailed) {
			about.Group = t.options.ID
		}
		return t.conn.Explain(err, about)
	case unsupported:
		if !errors.Is(err, ErrUnsupported) {
			return fmt.Errorf("%w: %w", ErrUnsupported, err)
		}
	default:
	}
	return err
}
