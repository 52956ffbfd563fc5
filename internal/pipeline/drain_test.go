package pipeline

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

// hanging is a world where calls hang until their context ends.
type hanging struct {
	*world

	release, publish, list, fetch, unsubscribe, line, apply bool
}

func hang(ctx context.Context, on bool) error {
	if !on {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (h *hanging) List(ctx context.Context, s audit.Stream, w audit.Window) iter.Seq2[audit.Blob, error] {
	if err := hang(ctx, h.list); err != nil {
		return func(yield func(audit.Blob, error) bool) { yield(audit.Blob{}, err) }
	}
	return h.world.List(ctx, s, w)
}

func (h *hanging) Fetch(ctx context.Context, s audit.Stream, b audit.Blob) (Content, error) {
	if err := hang(ctx, h.fetch); err != nil {
		return nil, err
	}
	return h.world.Fetch(ctx, s, b)
}

func (h *hanging) Unsubscribe(ctx context.Context, s audit.Stream) error {
	if err := hang(ctx, h.unsubscribe); err != nil {
		return err
	}
	return h.world.Unsubscribe(ctx, s)
}

type hangingSink struct {
	fakeSink
	*hanging
}

func (s hangingSink) Open(context.Context, audit.Stream) (Publisher, error) { return s, nil }

func (s hangingSink) Publish(ctx context.Context, c audit.Commit) (audit.Receipt, error) {
	if err := hang(ctx, s.publish); err != nil {
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
	if err := hang(ctx, h.apply); err != nil {
		return err
	}
	return h.Handle.Apply(ctx, e, position)
}

func (h hangingHandle) Release(ctx context.Context) error {
	if err := hang(ctx, h.release); err != nil {
		return err
	}
	return h.Handle.Release(ctx)
}

type hangingOperator struct {
	fakeOperator
	*hanging
}

func (o hangingOperator) PutStatus(ctx context.Context, s audit.Stream, status audit.StreamStatus, ttl time.Duration) error {
	if err := hang(ctx, o.line); err != nil {
		return err
	}
	return o.fakeOperator.PutStatus(ctx, s, status, ttl)
}

// TestEndKeepsTheDrainTime ends a stream while services hang: it has returned when another owner may begin.
func TestEndKeepsTheDrainTime(t *testing.T) {
	const drain = 2 * time.Second
	for name, c := range map[string]struct {
		set  func(*hanging)
		wish audit.DesiredState
	}{
		"nothing":     {func(*hanging) {}, audit.Running},
		"release":     {func(h *hanging) { h.release = true }, audit.Running},
		"publish":     {func(h *hanging) { h.publish = true }, audit.Running},
		"list":        {func(h *hanging) { h.list = true }, audit.Running},
		"fetch":       {func(h *hanging) { h.fetch = true }, audit.Running},
		"apply":       {func(h *hanging) { h.apply = true }, audit.Running},
		"line":        {func(h *hanging) { h.line = true }, audit.Running},
		"everything":  {func(h *hanging) { *h = hanging{h.world, true, true, true, true, true, true, true} }, audit.Running},
		"unsubscribe": {func(h *hanging) { h.unsubscribe = true }, audit.Stopped},
		"stop, fetch": {func(h *hanging) { h.fetch, h.release = true, true }, audit.Stopped},
		"stop, all":   {func(h *hanging) { *h = hanging{h.world, true, true, true, true, true, true, true} }, audit.Stopped},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.switchable = true
				h := &hanging{world: w}
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
				c.set(h)
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
