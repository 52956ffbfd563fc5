package control

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"
)

// register is the Deployment of tests.
type register struct {
	mu     sync.Mutex // guards the following
	stored int
	faults int // that come first
}

func (d *register) BindPartitions(_ context.Context, n int) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.faults > 0 {
		d.faults--
		return 0, errors.New("the store is away")
	}
	if d.stored == 0 {
		d.stored = n
	}
	return d.stored, nil
}

func TestTheNumberOfPartitionsIsKept(t *testing.T) {
	onKafka(t, func(r *rig) {
		d := &register{faults: 2}
		a := r.join("a", change{options: func(o *Options) { o.Deployment = d }})
		r.until("a is in", 10*time.Second, func() bool { return a.Check(t.Context()) == nil })
		if d.stored != 12 || !has(r.log(), "cannot be compared yet", "the store is away") {
			r.t.Errorf("stored %d; log:\n%s", d.stored, r.log())
		}
		a.leave()
		// Another topic, with another number, changes nothing about where the streams' journal is.
		c := r.config
		c.Partitions, c.Topic = 5, c.Topic+".five"
		g, err := NewGroup(c, Options{Conn: r.conn, Instance: "b", Deployment: d, CreateTopics: true, Replication: 1, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			r.t.Fatal(err)
		}
		if err := g.Run(t.Context()); err == nil || !has(err.Error(), "control.partitions is 5", "began with 12", "set control.partitions: 12") {
			r.t.Errorf("Run = %v", err)
		}
	})
}

func TestWaitingForTheStoreEndsWithTheContext(t *testing.T) {
	r := newRig(t, embedded(t))
	d := &register{faults: 1000}
	a := r.join("a", change{options: func(o *Options) { o.Deployment = d }})
	r.until("the store is asked", 10*time.Second, func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.faults < 999
	})
	a.leave()
}
