package audit

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"
)

// chunkSize is how much memory a batch takes at a time.
const chunkSize = 64 << 10

var chunkPool = sync.Pool{New: func() any { c := make([]byte, 0, chunkSize); return &c }}

// File is where a batch puts what does not fit in memory.
type File interface {
	io.Writer
	io.ReaderAt
	io.Closer
}

// Batch holds the events of one blob, in the order of its records. It keeps them in memory up to a limit and in a
// temporary file above it. One goroutine at a time may use it.
type Batch struct {
	Stream  Stream
	Blob    Blob
	Headers []Header  // shared by all events
	Oldest  time.Time // CreationTime of the oldest record that has one
	Newest  time.Time // and of the newest
	Several bool      // a record may have other events, here or in another batch: what is refused is told apart by its topic and format, too

	// Of a single record that was a dead letter before: how often it was tried, and since when.
	Attempts    int
	FirstFailed time.Time

	dropped set // ordinals of records that are left out

	limit   int64
	spill   func() (File, error)
	count   int // of events that are not left out
	total   int // of all
	records int
	last    int // ordinal of the last event's record
	size    int64
	chunks  []*[]byte // each event stands in one chunk as a whole
	file    File
	out     *bufio.Writer
	frame   []byte
}

// NewBatch returns an empty batch of a blob. Up to limit bytes stay in memory; for more, spill supplies an empty file
// that the batch closes when it is released.
func NewBatch(stream Stream, blob Blob, limit int64, spill func() (File, error)) *Batch {
	return &Batch{Stream: stream, Blob: blob, limit: limit, spill: spill}
}

// Len returns the number of events that are not left out.
func (b *Batch) Len() int { return b.count }

// Records returns the number of records that have events and are not left out.
func (b *Batch) Records() int { return b.records }

// Size returns the bytes that the events take, keys and headers included.
func (b *Batch) Size() int64 { return b.size }

// Spilled reports whether the events stand in a temporary file.
func (b *Batch) Spilled() bool { return b.file != nil }

// Note takes account of a record's time of creation; zero is none.
func (b *Batch) Note(created time.Time) {
	if created.IsZero() {
		return
	}
	if b.Oldest.IsZero() || created.Before(b.Oldest) {
		b.Oldest = created
	}
	if created.After(b.Newest) {
		b.Newest = created
	}
}

// Append copies an event to the end of the batch. The events of a record come one after the other.
func (b *Batch) Append(e Event) error {
	b.frame = appendFrame(b.frame[:0], e)
	var prefix [binary.MaxVarintLen64]byte
	length := len(b.frame) + len(e.Value)
	head := binary.PutUvarint(prefix[:], uint64(length))
	need := int64(head + length)
	if b.file == nil && b.size+need > b.limit {
		if err := b.toFile(); err != nil {
			return err
		}
	}
	if b.count == 0 || e.Ordinal != b.last {
		b.records++
	}
	b.last = e.Ordinal
	b.count++
	b.total++
	b.size += need
	if b.file != nil {
		return b.write(prefix[:head], b.frame, e.Value)
	}
	chunk := b.room(int(need))
	*chunk = append(*chunk, prefix[:head]...)
	*chunk = append(*chunk, b.frame...)
	*chunk = append(*chunk, e.Value...)
	return nil
}

// room returns a chunk with n bytes to spare.
func (b *Batch) room(n int) *[]byte {
	if len(b.chunks) > 0 {
		if last := b.chunks[len(b.chunks)-1]; cap(*last)-len(*last) >= n {
			return last
		}
	}
	var chunk *[]byte
	if n > chunkSize {
		big := make([]byte, 0, n)
		chunk = &big
	} else {
		chunk = chunkPool.Get().(*[]byte)
		*chunk = (*chunk)[:0]
	}
	b.chunks = append(b.chunks, chunk)
	return chunk
}

func (b *Batch) toFile() error {
	file, err := b.spill()
	if err != nil {
		return err
	}
	b.file, b.out = file, bufio.NewWriterSize(file, 64<<10)
	for _, c := range b.chunks {
		if err := b.write(*c); err != nil {
			return err
		}
	}
	b.freeChunks()
	return nil
}

func (b *Batch) write(parts ...[]byte) error {
	for _, p := range parts {
		if _, err := b.out.Write(p); err != nil {
			return AsFault(fmt.Errorf("write temporary file: %w", err), CauseSpool)
		}
	}
	return nil
}

// Seal ends appending. It must be called before Events.
func (b *Batch) Seal() error {
	if b.out == nil {
		return nil
	}
	if err := b.out.Flush(); err != nil {
		return AsFault(fmt.Errorf("write temporary file: %w", err), CauseSpool)
	}
	b.out = nil
	return nil
}

// Drop leaves out the events of a record from now on. The caller tells how many there are.
func (b *Batch) Drop(ordinal, events int) {
	b.dropped.add(ordinal)
	b.count -= events
	b.records--
}

// Events yields the events from the first to the last, as often as it is called. An event's slices are valid until
// the next one.
func (b *Batch) Events() iter.Seq2[Event, error] {
	if len(b.dropped) == 0 {
		return b.all()
	}
	return func(yield func(Event, error) bool) {
		for e, err := range b.all() {
			if err == nil && b.dropped.has(e.Ordinal) {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func (b *Batch) all() iter.Seq2[Event, error] {
	if b.file != nil {
		return b.fromFile()
	}
	return func(yield func(Event, error) bool) {
		var p frameParser
		for _, c := range b.chunks {
			for rest := *c; len(rest) > 0; {
				length, head := binary.Uvarint(rest)
				rest = rest[head:]
				e, err := p.parse(rest[:length])
				rest = rest[length:]
				if !yield(e, err) || err != nil {
					return
				}
			}
		}
	}
}

func (b *Batch) fromFile() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		var p frameParser
		var buf []byte
		in := bufio.NewReaderSize(io.NewSectionReader(b.file, 0, b.size), 64<<10)
		for range b.total {
			e, err := p.read(in, &buf, b.size)
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Release gives memory and file back. The batch must not be used afterwards.
func (b *Batch) Release() error {
	b.freeChunks()
	if b.file == nil {
		return nil
	}
	file := b.file
	b.file, b.out = nil, nil
	if err := file.Close(); err != nil {
		return fmt.Errorf("close temporary file: %w", err)
	}
	return nil
}

func (b *Batch) freeChunks() {
	for _, c := range b.chunks {
		if cap(*c) == chunkSize {
			chunkPool.Put(c)
		}
	}
	b.chunks = nil
}
