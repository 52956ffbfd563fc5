package source

import (
	"bytes"
	"io"
	"iter"

	"o365-kafka-connector/internal/audit"
)

// Single is a record that is at hand, in the shape of a blob's content. One goroutine at a time may use it.
type Single struct {
	value   []byte
	decoder *decoder
}

// NewSingle returns the content of a blob that has nothing but the record. The bytes must not change meanwhile.
func NewSingle(record []byte) *Single { return &Single{value: record} }

// Size is the number of the record's bytes.
func (s *Single) Size() int64 { return int64(len(s.value)) }

// Records yields the record. It can be called once. An error is an *audit.Fault of the blob: the bytes are no JSON
// value, or more than one. The record stands until the content is closed.
func (s *Single) Records() iter.Seq2[audit.Record, error] {
	body := io.MultiReader(bytes.NewReader([]byte("[")), bytes.NewReader(s.value), bytes.NewReader([]byte("]")))
	s.decoder = newDecoder(body, false)
	return func(yield func(audit.Record, error) bool) {
		for r, err := range s.decoder.records() {
			if err == nil && r.Ordinal > 0 {
				err = malformed(OperationFetch, "the dead letter holds more than one record")
			} else if err != nil {
				err = malformed(OperationFetch, "the dead letter is no record: %w", err)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// Close releases the record.
func (s *Single) Close() error {
	if s.decoder != nil {
		s.decoder.release()
		s.decoder = nil
	}
	return nil
}
