package pipeline

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

// hangs are the calls that hang until their context ends.
type hangs struct{ release, publish, list, fetch, unsubscribe, line, apply bool }

// hanging is a world with calls that hang.
type hanging struct {
	*world

	now atomic.Pointer[hangs]
}

func hang(ctx context.Context, on bool) error {
	if !on {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (h *hanging) List(ctx context.Context, s audit.Stream, w audit.Window) iter.Seq2[audit.Blob, error] {
	if err := hang(ctx, h.now.Load().list); err != nil {
		return func(yield func(audit.Blob, error) bool) { yield(audit.Blob{}, err) }
	}
	return h.world.List(ctx, s, w)
}

func (h *hanging) Fetch(ctx context.Context, s audit.Stream, b audit.Blob) (Content, error) {
	if err := hang(ctx, h.now.Load().fetch); err != nil {
		return nil, err
	}
	return h.world.Fetch(ctx, s, b)
}

func (h *hanging) Unsubscribe(ctx context.Context, s audit.Stream) error {
	if err := hang(ctx, h.now.Load().unsubscribe); err != nil {
		return err
	}
	return h.world.Unsubscribe(ctx, s)
}

type hangingSink struct {
	fakeSink
	*hanging
}

func (s hangingSink) Open(context.Context, audit.Stream, int64) (Publisher, error) { return s, nil }

func (s hangingSink) Publish(ctx context.Context, c audit.Commit) (audit.Receipt, error) {
	if err := hang(ctx, s.now.Load().publish); err != nil {
		return audit.Receipt{}, err
	}
	return s.fakeSink.Publish(ctx, c)
}

func (s hangingSink) Close() error { return nil }

type hangingStore struct{ *hanging }

func (s hangingStore) Acquire(ctx context.Context, stream audit.Stream) (Handle, error) {
	h, err := fakeStore{s.world}.Acquire(ctx, stream)
	return hangingHandle{h, s.hanging}, err
}

type hangingHandle struct {
	Handle
	*hanging
}

func (h hangingHandle) Apply(ctx context.Context, e audit.Entry, position int64) error {
	if err := hang(ctx, h.now.Load().apply); err != nil {
		return err
	}
	return h.Handle.Apply(ctx, e, position)
}

func (h hangingHandle) Release(ctx context.Context) error {
	if err := hang(ctx, h.now.Load().release); err != nil {
		return err
	}
	return h.Handle.Release(ctx)
}

type hangingOperator struct {
	fakeOperator
	*hanging
}

func (o hangingOperator) PutStatus(ctx context.Context, s audit.Stream, status audit.StreamStatus, ttl time.Duration) error {
	if err := hang(ctx, o.now.Load().line); err != nil {
		return err
	}
	return o.fakeOperator.PutStatus(ctx, s, status, ttl)
}

// TestEndKeepsTheDrainTime ends a stream while services hang: it has returned when another owner may begin.
func TestEndKeepsTheDrainTime(t *testing.T) {
	const drain = 2 * time.Second
	for name, c := range map[string]struct {
		on   hangs
		wish audit.DesiredState
	}{
		"nothing":     {hangs{}, audit.Running},
		"release":     {hangs{release: true}, audit.Running},
		"publish":     {hangs{publish: true}, audit.Running},
		"list":        {hangs{list: true}, audit.Running},
		"fetch":       {hangs{fetch: true}, audit.Running},
		"apply":       {hangs{apply: true}, audit.Running},
		"line":        {hangs{line: true}, audit.Running},
		"everything":  {hangs{true, true, true, true, true, true, true}, audit.Running},
		"unsubscribe": {hangs{unsubscribe: true}, audit.Stopped},
		"stop, fetch": {hangs{fetch: true, release: true}, audit.Stopped},
		"stop, all":   {hangs{true, true, true, true, true, true, true}, audit.Stopped},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.switchable = true
				h := &hanging{world: w}
				h.now.Store(&hangs{})
				r, s := w.runner(), w.settings()
				r.Drain, s.Source = drain, h
				r.Sink, r.Checkpoints = hangingSink{fakeSink{w}, h}, hangingStore{h}
				r.Operator = hangingOperator{fakeOperator{w}, h}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					r.Supervise(ctx, s)
				}()
				time.Sleep(time.Minute)
				for i := range 20 {
					w.add(fmt.Sprint(i), time.Now(), fmt.Sprint(i))
				}
				h.now.Store(&c.on)
				w.ask(c.wish)
				time.Sleep(31 * time.Second)
				cancel()
				began := time.Now()
				<-ended
				if took := time.Since(began); took > drain+100*time.Millisecond {
					t.Errorf("it took %s", took)
				}
				if name == "nothing" && (!slices.Contains(w.told(), "released") || w.lines != nil) {
					t.Errorf("told %v, lines %v", w.told(), w.lines)
				}
			})
		})
	}
}

// TestStopUnderLoadLeavesNothingUnread has 20 blobs a second become available while the stream is stopped.
func TestStopUnderLoadLeavesNothingUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.switchable = true
		began := time.Now()
		for i := range 20 * 300 {
			w.add(fmt.Sprint(i), began.Add(time.Duration(i)*50*time.Millisecond), fmt.Sprint(i))
		}
		slowly := func(audit.Window) error {
			time.Sleep(30 * time.Millisecond)
			return nil
		}
		w.onList, w.onListed = slowly, slowly
		w.onFetch = func(audit.Blob) error {
			time.Sleep(80 * time.Millisecond)
			return nil
		}
		_, end := w.begin(t)
		time.Sleep(100*time.Second + 123*time.Millisecond)
		w.ask(audit.Stopped)
		for w.stored().Desired.State != audit.Stopped {
			time.Sleep(time.Second)
		}
		end()
		if r := w.repeated(); len(r) > 0 || len(w.stops) != 1 || len(w.letters) > 0 {
			t.Fatalf("repeated %v, stops %v, letters %v", r, w.stops, w.letters)
		}
		unread := 0
		for _, b := range w.blobs {
			if b.Created.Before(w.stops[0]) && w.delivered[b.ID] == 0 {
				unread++
				if b.Created.Before(w.stored().Desired.Since) {
					t.Errorf("%s is neither delivered nor in the gap", b.ID)
				}
			}
		}
		// What comes while the last pass is fetched: less than a second's.
		if took := w.stops[0].Sub(began); unread > 10 || took > 120*time.Second {
			t.Errorf("%d blobs were available and are unread; stopped after %s", unread, took)
		}
	})
}
