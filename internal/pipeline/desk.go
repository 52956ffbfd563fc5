package pipeline

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
)

// How often operators are asked, and how long one question may take.
const (
	askEvery = 2 * time.Second
	askLimit = 5 * time.Second
	askFirst = 10 * time.Second // how long a take waits for the wish before it goes on without
)

// desk holds the newest wish of a stream's operators.
type desk struct {
	mu      sync.Mutex // guards the following
	wish    audit.Wish
	known   bool // it was read once
	changed chan struct{}
	watches map[*watch]bool
}

// watch is somebody who works as long as the wish allows it.
type watch struct {
	keep   func(audit.Wish) bool
	cancel context.CancelFunc
}

func newDesk() *desk { return &desk{changed: make(chan struct{}), watches: map[*watch]bool{}} }

// read returns the wish, and a channel that is closed when there is another one.
func (d *desk) read() (audit.Wish, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.wish, d.changed
}

// put takes over a wish that was read.
func (d *desk) put(wish audit.Wish) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known && reflect.DeepEqual(wish, d.wish) {
		return
	}
	d.wish, d.known = wish, true
	close(d.changed)
	d.changed = make(chan struct{})
	for w := range d.watches {
		if !w.keep(wish) {
			w.cancel()
		}
	}
}

// while returns a context that ends when the wish no longer satisfies. The caller calls end when it is done.
func (d *desk) while(ctx context.Context, keep func(audit.Wish) bool) (phase context.Context, end func()) {
	phase, cancel := context.WithCancel(ctx)
	w := &watch{keep: keep, cancel: cancel}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watches[w] = true
	if !keep(d.wish) {
		cancel()
	}
	return phase, func() {
		cancel()
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.watches, w)
	}
}

// ask reads the wish once. What cannot be read leaves the last one as it is.
func (w *run) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	wish, err := w.Operator.Wish(ctx, w.Stream)
	if err != nil {
		return fmt.Errorf("read wish: %w", err)
	}
	w.report.OK(PartWish)
	w.desk.put(wish)
	if w.brake.heed(wish) {
		w.report.OK(PartBlobs)
		w.report.log.Warn("an operator has the stream go on: blobs that cannot be read become dead letters", "by", wish.By)
	}
	return nil
}

// listen reads the wish for the first time. A wish that cannot be read must not keep the stream from its work for good:
// after a while it goes on with the state that it obeyed last.
func (w *run) listen(ctx context.Context) error {
	if w.Operator == nil {
		return nil
	}
	delay := newBackOff(100*time.Millisecond, time.Second)
	for began := time.Now(); ; {
		err := w.ask(ctx)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		w.report.Fault(PartWish, audit.AsFault(err, audit.CauseCheckpoint))
		if time.Since(began) > askFirst {
			return nil
		}
		if err := pause(ctx, delay.NextBackOff()); err != nil {
			return err
		}
	}
}

// watchWish reads the wish again and again until the context ends.
func (w *run) watchWish(ctx context.Context) {
	for pause(ctx, min(askEvery, w.PollInterval)) == nil {
		if err := w.ask(ctx); err != nil && ctx.Err() == nil {
			w.report.Fault(PartWish, audit.AsFault(err, audit.CauseCheckpoint))
		}
	}
}
