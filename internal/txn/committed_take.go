package txn

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// abortMarker is the type of the control record that ends an aborted transaction; a committed one ends with type 1.
// https://kafka.apache.org/documentation/#controlbatch
const abortMarker = 0

// aborted knows, while an answer is read in the order of the log, which producers are in a transaction that was aborted.
type aborted struct {
	ahead []fetch.ResponseTransaction // by first offset
	now   map[int64]bool              // by producer id
}

func abortedIn(list []fetch.ResponseTransaction) *aborted {
	ahead := slices.SortedFunc(slices.Values(list), func(a, b fetch.ResponseTransaction) int {
		return cmp.Compare(a.FirstOffset, b.FirstOffset)
	})
	return &aborted{ahead: ahead, now: map[int64]bool{}}
}

// reach takes account of the transactions that begin at an offset or before it.
func (a *aborted) reach(offset int64) {
	for len(a.ahead) > 0 && a.ahead[0].FirstOffset <= offset {
		a.now[a.ahead[0].ProducerID] = true
		a.ahead = a.ahead[1:]
	}
}

// take copies the committed records out of an answer, and moves on over all others and the marks of transactions.
func (w *walk) take(part fetch.ResponsePartition) (out []StoredRecord, err error) {
	if part.RecordSet.Records == nil {
		return nil, nil
	}
	batches := []protocol.RecordReader{part.RecordSet.Records}
	if stream, ok := part.RecordSet.Records.(*protocol.RecordStream); ok {
		batches = stream.Records
	}
	gone := abortedIn(part.AbortedTransactions)
	for _, b := range batches {
		keep := true
		switch b := b.(type) {
		case *protocol.ControlBatch:
			gone.reach(b.BaseOffset)
			if err := w.mark(b, gone); err != nil {
				return out, err
			}
			continue
		case *protocol.RecordBatch:
			gone.reach(b.BaseOffset)
			keep = !b.Attributes.Transactional() || !gone.now[b.ProducerID]
		}
		if out, err = w.records(b, keep, out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// mark reads the end of a transaction.
func (w *walk) mark(b *protocol.ControlBatch, gone *aborted) error {
	w.next = max(w.next, b.BaseOffset+1)
	rec, err := b.ReadControlRecord()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the control record at %d: %w", b.BaseOffset, err)
	}
	if rec.Type == abortMarker {
		delete(gone.now, b.ProducerID)
	}
	return nil
}

// records reads one batch. It comes as a whole, also if its first records were read before.
func (w *walk) records(b protocol.RecordReader, keep bool, out []StoredRecord) ([]StoredRecord, error) {
	for w.next < w.to {
		rec, err := b.ReadRecord()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, fmt.Errorf("read the record at %d: %w", w.next, err)
		}
		if rec.Offset < w.next {
			continue
		}
		if keep && rec.Offset < w.to {
			stored, err := copied(rec)
			if err != nil {
				return out, fmt.Errorf("read the record at %d: %w", rec.Offset, err)
			}
			out = append(out, stored)
		}
		w.next = rec.Offset + 1
	}
	return out, nil
}

func copied(rec *protocol.Record) (StoredRecord, error) {
	key, err := protocol.ReadAll(rec.Key)
	if err != nil {
		return StoredRecord{}, err
	}
	value, err := protocol.ReadAll(rec.Value)
	if err != nil {
		return StoredRecord{}, err
	}
	return StoredRecord{
		Offset: rec.Offset, Time: rec.Time, Key: key, Value: value, Headers: slices.Clone[[]kafka.Header](rec.Headers),
	}, nil
}
