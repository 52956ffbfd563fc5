package checkpoint

import (
	"context"
	"errors"
	"strings"
	"testing"

	"o365-kafka-connector/internal/audit"
)

// wantLost asks everything of an owner that stands at n, and expects audit.ErrLost of all but Advance, which does
// not look at N and may go through when only N is wrong.
func wantLost(t *testing.T, h Handle, n int64) {
	t.Helper()
	_, err := h.Unseen(t.Context(), n, hashes(0, 1))
	if !errors.Is(err, audit.ErrLost) {
		t.Errorf("unseen: %v", err)
	}
	next := entry(n + 1)
	if err := h.Apply(t.Context(), next, next.N*10); !errors.Is(err, audit.ErrLost) {
		t.Errorf("apply: %v", err)
	}
}

func testWiped(t *testing.T, v vault) {
	store := v.open(t)
	h := started(t, store)
	apply(t, h, entry(1))
	v.wipe(t)
	wantLost(t, h, 1)
	wantError(t, h.Advance(t.Context(), audit.Progress{Watermark: base}), audit.ErrLost)
	wantError(t, h.Reset(t.Context(), audit.Checkpoint{}), audit.ErrLost)
	_, ok, err := h.Load(t.Context(), 0)
	if ok {
		t.Error("load finds something")
	}
	wantError(t, err, audit.ErrLost)

	successor := acquire(t, store)
	if _, ok, err := successor.Load(t.Context(), 0); ok || err != nil {
		t.Fatalf("load after new take: %v, %v", ok, err)
	}
	if err := successor.Reset(t.Context(), audit.Checkpoint{Position: -1}); err != nil {
		t.Fatal(err)
	}
	if err := h.Apply(t.Context(), entry(1), 10); !errors.Is(err, audit.ErrFenced) {
		t.Errorf("apply of the former owner: %v", err)
	}
	apply(t, successor, entry(1))
}

func testRolledBack(t *testing.T, v vault) {
	store := v.open(t)
	h := started(t, store)
	apply(t, h, entry(1))
	restore := v.save(t)
	apply(t, h, entry(2))
	apply(t, h, entry(3))
	restore()
	wantLost(t, h, 3)
	if _, locked := store.(*fileStore); !locked { // a directory is one process's own
		wantError(t, h.Advance(t.Context(), audit.Progress{Watermark: base}), audit.ErrLost)
	}

	successor := acquire(t, store)
	if c := load(t, successor); c.N != 1 {
		t.Fatalf("N is %d, want 1", c.N)
	}
	if got := unseen(t, successor, 1, append(entry(1).Done, entry(2).Done...)); got != 5 {
		t.Errorf("%d unseen, want 5", got)
	}

	older := v.save(t) // and a rollback to before the last take
	newest := acquire(t, store)
	older()
	wantLost(t, newest, 1)
	wantError(t, newest.Advance(t.Context(), audit.Progress{Watermark: base}), audit.ErrLost)
}

func testPartLost(t *testing.T, v vault) {
	for _, part := range v.parts {
		t.Run(part, func(t *testing.T) {
			store := v.open(t)
			h := started(t, store)
			apply(t, h, entry(1))
			v.drop(t, exchange, part)
			wantLost(t, h, 1)
			wantError(t, h.Advance(t.Context(), audit.Progress{Watermark: base}), audit.ErrLost)
			wantError(t, h.Apply(t.Context(), entry(1), 10), audit.ErrLost)

			successor := acquire(t, store)
			c, ok, err := successor.Load(t.Context(), 0)
			if ok {
				t.Fatalf("load finds %+v", c)
			}
			wantError(t, err, audit.ErrLost)
			if err := successor.Reset(t.Context(), audit.Checkpoint{Position: -1}); err != nil {
				t.Fatal(err)
			}
			apply(t, successor, entry(1))
		})
	}
	if len(v.parts) == 0 {
		t.Skip("a stream has one part only")
	}
}

func testPartRolledBack(t *testing.T, v vault) {
	for _, part := range v.parts {
		t.Run(part, func(t *testing.T) {
			store := v.open(t)
			h := started(t, store)
			apply(t, h, entry(1))
			restore := v.keep(t, exchange, part)
			apply(t, h, entry(2))
			restore()
			wantLost(t, h, 2)
			_, ok, err := acquire(t, store).Load(t.Context(), 0)
			if ok {
				t.Error("load finds something")
			}
			wantError(t, err, audit.ErrLost)
		})
	}
	if len(v.parts) == 0 {
		t.Skip("a stream has one part only")
	}
}

func testBind(t *testing.T, v vault) {
	store := v.open(t)
	mine := Deployment{KafkaClusterID: "kafka-1", GroupID: "o365-connector"}
	for range 2 {
		if bound, err := store.Bound(t.Context(), mine); bound || err != nil {
			t.Fatalf("a new store is bound: %t, %v", bound, err)
		}
	}
	for range 2 {
		if err := store.Bind(t.Context(), mine); err != nil {
			t.Fatal(err)
		}
	}
	if bound, err := store.Bound(t.Context(), mine); !bound || err != nil {
		t.Errorf("bound to its own deployment: %t, %v", bound, err)
	}
	for _, other := range []Deployment{
		{KafkaClusterID: "kafka-2", GroupID: "o365-connector"}, {KafkaClusterID: "kafka-1", GroupID: "other"}, {},
	} {
		err := store.Bind(t.Context(), other)
		if _, looked := store.Bound(t.Context(), other); looked == nil || looked.Error() != err.Error() {
			t.Errorf("looking answers %v, binding %v", looked, err)
		}
		bound, ok := errors.AsType[*BoundError](err)
		if !ok || bound.Bound != mine || bound.Wanted != other {
			t.Errorf("bind of %s: %v", other, err)
			continue
		}
		if !strings.Contains(err.Error(), "kafka-1") || !strings.Contains(err.Error(), "set ") {
			t.Errorf("error tells no fix: %v", err)
		}
	}
}

func testContext(t *testing.T, v vault) {
	store := v.open(t)
	h := started(t, store)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func() error{
		"acquire": func() error { _, err := store.Acquire(ctx, exchange); return err },
		"load":    func() error { _, _, err := h.Load(ctx, 0); return err },
		"unseen":  func() error { _, err := h.Unseen(ctx, 0, hashes(0, 1)); return err },
		"apply":   func() error { return h.Apply(ctx, entry(1), 10) },
		"advance": func() error { return h.Advance(ctx, audit.Progress{}) },
		"ping":    func() error { return store.Ping(ctx) },
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	apply(t, h, entry(1))
}
