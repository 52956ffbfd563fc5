package txn

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/segmentio/kafka-go/protocol"
)

// fate is what becomes of a request on the wire.
type fate int

const (
	pass  fate = iota
	cut        // the broker never sees it, the connection breaks
	deaf       // the broker handles it, but the connection breaks before the answer
	mute       // the broker handles it, but the answer never comes
	delay      // as cut, but the broker gets it when release is called
)

// wire is a network between a client and its brokers that knows requests apart.
type wire struct {
	t *testing.T

	mu   sync.Mutex // guards the following
	plan func(protocol.ApiKey) fate
	seen []protocol.ApiKey
	late []lateRequest
}

type lateRequest struct {
	to    string
	frame []byte
}

// follow sets what is to become of requests from now on; nil: they pass.
func (w *wire) follow(plan func(protocol.ApiKey) fate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.plan, w.seen = plan, nil
}

// once gives the next request of a kind its fate.
func once(key protocol.ApiKey, f fate) func(protocol.ApiKey) fate {
	done := false
	return func(k protocol.ApiKey) fate {
		if k != key || done {
			return pass
		}
		done = true
		return f
	}
}

// count returns how many requests of a kind there were since follow.
func (w *wire) count(key protocol.ApiKey) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.seen {
		if k == key {
			n++
		}
	}
	return n
}

// sent returns the requests of a transaction since follow.
func (w *wire) sent() (keys []protocol.ApiKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.seen {
		if slices.Contains(inTransaction, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

func (w *wire) decide(frame []byte, to string) fate {
	key := protocol.ApiKey(binary.BigEndian.Uint16(frame[4:]))
	w.mu.Lock()
	w.seen = append(w.seen, key)
	plan := w.plan
	w.mu.Unlock()
	if plan == nil {
		return pass
	}
	f := plan(key)
	if f == delay {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.late = append(w.late, lateRequest{to: to, frame: frame})
	}
	return f
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	far, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	near, client := net.Pipe()
	go w.serve(near, far, address)
	return client, nil
}

func (w *wire) serve(near, far net.Conn, address string) {
	defer near.Close()
	defer far.Close()
	for {
		request, err := readFrame(near)
		if err != nil {
			return
		}
		f := w.decide(request, address)
		if f == cut || f == delay {
			return
		}
		if _, err := far.Write(request); err != nil {
			return
		}
		answer, err := readFrame(far)
		if err != nil || f == deaf {
			return
		}
		if f == mute {
			continue
		}
		if _, err := near.Write(answer); err != nil {
			return
		}
	}
}

// release lets the brokers have the requests that were delayed, and waits for their answers.
func (w *wire) release(ctx context.Context) error {
	w.mu.Lock()
	late := w.late
	w.late = nil
	w.mu.Unlock()
	for _, r := range late {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.to)
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := conn.Write(r.frame); err != nil {
			return err
		}
		if _, err := readFrame(conn); err != nil {
			return err
		}
	}
	if len(late) == 0 {
		return fmt.Errorf("no request was delayed")
	}
	return nil
}

func readFrame(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, 4+binary.BigEndian.Uint32(size[:]))
	copy(frame, size[:])
	_, err := io.ReadFull(r, frame[4:])
	return frame, err
}
