package control

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// cutter knows the open connections of Kafka's group client, which cannot be told to break off a request: while others
// are waited for, joining takes as long as a session.
type cutter struct {
	mu   sync.Mutex // guards the following
	open map[*cuttable]bool
}

type cuttable struct {
	net.Conn
	of *cutter
}

// Close also forgets the connection.
func (l *cuttable) Close() error {
	l.of.mu.Lock()
	delete(l.of.open, l)
	l.of.mu.Unlock()
	return l.Conn.Close()
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// through returns a dial function whose connections can be cut.
func (l *cutter) through(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.open == nil {
			l.open = map[*cuttable]bool{}
		}
		c := &cuttable{conn, l}
		l.open[c] = true
		return c, nil
	}
}

// cut closes what is open now.
func (l *cutter) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		_ = c.Conn.Close()
	}
}

// closeGrace is how long the group client may take to leave.
const closeGrace = 2 * time.Second

// leaveGroup ends the membership. Where the client cannot leave because it waits for an answer, its connection is cut
// and the member that it would leave behind is taken out.
func (g *Group) leaveGroup(ctx context.Context, member *kafka.ConsumerGroup) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = member.Close() // never returns an error
	}()
	timer := time.NewTimer(g.config.Drain() + closeGrace)
	defer timer.Stop()
	select {
	case <-done:
		return
	case <-timer.C:
	}
	g.cutter.cut()
	<-done
	g.forgotten.Store(true)
	g.leaveOwn(context.WithoutCancel(ctx))
}
