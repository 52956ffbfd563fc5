package control

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/broker"
)

// A broker that is away is not asked for predecessors again and again.
func TestPredecessorsAreAskedForSlowly(t *testing.T) {
	t.Parallel()
	conn, err := broker.New(broker.Config{Brokers: []string{"127.0.0.1:1"}}, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var dials atomic.Int32
	conn.Transport.Dial = func(context.Context, string, string) (net.Conn, error) {
		dials.Add(1)
		return nil, errors.New("connection refused")
	}
	var c Config
	c.SetDefaults()
	g, err := NewGroup(c, Options{Conn: conn, Instance: "a", Streams: func() []audit.Stream { return nil }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	g.leavePredecessor(ctx)
	if n := dials.Load(); n == 0 || n > 12 {
		t.Errorf("%d connections were tried in 3 s", n)
	}
}
