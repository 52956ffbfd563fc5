package checkpoint

import (
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
)

func testRetire(t *testing.T, v vault) {
	store := v.open(t)
	ctx := t.Context()
	other := exchange
	other.ContentType = audit.General
	for _, s := range []audit.Stream{exchange, other} {
		h, err := store.Acquire(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Reset(ctx, audit.Checkpoint{Position: -1, FirstStart: base}); err != nil {
			t.Fatal(err)
		}
		if err := store.ChangeWish(ctx, s, func(w *audit.Wish) { w.State = audit.Paused }); err != nil {
			t.Fatal(err)
		}
		if err := store.PutStatus(ctx, s, audit.StreamStatus{State: audit.StateQuiet}, time.Minute); err != nil {
			t.Fatal(err)
		}
		if s == exchange {
			defer func() {
				if err := h.Apply(ctx, entry(1), 1); err == nil {
					t.Error("a former owner goes on with a stream that was retired")
				}
			}()
		}
	}
	for range 2 { // the second finds nothing
		if err := store.Retire(ctx, exchange); err != nil {
			t.Fatal(err)
		}
	}
	for s, want := range map[audit.Stream]bool{exchange: false, other: true} {
		_, ok, err := store.Peek(ctx, s)
		if ok != want || err != nil {
			t.Errorf("%s: checkpoint %t, %v", s, ok, err)
		}
		wish, err := store.Wish(ctx, s)
		if (wish.State == audit.Paused) != want || err != nil {
			t.Errorf("%s: wish %+v, %v", s, wish, err)
		}
		all, err := store.Statuses(ctx, []audit.Stream{s})
		if err != nil || (all[0].State == audit.StateQuiet) != want {
			t.Errorf("%s: %+v, %v", s, all, err)
		}
	}
	h := acquire(t, store)
	if _, ok, err := h.Load(ctx, 0); ok || err != nil {
		t.Errorf("after a return: %t, %v", ok, err)
	}
}
