package txn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/findcoordinator"

	"o365-kafka-connector/internal/broker"
)

// The kinds of coordinators, by Kafka's numbers.
const (
	ofGroup       = 0
	ofTransaction = 1
)

// coordinator remembers which broker coordinates a group or a transactional id. kafka-go would ask for it before each
// request, and would take an error for an answer.
type coordinator struct {
	conn    *broker.Conn
	kind    int8
	key     string
	timeout time.Duration // for each request
	node    int32         // -1: not known
}

// ask sends one request to the coordinator and returns the answer. A coordinator that gives none, or says that it is
// none, has to be forgotten by the caller.
func (c *coordinator) ask(ctx context.Context, request protocol.Message) (protocol.Message, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, errNoAnswer(c.timeout))
	defer cancel()
	if err := c.find(ctx); err != nil {
		return nil, err
	}
	res, err := c.conn.Transport.RoundTrip(ctx, c.conn.Addr, &directed{
		Message: request, node: c.node, clientID: c.conn.Transport.ClientID,
	})
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, &unheardError{err}
	}
	return res, nil
}

// find looks the coordinator up unless it is known.
func (c *coordinator) find(ctx context.Context) error {
	if c.node >= 0 {
		return nil
	}
	m, err := c.conn.Transport.RoundTrip(ctx, c.conn.Addr, &findcoordinator.Request{Key: c.key, KeyType: c.kind})
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("look up the coordinator: %w", err)
	}
	res, ok := m.(*findcoordinator.Response)
	if !ok {
		return fmt.Errorf("look up the coordinator: unexpected answer %T", m)
	}
	if res.ErrorCode != 0 {
		return fmt.Errorf("look up the coordinator: %w", kafka.Error(res.ErrorCode))
	}
	c.node = res.NodeID
	return nil
}

func (c *coordinator) forget() { c.node = -1 }

// unheardError means that a request was sent, perhaps, and not answered: it may take effect at any later time.
type unheardError struct{ err error }

// Error returns the cause.
func (e *unheardError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *unheardError) Unwrap() error { return e.err }

// exchanger is a request that writes itself in a version that kafka-go does not know.
type exchanger interface {
	exchange(rw io.ReadWriter, clientID string) (protocol.Message, error)
}

// directed sends a request to a broker by its id.
type directed struct {
	protocol.Message

	node     int32
	clientID string
	version  int16
	known    bool // the broker knows the request
}

// Broker routes the request.
func (d *directed) Broker(protocol.Cluster) (protocol.Broker, error) {
	return protocol.Broker{ID: d.node}, nil
}

// Required learns the version that was agreed on with the broker.
func (d *directed) Required(versions map[protocol.ApiKey]int16) bool {
	d.version, d.known = versions[d.ApiKey()]
	return true
}

// needed are the versions that this package counts on: those of Kafka 2.5, with which a producer may raise its own
// epoch (KIP-360) and a group's member of none may commit in a transaction (KIP-447).
var needed = map[protocol.ApiKey]int16{
	protocol.InitProducerId:  3,
	protocol.TxnOffsetCommit: 3,
}

// RawExchange sends the request and reads the answer.
func (d *directed) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if !d.known || d.version < needed[d.ApiKey()] {
		return nil, fmt.Errorf("%w: it does not answer %s", ErrUnsupported, d.ApiKey())
	}
	if x, ok := d.Message.(exchanger); ok {
		return x.exchange(rw, d.clientID)
	}
	if err := protocol.WriteRequest(rw, d.version, 0, d.clientID, d.Message); err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	id, res, err := protocol.ReadResponse(rw, d.ApiKey(), d.version)
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if id != 0 {
		return nil, errors.New("read the answer: it belongs to another request")
	}
	return res, nil
}
