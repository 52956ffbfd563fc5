package txn

import (
	"encoding/binary"
	"math"
	"time"
)

// Partition names one partition of a topic.
type Partition struct {
	Topic  string
	Number int32
}

// Record is one record to append to a batch. Nothing of it is kept.
type Record struct {
	Key     []byte // nil: no key
	Value   []byte // nil: a tombstone
	Headers *Headers
}

// Headers are the headers of a record, encoded as they travel.
type Headers struct {
	count int
	bytes []byte
}

// Add appends a header.
func (h *Headers) Add(name string, value []byte) {
	h.count++
	h.bytes = binary.AppendVarint(h.bytes, int64(len(name)))
	h.bytes = append(h.bytes, name...)
	h.bytes = appendBytes(h.bytes, value)
}

// Size returns the bytes that the headers take.
func (h *Headers) Size() int { return len(h.bytes) }

// Set makes the headers a copy of others.
func (h *Headers) Set(other *Headers) {
	h.count, h.bytes = other.count, append(h.bytes[:0], other.bytes...)
}

// Where things stand in a record batch of format 2, as KIP-98 lays it out.
// https://kafka.apache.org/documentation/#recordbatch
const (
	offLength     = 8
	offMagic      = 16
	offCRC        = 17
	offAttributes = 21
	offLastDelta  = 23
	offFirstTime  = 27
	offMaxTime    = 35
	offProducer   = 43
	offEpoch      = 51
	offSequence   = 53
	offCount      = 57
	headSize      = 61
)

// Batch is the record batch of one partition on its way to the broker.
type Batch struct {
	Partition Partition

	raw    []byte  // head, then the records without compression
	starts []int32 // of each record in raw
	wire   []byte  // what is sent: raw itself, or its compressed twin
	packed []byte  // room for the compressed twin

	session  session
	sequence int32
	offset   int64 // of the first record, once it is written; -1 if the broker did not tell
	stamped  bool
	lent     bool // a connection that was given up may still be reading wire
	doubt    bool // an attempt within this session may have written it
}

// NewBatch returns an empty batch whose records carry the time now.
func NewBatch(p Partition, now time.Time) *Batch { return NewSizedBatch(p, now, 0) }

// NewSizedBatch is NewBatch with room for so many bytes; the batch grows beyond if need be.
func NewSizedBatch(p Partition, now time.Time, size int) *Batch {
	b := spare.take(size + headSize)
	b.Partition = p
	b.raw = append(b.raw[:0], make([]byte, headSize)...)
	b.starts = b.starts[:0]
	b.wire, b.stamped, b.lent, b.doubt = nil, false, false, false
	millis := uint64(now.UnixMilli())
	binary.BigEndian.PutUint64(b.raw[offFirstTime:], millis)
	binary.BigEndian.PutUint64(b.raw[offMaxTime:], millis)
	return b
}

// Release gives the batch's memory back. The batch must not be used afterwards.
func (b *Batch) Release() {
	if !b.lent {
		spare.give(b)
	}
}

// Len returns the number of records.
func (b *Batch) Len() int { return len(b.starts) }

// Size returns the batch's bytes without compression.
func (b *Batch) Size() int { return len(b.raw) }

// End returns the offset after the last record, once the batch is written; -1 if the broker did not tell.
func (b *Batch) End() int64 {
	if b.offset < 0 {
		return -1
	}
	return b.offset + int64(b.Len())
}

// Append adds a record.
func (b *Batch) Append(r Record) {
	b.wire = nil
	delta := int64(len(b.starts))
	b.starts = append(b.starts, int32(len(b.raw)))
	out := binary.AppendVarint(b.raw, int64(varintLen(delta)+r.body()))
	out = append(out, 0, 0) // attributes, time delta
	out = binary.AppendVarint(out, delta)
	out = appendBytes(out, r.Key)
	out = appendBytes(out, r.Value)
	if r.Headers == nil {
		b.raw = append(out, 0)
		return
	}
	out = binary.AppendVarint(out, int64(r.Headers.count))
	b.raw = append(out, r.Headers.bytes...)
}

// Size returns the most bytes that the record takes in a batch, before compression.
func (r Record) Size() int { return 2*binary.MaxVarintLen32 + r.body() }

// body is the length of the record without length and offset delta.
func (r Record) body() int {
	size := 2 + bytesLen(r.Key) + bytesLen(r.Value) + 1
	if r.Headers != nil {
		size += varintLen(int64(r.Headers.count)) - 1 + len(r.Headers.bytes)
	}
	return size
}

// Slice returns a new batch with the records [from, to).
func (b *Batch) Slice(from, to int) *Batch {
	out := NewBatch(b.Partition, time.UnixMilli(int64(binary.BigEndian.Uint64(b.raw[offFirstTime:]))))
	for i := from; i < to; i++ {
		out.appendTail(b.tail(i))
	}
	return out
}

// tail returns what follows a record's offset delta.
func (b *Batch) tail(i int) []byte {
	rec := b.raw[b.starts[i]:]
	length, n := binary.Varint(rec)
	rec = rec[n : n+int(length)]
	_, n = binary.Varint(rec[2:])
	return rec[2+n:]
}

func (b *Batch) appendTail(tail []byte) {
	delta := int64(len(b.starts))
	b.starts = append(b.starts, int32(len(b.raw)))
	b.raw = binary.AppendVarint(b.raw, int64(2+varintLen(delta)+len(tail)))
	b.raw = append(b.raw, 0, 0)
	b.raw = binary.AppendVarint(b.raw, delta)
	b.raw = append(b.raw, tail...)
}

// Value returns the key and value of a record; they alias the batch.
func (b *Batch) Value(i int) (key, value []byte) {
	rest := b.tail(i)
	key, rest = takeBytes(rest)
	value, _ = takeBytes(rest)
	return key, value
}

// Header returns the first header of a record by that name; it aliases the batch.
func (b *Batch) Header(i int, name string) ([]byte, bool) {
	_, rest := takeBytes(b.tail(i))
	_, rest = takeBytes(rest)
	count, n := binary.Varint(rest)
	rest = rest[n:]
	for range count {
		var key, value []byte
		key, rest = takeBytes(rest)
		value, rest = takeBytes(rest)
		if string(key) == name {
			return value, true
		}
	}
	return nil, false
}

func takeBytes(b []byte) (value, rest []byte) {
	length, n := binary.Varint(b)
	if length < 0 {
		return nil, b[n:]
	}
	return b[n : n+int(length)], b[n+int(length):]
}

func appendBytes(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 1) // -1
	}
	dst = binary.AppendVarint(dst, int64(len(b)))
	return append(dst, b...)
}

func bytesLen(b []byte) int {
	if b == nil {
		return 1
	}
	return varintLen(int64(len(b))) + len(b)
}

func varintLen(v int64) int {
	n := 1
	for u := uint64(v<<1) ^ uint64(v>>63); u >= 0x80; u >>= 7 {
		n++
	}
	return n
}

// nextSequence follows a sequence by n records; sequences start again at 0 after the largest.
func nextSequence(s int32, n int) int32 { return int32((int64(s) + int64(n)) & math.MaxInt32) }
