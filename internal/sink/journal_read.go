package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"o365-kafka-connector/internal/audit"
)

const (
	journalFetch = 2 << 20         // bytes of one answer; a larger batch comes alone
	journalWait  = 2 * time.Second // that a broker may take to find something
)

// entries yields the stream's messages from a position up to the end of the log as it is asked for now, whether the
// transaction that they stand in was committed, aborted or is open: readers of committed records see nothing behind
// the oldest open transaction of any stream in the partition.
func (j *journal) entries(ctx context.Context, from int64) iter.Seq2[audit.Logged, error] {
	return func(yield func(audit.Logged, error) bool) {
		r := journalReader{journal: j, next: from}
		err := j.insist(ctx, "ask for the ends of the journal", r.seek)
		for err == nil && r.next < r.end {
			var found []audit.Logged
			err = j.insist(ctx, "read the journal", func(ctx context.Context) (err error) {
				found, err = r.fetch(ctx)
				return err
			})
			for _, l := range found {
				if err == nil && !yield(l, nil) {
					return
				}
			}
			if err == nil {
				err = r.broken
			}
		}
		if err != nil {
			yield(audit.Logged{}, err)
		}
	}
}

// journalReader walks through the log.
type journalReader struct {
	*journal

	next, end int64
	still     int   // fetches without progress
	broken    error // why the message at next cannot be read
}

// seek finds the ends of the log. A position before its start, negative ones included, becomes the start.
func (r *journalReader) seek(ctx context.Context) error {
	start, err := r.bound(ctx, kafka.FirstOffset)
	if err != nil {
		return err
	}
	if r.end, err = r.bound(ctx, kafka.LastOffset); err != nil {
		return err
	}
	if r.next > r.end {
		return fmt.Errorf("position %d, end %d: %w", r.next, r.end, audit.ErrBeyondEnd)
	}
	r.next = max(r.next, start)
	return nil
}

// fetch reads on, by one answer of a broker.
func (r *journalReader) fetch(ctx context.Context) ([]audit.Logged, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := r.sink.conn.Client.Fetch(ctx, &kafka.FetchRequest{
		Topic: r.at.Topic, Partition: int(r.at.Number), Offset: r.next, MinBytes: 1, MaxBytes: journalFetch, MaxWait: journalWait,
	})
	if err == nil {
		err = res.Error
	}
	if errors.Is(err, kafka.OffsetOutOfRange) { // retention passed by
		start, berr := r.bound(ctx, kafka.FirstOffset)
		if berr != nil {
			return nil, berr
		}
		if start > r.next {
			r.next = start
			return nil, nil
		}
	}
	if err != nil {
		return nil, err
	}
	before := r.next
	found, err := r.take(res.Records)
	if err != nil {
		return found, err
	}
	if r.next > before || r.broken != nil {
		r.still = 0
		return found, nil
	}
	if r.still++; r.still > 2 {
		return found, fmt.Errorf("the broker gives nothing at %d, though the log ends at %d", r.next, r.end)
	}
	return found, nil
}

// take copies the stream's messages out, and moves on over all others and the marks of transactions. Kafka's client
// answers that an answer of marks alone is empty.
func (r *journalReader) take(records kafka.RecordReader) ([]audit.Logged, error) {
	batches := []protocol.RecordReader{records}
	if stream, ok := records.(*protocol.RecordStream); ok {
		batches = stream.Records
	}
	var out []audit.Logged
	for _, b := range batches {
		if marks, ok := b.(*protocol.ControlBatch); ok {
			r.next = max(r.next, marks.BaseOffset+1)
			continue
		}
		for r.next < r.end {
			rec, err := b.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return out, err
			}
			l, mine, err := r.read(rec)
			if err != nil || r.broken != nil {
				return out, err
			}
			if mine {
				out = append(out, l)
			}
		}
	}
	return out, nil
}

// read takes one record, and tells in broken why it never can. A batch comes as a whole, also if its first records were read before.
func (r *journalReader) read(rec *protocol.Record) (audit.Logged, bool, error) {
	key, err := protocol.ReadAll(rec.Key)
	if err != nil {
		return audit.Logged{}, false, err
	}
	value, err := protocol.ReadAll(rec.Value)
	if err != nil || rec.Offset < r.next {
		return audit.Logged{}, false, err
	}
	if bytes.Equal(key, r.key) {
		l, err := decodeEntry(value)
		if err != nil {
			r.broken = fmt.Errorf("offset %d of partition %d of topic %s: %w", rec.Offset, r.at.Number, r.at.Topic, err)
			return l, false, nil
		}
		l.Position = rec.Offset + 1
		r.next = l.Position
		return l, true, nil
	}
	r.next = rec.Offset + 1
	return audit.Logged{}, false, nil
}
