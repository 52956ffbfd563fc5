package txn

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/fetch"
	"github.com/segmentio/kafka-go/protocol/listoffsets"

	"o365-kafka-connector/internal/broker"
)

const (
	fetchBytes = 1 << 20 // of one answer; a larger batch comes alone
	fetchWait  = 500 * time.Millisecond
	maxStill   = 20 // answers without progress from a log that ends before what is asked for
)

// ErrShorterLog means that the log ends before an offset that was there once: the topic was deleted and made again, or
// its newest records are lost.
var ErrShorterLog = errors.New("the log ends before this offset: its newest records are lost, or the topic was made again")

// ReaderOptions are the settings of a CommittedReader.
type ReaderOptions struct {
	Timeout time.Duration // for each request; 0: 10 s
	// Failed hears of each failed attempt before the reader waits for the next one.
	Failed func(context.Context, Failure)
}

// CommittedReader reads what is committed in one partition: what was written without a transaction or in one that was
// committed. It belongs to no consumer group and remembers nothing. One goroutine at a time may use it.
//
// kafka-go decodes the list of aborted transactions in a broker's answer, but its Client.Fetch drops it, and so shows
// aborted records as if they counted.
type CommittedReader struct {
	conn    *broker.Conn
	at      Partition
	timeout time.Duration
	failed  func(context.Context, Failure)
}

// StoredRecord is a record as it stands in a log. Its slices are the caller's.
type StoredRecord struct {
	Offset  int64
	Time    time.Time
	Key     []byte // nil: none
	Value   []byte // nil: a tombstone
	Headers []kafka.Header
}

// NewCommittedReader returns a reader of a partition.
func NewCommittedReader(conn *broker.Conn, at Partition, o ReaderOptions) *CommittedReader {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Failed == nil {
		o.Failed = func(context.Context, Failure) {}
	}
	return &CommittedReader{conn: conn, at: at, timeout: o.Timeout, failed: o.Failed}
}

// End returns the offset after the newest record, whatever becomes of its transaction.
func (r *CommittedReader) End(ctx context.Context) (end int64, err error) {
	err = r.insist(ctx, "ask for the end of the log", func(ctx context.Context) error {
		end, err = r.bound(ctx, kafka.LastOffset)
		return err
	})
	return end, err
}

// Records yields the committed records from one offset up to another, in the order of the log. What was deleted is
// left out. Where a transaction is open, it waits until that is decided: the broker's time-out for transactions bounds
// that. It tries again by itself until the context ends; among the errors is ErrShorterLog. In memory is one answer of
// a broker at a time: 1 MiB, or one batch if that is larger, decompressed.
func (r *CommittedReader) Records(ctx context.Context, from, to int64) iter.Seq2[StoredRecord, error] {
	return func(yield func(StoredRecord, error) bool) {
		w := walk{CommittedReader: r, next: from, to: to, pace: Pace()}
		for w.next < to {
			var found []StoredRecord
			err := r.insist(ctx, "read", func(ctx context.Context) (err error) {
				found, err = w.step(ctx)
				return err
			})
			for _, rec := range found {
				if !yield(rec, nil) {
					return
				}
			}
			if err == nil {
				err = w.rest(ctx)
			}
			if err != nil {
				yield(StoredRecord{}, err)
				return
			}
		}
	}
}

// insist repeats a question until it is answered, or asking again is of no use.
func (r *CommittedReader) insist(ctx context.Context, what string, ask func(context.Context) error) error {
	for pace := Pace(); ; {
		limited, cancel := context.WithTimeoutCause(ctx, r.timeout, errNoAnswer(r.timeout))
		err := ask(limited)
		cancel()
		if err == nil {
			return nil
		}
		err = fmt.Errorf("%s (partition %d of topic %s): %w", what, r.at.Number, r.at.Topic, err)
		if v := verdictOf(err); ctx.Err() != nil || v == denied || v == unsupported || errors.Is(err, ErrShorterLog) {
			return err
		}
		r.failed(ctx, Failure{Topic: r.at.Topic, Err: err})
		if stop := Wait(ctx, pace.NextBackOff()); stop != nil {
			return fmt.Errorf("%w; last: %w", stop, err)
		}
	}
}

// bound is one end of the log.
func (r *CommittedReader) bound(ctx context.Context, which int64) (int64, error) {
	m, err := r.conn.Transport.RoundTrip(ctx, r.conn.Addr, &listoffsets.Request{
		ReplicaID: -1,
		Topics: []listoffsets.RequestTopic{{Topic: r.at.Topic, Partitions: []listoffsets.RequestPartition{{
			Partition: r.at.Number, CurrentLeaderEpoch: -1, Timestamp: which,
		}}}},
	})
	if err != nil {
		return 0, err
	}
	res, ok := m.(*listoffsets.Response)
	if !ok || len(res.Topics) != 1 || len(res.Topics[0].Partitions) != 1 {
		return 0, fmt.Errorf("unexpected answer %T", m)
	}
	part := res.Topics[0].Partitions[0]
	return part.Offset, codeError(part.ErrorCode)
}

// fetch asks for records, aborted ones included, and for the list of what was aborted.
func (r *CommittedReader) fetch(ctx context.Context, from int64) (fetch.ResponsePartition, error) {
	m, err := r.conn.Transport.RoundTrip(ctx, r.conn.Addr, &fetch.Request{
		ReplicaID: -1, MaxWaitTime: int32(min(fetchWait, r.timeout/2).Milliseconds()), MinBytes: 1, MaxBytes: fetchBytes,
		IsolationLevel: int8(kafka.ReadCommitted), SessionEpoch: -1,
		Topics: []fetch.RequestTopic{{Topic: r.at.Topic, Partitions: []fetch.RequestPartition{{
			Partition: r.at.Number, CurrentLeaderEpoch: -1, FetchOffset: from, LogStartOffset: -1, PartitionMaxBytes: fetchBytes,
		}}}},
	})
	if err != nil {
		return fetch.ResponsePartition{}, err
	}
	res, ok := m.(*fetch.Response)
	switch {
	case ok && res.ErrorCode != 0:
		return fetch.ResponsePartition{}, codeError(res.ErrorCode)
	case !ok || len(res.Topics) != 1 || len(res.Topics[0].Partitions) != 1:
		return fetch.ResponsePartition{}, fmt.Errorf("unexpected answer %T", m)
	}
	part := res.Topics[0].Partitions[0]
	return part, codeError(part.ErrorCode)
}

// walk is one way through a log.
type walk struct {
	*CommittedReader

	next, to int64
	still    int // answers without progress from a log that ends before to
	stuck    bool
	pace     backoff.BackOff
}

// rest lets an open transaction some time.
func (w *walk) rest(ctx context.Context) error {
	if !w.stuck {
		w.pace.Reset()
		return nil
	}
	if err := Wait(ctx, w.pace.NextBackOff()); err != nil {
		return fmt.Errorf("wait for an open transaction in partition %d of topic %s: %w", w.at.Number, w.at.Topic, err)
	}
	return nil
}

// step reads on by one answer.
func (w *walk) step(ctx context.Context) ([]StoredRecord, error) {
	part, err := w.fetch(ctx, w.next)
	if errors.Is(err, kafka.OffsetOutOfRange) {
		return nil, w.skipDeleted(ctx)
	}
	if err != nil {
		return nil, err
	}
	before := w.next
	found, err := w.take(part)
	if len(found) > 0 {
		err = nil // what cannot be read comes again with the next answer
	}
	w.stuck = w.next == before
	switch {
	case !w.stuck || part.HighWatermark >= w.to:
		w.still = 0
	case w.still >= maxStill:
		return nil, fmt.Errorf("offset %d, end %d: %w", w.to, part.HighWatermark, ErrShorterLog)
	default: // a new leader learns late how far the log is safe
		w.still++
	}
	return found, err
}

// skipDeleted goes on at the log's start.
func (w *walk) skipDeleted(ctx context.Context) error {
	start, err := w.bound(ctx, kafka.FirstOffset)
	if err != nil {
		return err
	}
	if start <= w.next {
		return fmt.Errorf("offset %d: %w", w.next, ErrShorterLog)
	}
	w.next, w.stuck = start, false
	return nil
}
