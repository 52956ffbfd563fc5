package pipeline

import (
	"context"
	"slices"
	"time"

	"o365-kafka-connector/internal/audit"
)

// The operators.

type fakeOperator struct{ *world }

func (o fakeOperator) Wish(context.Context, audit.Stream) (audit.Wish, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := call(o.world, o.onStore, "wish"); err != nil {
		return audit.Wish{}, err
	}
	wish := o.wish
	wish.Backfills, wish.Outages = slices.Clone(wish.Backfills), slices.Clone(wish.Outages)
	return wish, nil
}

func (o fakeOperator) ChangeWish(_ context.Context, _ audit.Stream, change func(*audit.Wish)) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(&o.wish)
	return nil
}

func (o fakeOperator) PutStatus(_ context.Context, _ audit.Stream, s audit.StreamStatus, ttl time.Duration) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, s)
	if ttl == 0 {
		o.lines = nil
	}
	return nil
}

// ask changes what operators want.
func (w *world) ask(state audit.DesiredState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wish.State, w.wish.Since = state, time.Now()
}

// told returns the kinds of the status messages.
func (w *world) told() (kinds []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.messages {
		kinds = append(kinds, m.Kind)
	}
	return kinds
}

// elsewhere is the transform of a back-fill.
type elsewhere struct {
	passOn
	topic string
}

func (x elsewhere) Events(b audit.Blob, r *audit.Record) ([]audit.Event, []string, error) {
	events, dropped, err := x.passOn.Events(b, r)
	if x.topic != "" && len(events) > 0 {
		events[0].Topic = x.topic
	}
	return events, dropped, err
}
