package audit

import (
	"encoding/binary"
	"iter"
)

// Place is where an event stands in a batch that is in memory as a whole.
type Place struct{ chunk, start, end int32 }

// Size returns the bytes that the event takes in its batch.
func (p Place) Size() int { return int(p.end - p.start) }

// Reader reads single events of batches that are in memory. One goroutine at a time may use it.
type Reader struct{ parser frameParser }

// Places yields where the events of a batch stand that are not left out, from the first to the last, each with its topic, key and ordinal
// and without headers and value. The batch must not have spilled.
func (r *Reader) Places(b *Batch) iter.Seq2[Place, Event] {
	return func(yield func(Place, Event) bool) {
		for i, c := range b.chunks {
			for at := 0; at < len(*c); {
				length, head := binary.Uvarint((*c)[at:])
				start := at + head
				at = start + int(length)
				e := r.parser.head((*c)[start:at])
				if b.dropped.has(e.Ordinal) {
					continue
				}
				if !yield(Place{chunk: int32(i), start: int32(start), end: int32(at)}, e) {
					return
				}
			}
		}
	}
}

// At returns the event at a place of the batch. Its headers are valid until the next call.
func (r *Reader) At(b *Batch, p Place) (Event, error) {
	return r.parser.parse((*b.chunks[p.chunk])[p.start:p.end])
}
