package checkpoint

import (
	"fmt"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/testbed"
)

// setField changes a field of the stream's state behind the store's back.
func setField(t *testing.T, store Store, name string, value any) {
	t.Helper()
	r := store.(*redisStore)
	if err := r.client.HSet(t.Context(), r.key(exchange, "state"), name, value).Err(); err != nil {
		t.Fatal(err)
	}
}

func TestSchemaOfRedis(t *testing.T) {
	t.Parallel()
	c := redisConfig(testbed.Redis(t).Addr)
	c.KeyPrefix = testbed.Name(t) + ":"
	store := openStore(t, c)
	apply(t, started(t, store), entry(1))
	setField(t, store, "schema", 1) // an older version was here
	h := acquire(t, store)
	if c := load(t, h); c.N != 1 {
		t.Errorf("%+v", c)
	}
	r := store.(*redisStore)
	if got, err := r.client.HGet(t.Context(), r.key(exchange, "state"), "schema").Int(); got != schemaVersion || err != nil {
		t.Errorf("schema %d after a take, %v", got, err)
	}
	setField(t, store, "schema", schemaVersion+1) // a newer version was here
	_, ok, err := acquire(t, store).Load(t.Context(), 0)
	if f := audit.AsFault(err, ""); ok || err == nil || f.Cause != audit.CauseCheckpoint || f.Hint == "" {
		t.Errorf("data of a newer version: %t, %v", ok, err)
	}
}

// The answer of Load may be lost after Redis has raised the epoch.
func TestRepeatedLoadIsNotFenced(t *testing.T) {
	t.Parallel()
	c := redisConfig(testbed.Redis(t).Addr)
	c.KeyPrefix = testbed.Name(t) + ":"
	store := openStore(t, c)
	h := started(t, store).(*redisHandle)
	before := h.epoch.Load()
	load(t, h)
	after := h.epoch.Load()
	if after != before+1 {
		t.Fatalf("epoch %d after %d", after, before)
	}
	taker, err := store.(*redisStore).client.HGet(t.Context(), h.keys[0], "taker").Result()
	if err != nil {
		t.Fatal(err)
	}
	h.epoch.Store(before) // as if nothing had come back
	h.loading = taker
	if c := load(t, h); c.Epoch != after || h.epoch.Load() != after {
		t.Errorf("epoch %d, want %d", c.Epoch, after)
	}
	apply(t, h, entry(1))
}

// BenchmarkRebuild rebuilds the checkpoint of a large tenant: 2,000,000 blobs in 8,000 entries.
func BenchmarkRebuild(b *testing.B) {
	server := testbed.Redis(b)
	c := redisConfig(server.Addr)
	c.KeyPrefix = testbed.Name(b) + ":"
	store, err := Open(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	h, err := store.Acquire(b.Context(), exchange)
	if err != nil {
		b.Fatal(err)
	}
	const entries, blobs, part = 8000, 250, 64
	for b.Loop() {
		if err := h.Reset(b.Context(), audit.Checkpoint{}); err != nil {
			b.Fatal(err)
		}
		var batch []audit.Logged
		start := time.Now().Add(-7 * 24 * time.Hour)
		for n := range int64(entries) {
			e := audit.Entry{N: n + 1, Time: start.Add(time.Duration(n) * time.Minute)}
			for i := range blobs {
				e.Done = append(e.Done, audit.HashOf(fmt.Sprint(n, "/", i)))
			}
			if batch = append(batch, audit.Logged{Entry: e, Position: n}); len(batch) == part {
				if err := h.Replay(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
				batch = batch[:0]
			}
		}
	}
}
