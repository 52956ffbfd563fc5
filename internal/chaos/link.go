package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Weather is how a link treats its connections.
type Weather struct {
	Delay time.Duration // of everything that is passed on, in both directions
	Rate  int           // bytes per second and direction; 0: no bound
	Down  bool          // connections are reset, new ones at once
	Hold  bool          // nothing that clients send arrives; connections stay open
	Mute  bool          // nothing that the server answers arrives; connections stay open
}

// Link is a TCP proxy between clients and a server.
type Link struct {
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex // guards the following
	target  string
	weather Weather
	changed chan struct{} // closed when the weather changes
	open    map[net.Conn]bool
	closed  bool
}

// NewLink listens on a free port of 127.0.0.1. Until Lead, connections are reset. The caller closes it.
func NewLink() (*Link, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // answers at once
	if err != nil {
		return nil, fmt.Errorf("listen for a link: %w", err)
	}
	k := &Link{listener: l, weather: Weather{Down: true}, changed: make(chan struct{}), open: map[net.Conn]bool{}}
	k.running.Go(k.accept)
	return k, nil
}

// Addr is where clients connect to.
func (k *Link) Addr() string { return k.listener.Addr().String() }

// Lead connects the link to its server, in fair weather.
func (k *Link) Lead(target string) {
	k.mu.Lock()
	k.target = target
	k.mu.Unlock()
	k.Set(Weather{})
}

// Set changes the weather, also for connections that are open. What was held is passed on if the new weather lets it.
func (k *Link) Set(w Weather) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.weather = w
	close(k.changed)
	k.changed = make(chan struct{})
	if w.Down {
		k.resetAll()
	}
}

// Reset breaks all connections; what they held is lost.
func (k *Link) Reset() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.resetAll()
}

func (k *Link) resetAll() {
	for c := range k.open {
		reset(c)
	}
}

// Close ends the link and waits for its goroutines.
func (k *Link) Close() error {
	k.mu.Lock()
	k.closed = true
	k.resetAll()
	close(k.changed)
	k.changed = make(chan struct{})
	k.mu.Unlock()
	err := k.listener.Close()
	k.running.Wait()
	return err
}

func (k *Link) accept() {
	for {
		c, err := k.listener.Accept()
		if err != nil {
			return
		}
		k.running.Go(func() { k.serve(c) })
	}
}

// serve passes bytes between a client and the server until one of them ends.
func (k *Link) serve(client net.Conn) {
	if !k.add(client) {
		reset(client)
		return
	}
	defer k.remove(client)
	k.mu.Lock()
	target := k.target
	k.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", target)
	cancel()
	if err != nil || !k.add(server) {
		reset(client)
		if err == nil {
			reset(server)
		}
		return
	}
	defer k.remove(server)
	var both sync.WaitGroup
	both.Go(func() { k.pump(server, client, false) })
	both.Go(func() { k.pump(client, server, true) })
	both.Wait()
}

func (k *Link) add(c net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed || k.weather.Down {
		return false
	}
	k.open[c] = true
	return true
}

func (k *Link) remove(c net.Conn) {
	k.mu.Lock()
	delete(k.open, c)
	k.mu.Unlock()
	_ = c.Close()
}

// pump copies until an end, and tells the other side of it in the same way.
func (k *Link) pump(to, from net.Conn, answers bool) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && k.pass(n, answers) {
			_, werr := to.Write(buffer[:n])
			err = errors.Join(err, werr)
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			_ = to.Close()
			return
		default:
			reset(to)
			reset(from)
			return
		}
	}
}

// pass waits until n bytes may go on. False: the link is closed.
func (k *Link) pass(n int, answers bool) bool {
	delayed := false
	for {
		k.mu.Lock()
		w, changed, closed := k.weather, k.changed, k.closed
		k.mu.Unlock()
		d := w.Delay
		if w.Rate > 0 {
			d += time.Duration(n) * time.Second / time.Duration(w.Rate)
		}
		switch {
		case closed || w.Down:
			return false
		case answers && w.Mute, !answers && w.Hold:
			<-changed
		case d > 0 && !delayed:
			delayed = true
			t := time.NewTimer(d)
			select {
			case <-t.C:
			case <-changed:
			}
			t.Stop()
		default:
			return true
		}
	}
}

// reset closes a connection so that the other end sees it broken, not ended.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}
