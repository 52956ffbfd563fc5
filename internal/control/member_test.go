package control

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/broker"
)

// member is one instance.
type member struct {
	*Group
	rig  *rig
	name string
	conn *broker.Conn
	stop context.CancelFunc
	done chan error
	wires
}

type change struct {
	config  func(*Config)
	handle  func(m *member) Handler
	run     func(ctx context.Context, s audit.Stream)
	streams func() []audit.Stream
	options func(*Options)
}

// wires are the connections of a member, which can all be cut.
type wires struct {
	mu   sync.Mutex // guards the following
	open map[net.Conn]bool
	dead bool
}

func (w *wires) through(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.dead {
			return nil, errors.Join(net.ErrClosed, c.Close())
		}
		w.open[c] = true
		return c, nil
	}
}

// kill cuts a member off: the broker hears nothing of it any more, not even that it leaves.
func (m *member) kill() {
	m.wires.mu.Lock()
	defer m.wires.mu.Unlock()
	m.wires.dead = true
	for c := range m.wires.open {
		_ = c.Close()
	}
}

// join starts an instance; it leaves when the test ends, or when leave is called.
func (r *rig) join(name string, ch change) *member {
	r.t.Helper()
	c := r.config
	if ch.config != nil {
		ch.config(&c)
	}
	m := &member{rig: r, name: name, done: make(chan error, 1), wires: wires{open: map[net.Conn]bool{}}}
	var err error
	if m.conn, err = broker.New(broker.Config{Brokers: r.conn.Brokers}, name); err != nil {
		r.t.Fatal(err)
	}
	m.conn.Transport.Dial, m.conn.Dialer.DialFunc = m.through(m.conn.Transport.Dial), m.through(m.conn.Dialer.DialFunc)
	streams := ch.streams
	if streams == nil {
		streams = func() []audit.Stream { return streamsOf(r.tenants...) }
	}
	handle := m.handle
	if ch.handle != nil {
		handle = ch.handle(m)
	}
	run := m.run
	if ch.run != nil {
		run = ch.run
	}
	o := Options{
		Conn: m.conn, Instance: name, Tenants: r.tenants, Streams: streams,
		Run: run, Handle: handle, Answers: r.answers, Told: r.tell, CreateTopics: true, Replication: 1,
		Log: slog.New(slog.NewJSONHandler(lockedWriter{r}, nil)).With("member", name),
	}
	if ch.options != nil {
		ch.options(&o)
	}
	m.Group, err = NewGroup(c, o)
	if err != nil {
		r.t.Fatal(err)
	}
	var ctx context.Context
	ctx, m.stop = context.WithCancel(context.Background())
	go func() { m.done <- m.Run(ctx) }()
	r.t.Cleanup(m.leave)
	return m
}

func (m *member) leave() {
	m.stop()
	select {
	case err := <-m.done:
		if err != nil {
			m.rig.t.Errorf("%s: Run = %v", m.name, err)
		}
		m.done <- nil
	case <-time.After(20 * time.Second):
		m.rig.t.Errorf("%s does not end", m.name)
	}
	m.conn.Close()
}

// run is a stream that ends at once when it has to, and notices if it runs twice.
func (m *member) run(ctx context.Context, s audit.Stream) {
	m.rig.runs1(s, m.name)
	<-ctx.Done()
	m.rig.mu.Lock()
	defer m.rig.mu.Unlock()
	delete(m.rig.runs, s.Key())
}

// handle does every command at once and says who did it.
func (m *member) handle(_ context.Context, c Command, emit func(Reply) error) error {
	return m.did(c, emit)
}

func (m *member) did(c Command, emit func(Reply) error) error {
	m.rig.mu.Lock()
	m.rig.effect[c.ID]++
	m.rig.mu.Unlock()
	return emit(Reply{HumanReadable: "done by " + m.name})
}
