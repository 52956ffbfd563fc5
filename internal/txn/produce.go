package txn

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/produce"
)

// firstVersion is the first Produce request that carries record batches of format 2.
const firstVersion = 3

// produceRequest is a Produce request to one leader. It writes itself to the connection, batches first-hand: the
// library would copy each of them once more.
type produceRequest struct {
	leader      int32
	clientID    string
	transaction string // transactional id; empty: none
	timeout     int32  // milliseconds that the broker waits for its replicas
	topics      []topicBatches
	version     int16
}

type topicBatches struct {
	name    string
	batches []*Batch
}

// ApiKey is Kafka's number of the request.
func (r *produceRequest) ApiKey() protocol.ApiKey { return protocol.Produce }

// Broker routes the request: our view of the leaders is newer than the transport's.
func (r *produceRequest) Broker(protocol.Cluster) (protocol.Broker, error) {
	return protocol.Broker{ID: r.leader}, nil
}

// Required learns the version that was agreed on with the broker.
func (r *produceRequest) Required(versions map[protocol.ApiKey]int16) bool {
	r.version = versions[protocol.Produce]
	return true
}

func (r *produceRequest) add(b *Batch) {
	for i := range r.topics {
		if r.topics[i].name == b.Partition.Topic {
			r.topics[i].batches = append(r.topics[i].batches, b)
			return
		}
	}
	r.topics = append(r.topics, topicBatches{name: b.Partition.Topic, batches: []*Batch{b}})
}

var writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 32<<10) }}

// RawExchange sends the request and reads the answer.
func (r *produceRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if r.version < firstVersion {
		return nil, fmt.Errorf("produce: the broker knows requests up to version %d only: Kafka 0.11 or newer is needed", r.version)
	}
	if err := r.write(rw); err != nil {
		return nil, fmt.Errorf("produce: %w", err)
	}
	id, res, err := protocol.ReadResponse(rw, protocol.Produce, r.version)
	if err != nil {
		return nil, fmt.Errorf("read the answer to produce: %w", err)
	}
	if id != 0 {
		return nil, errors.New("read the answer to produce: it belongs to another request")
	}
	if _, ok := res.(*produce.Response); !ok {
		return nil, fmt.Errorf("read the answer to produce: unexpected %T", res)
	}
	return res, nil
}

func (r *produceRequest) write(rw io.Writer) error {
	w := writers.Get().(*bufio.Writer)
	w.Reset(rw)
	defer func() { w.Reset(nil); writers.Put(w) }()
	head := r.head()
	size := len(head)
	for _, t := range r.topics {
		size += 2 + len(t.name) + 4
		for _, b := range t.batches {
			size += 8 + len(b.wire)
		}
	}
	var buf []byte
	buf = binary.BigEndian.AppendUint32(buf, uint32(size))
	if _, err := w.Write(append(buf, head...)); err != nil {
		return err
	}
	for _, t := range r.topics {
		buf = binary.BigEndian.AppendUint32(appendString(buf[:0], t.name), uint32(len(t.batches)))
		for _, b := range t.batches {
			buf = binary.BigEndian.AppendUint32(buf, uint32(b.Partition.Number))
			buf = binary.BigEndian.AppendUint32(buf, uint32(len(b.wire)))
			if _, err := w.Write(buf); err != nil {
				return err
			}
			if _, err := w.Write(b.wire); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	return w.Flush()
}

// head is the request's header and what stands before its topics.
func (r *produceRequest) head() []byte {
	var h []byte
	h = binary.BigEndian.AppendUint16(h, uint16(protocol.Produce))
	h = binary.BigEndian.AppendUint16(h, uint16(r.version))
	h = binary.BigEndian.AppendUint32(h, 0) // correlation id: one request at a time on a connection
	h = appendString(h, r.clientID)
	if r.transaction != "" {
		h = appendString(h, r.transaction)
	} else {
		h = append(h, 0xff, 0xff)
	}
	h = append(h, 0xff, 0xff) // acknowledged by all replicas in sync
	h = binary.BigEndian.AppendUint32(h, uint32(r.timeout))
	return binary.BigEndian.AppendUint32(h, uint32(len(r.topics)))
}

func appendString(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...)
}
