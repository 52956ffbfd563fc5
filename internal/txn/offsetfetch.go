package txn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/protocol"
)

// stableVersion is the first OffsetFetch request that may wait for what a transaction is about to commit (KIP-447).
// kafka-go knows older ones only.
const stableVersion = 7

// maxOffsetAnswer bounds the answer to a question about one offset.
const maxOffsetAnswer = 1 << 20

// offsetRequest asks for the offset that a group has committed for one partition. While a transaction that changes it
// is being completed the answer is kafka.UnstableOffsetCommit, never the older offset.
type offsetRequest struct {
	group string
	at    Partition
}

type offsetAnswer struct {
	offset   int64 // -1: none
	metadata string
	code     int16
}

// ApiKey is Kafka's number of the request.
func (r *offsetRequest) ApiKey() protocol.ApiKey { return protocol.OffsetFetch }

// ApiKey is Kafka's number of the request.
func (a *offsetAnswer) ApiKey() protocol.ApiKey { return protocol.OffsetFetch }

func (r *offsetRequest) exchange(rw io.ReadWriter, clientID string) (protocol.Message, error) {
	if _, err := rw.Write(r.encode(clientID)); err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	var size [4]byte
	if _, err := io.ReadFull(rw, size[:]); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	length := binary.BigEndian.Uint32(size[:])
	if length > maxOffsetAnswer {
		return nil, fmt.Errorf("read the answer: its length of %d bytes cannot be", length)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(rw, body); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return decodeOffset(body)
}

func (r *offsetRequest) encode(clientID string) []byte {
	b := make([]byte, 4, 64)
	b = binary.BigEndian.AppendUint16(b, uint16(protocol.OffsetFetch))
	b = binary.BigEndian.AppendUint16(b, stableVersion)
	b = binary.BigEndian.AppendUint32(b, 0) // correlation id: one request at a time on a connection
	b = appendString(b, clientID)
	b = append(b, 0) // tags
	b = appendCompact(b, r.group)
	b = append(b, 2) // one topic
	b = appendCompact(b, r.at.Topic)
	b = append(b, 2) // one partition
	b = binary.BigEndian.AppendUint32(b, uint32(r.at.Number))
	b = append(b, 0, 1, 0) // tags, require stable, tags
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

func appendCompact(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))+1), s...)
}

var errCutAnswer = errors.New("read the answer: it ends too early")

// decodeOffset reads the one partition out of an answer, from the correlation id on.
func decodeOffset(b []byte) (*offsetAnswer, error) {
	d := flexible{rest: b}
	d.take(4) // correlation id
	d.tags()
	d.take(4) // throttle time
	out := &offsetAnswer{offset: -1}
	found := false
	for range d.count() {
		d.compact() // topic
		for range d.count() {
			d.take(4) // partition
			out.offset = int64(d.uint64())
			d.take(4) // leader epoch
			out.metadata = string(d.compact())
			out.code = int16(d.uint16())
			d.tags()
			found = true
		}
		d.tags()
	}
	if code := int16(d.uint16()); code != 0 {
		out.code = code
	}
	d.tags()
	if d.cut {
		return nil, errCutAnswer
	}
	if !found && out.code == 0 {
		return nil, errors.New("read the answer: it leaves the partition out")
	}
	return out, nil
}

// flexible reads the encoding of KIP-482. After the first read beyond the end all values are zero.
type flexible struct {
	rest []byte
	cut  bool
}

func (d *flexible) take(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.cut, d.rest = true, nil
		return nil
	}
	out := d.rest[:n]
	d.rest = d.rest[n:]
	return out
}

func (d *flexible) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.cut, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *flexible) uint16() uint16 {
	if b := d.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (d *flexible) uint64() uint64 {
	if b := d.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// count is the length of an array; each element takes at least a byte.
func (d *flexible) count() uint64 {
	n := d.uvarint()
	if n == 0 { // null
		return 0
	}
	if n-1 > uint64(len(d.rest)) {
		d.cut, d.rest = true, nil
		return 0
	}
	return n - 1
}

// compact is a string or bytes; null is empty.
func (d *flexible) compact() []byte {
	n := d.uvarint()
	if n == 0 {
		return nil
	}
	return d.take(n - 1)
}

func (d *flexible) tags() {
	for range d.count() {
		d.uvarint()
		d.take(d.uvarint())
	}
}
