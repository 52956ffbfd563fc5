package sink_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/sink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var stream = audit.Stream{
	Tenant:      audit.Tenant{ID: "11111111-1111-1111-1111-111111111111", Name: "contoso"},
	ContentType: audit.Exchange,
}

// troubles collects what a sink reports.
type troubles struct {
	mu     sync.Mutex // guards the following
	faults []*audit.Fault
}

func (tr *troubles) add(_ audit.Stream, f *audit.Fault) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.faults = append(tr.faults, f)
}

func (tr *troubles) hints() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	var all []string
	for _, f := range tr.faults {
		all = append(all, f.Error()+" => "+f.Hint)
	}
	return strings.Join(all, "\n")
}

func (tr *troubles) count() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return len(tr.faults)
}

func fake(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(3, "events"), kfake.SeedTopics(12, "o365.journal")}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// open opens a Kafka sink's publisher with settings that change has seen.
func open(t *testing.T, brokers []string, change func(*sink.KafkaConfig)) (sink.Publisher, *troubles, sink.Sink) {
	t.Helper()
	s, tr := sinkOf(t, brokers, change, 12)
	return take(t, s), tr, s
}

// sinkOf opens a Kafka sink whose journals are spread over shards.
func sinkOf(t *testing.T, brokers []string, change func(*sink.KafkaConfig), shards int) (sink.Sink, *troubles) {
	t.Helper()
	var k sink.KafkaConfig
	k.SetDefaults()
	k.Brokers, k.Topic = brokers, "events"
	k.Topics = sink.Topics{Partitions: 3, ReplicationFactor: 1}
	if change != nil {
		change(&k)
	}
	if err := k.Validate(); err != nil {
		t.Fatal(err)
	}
	tr := &troubles{}
	s, err := sink.Open(sink.Settings{Sink: sink.Config{Kind: sink.KindKafka}, Kafka: k, Group: "g." + k.Topic, Shards: shards},
		sink.Options{Trouble: tr.add, Version: "1.2.3", Instance: "i-1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, tr
}

// take opens the publisher of the stream.
func take(t *testing.T, s sink.Sink) sink.Publisher {
	t.Helper()
	p, err := s.Open(bounded(t), stream, 1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// bounded is a context that ends before the test's patience does.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// atLeastOnce has the publisher go on after errors that end a transaction.
func atLeastOnce(k *sink.KafkaConfig) { k.Delivery = sink.AtLeastOnce }

// batch prepares n events for a topic, named by blob and number.
func batch(t *testing.T, topic, blob string, n int) *audit.Batch {
	t.Helper()
	return batchOf(t, blob, 1<<30, func(i int) (audit.Event, bool) {
		return event(topic, blob, i, []byte(fmt.Sprintf(`{"Id":"%s-%d"}`, blob, i))), i < n
	})
}

func event(topic, blob string, i int, value []byte) audit.Event {
	id := fmt.Sprintf("%s-%d", blob, i)
	return audit.Event{
		Topic: topic, Key: []byte(id), Value: value, Ordinal: i,
		Headers: []audit.Header{{Name: "record_id", Value: []byte(id)}, {Name: "workload", Value: []byte("Exchange")}},
	}
}

func batchOf(t *testing.T, blob string, limit int64, next func(int) (audit.Event, bool)) *audit.Batch {
	t.Helper()
	b := audit.NewBatch(stream, audit.Blob{ID: blob, URI: "https://x/" + blob, Listed: "2026-01-01T00:00:00.000Z"}, limit,
		func() (audit.File, error) { return os.CreateTemp(t.TempDir(), "spill") })
	b.Headers = []audit.Header{{Name: "tenant", Value: []byte(stream.Tenant.ID)}, {Name: "content_id", Value: []byte(blob)}}
	for i := 0; ; i++ {
		e, ok := next(i)
		if !ok {
			break
		}
		if err := b.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Seal(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Release() })
	return b
}

func publish(t *testing.T, p sink.Publisher, c audit.Commit) audit.Receipt {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	r, err := p.Publish(ctx, c)
	if err != nil {
		t.Fatalf("publish: %v", err)
	}
	return r
}

// consume reads a topic from its beginning until it has n records, and then for a moment longer.
func consume(t *testing.T, brokers []string, topic string, n int) []*kgo.Record {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out []*kgo.Record
	for len(out) < n && ctx.Err() == nil {
		out = append(out, c.PollFetches(ctx).Records()...)
	}
	after, stop := context.WithTimeout(ctx, 300*time.Millisecond)
	defer stop()
	return append(out, c.PollFetches(after).Records()...)
}

func values(records []*kgo.Record) []string {
	var out []string
	for _, r := range records {
		out = append(out, string(r.Value))
	}
	slices.Sort(out)
	return out
}

func wantValues(blob string, n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(`{"Id":"%s-%d"}`, blob, i))
	}
	slices.Sort(out)
	return out
}

func TestEventsArriveAsGiven(t *testing.T) {
	t.Parallel()
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			c := fake(t)
			p, tr, _ := open(t, c.ListenAddrs(), func(k *sink.KafkaConfig) { k.Compression = codec })
			before := time.Now().Truncate(time.Millisecond)
			publish(t, p, audit.Commit{Batches: []*audit.Batch{batch(t, "events", "a", 100), batch(t, "events", "b", 100)}})
			got := consume(t, c.ListenAddrs(), "events", 200)
			if d := cmp.Diff(append(wantValues("a", 100), wantValues("b", 100)...), values(got)); d != "" {
				t.Errorf("values: %s", d)
			}
			java := kgo.StickyKeyPartitioner(nil).ForTopic("events")
			for _, r := range got {
				want := []kgo.RecordHeader{
					{Key: "tenant", Value: []byte(stream.Tenant.ID)},
					{Key: "content_id", Value: r.Key[:1]},
					{Key: "record_id", Value: r.Key},
					{Key: "workload", Value: []byte("Exchange")},
				}
				if d := cmp.Diff(want, r.Headers); d != "" {
					t.Fatalf("headers of %s: %s", r.Key, d)
				}
				if int(r.Partition) != java.Partition(&kgo.Record{Key: r.Key}, 3) {
					t.Errorf("%s is in partition %d, not where Java puts it", r.Key, r.Partition)
				}
				if r.Timestamp.Before(before) || r.Timestamp.After(time.Now()) {
					t.Errorf("%s has timestamp %v, not that of publishing", r.Key, r.Timestamp)
				}
			}
			if tr.count() != 0 {
				t.Errorf("troubles: %s", tr.hints())
			}
		})
	}
}

func TestEventsOfOneKeyKeepTheirOrder(t *testing.T) {
	t.Parallel()
	c := fake(t)
	p, _, _ := open(t, c.ListenAddrs(), nil)
	for _, blob := range []string{"a", "b"} {
		publish(t, p, audit.Commit{Batches: []*audit.Batch{batchOf(t, blob, 1<<30, func(i int) (audit.Event, bool) {
			e := event("events", blob, i, fmt.Appendf(nil, "%s%05d", blob, i))
			e.Key = []byte("same")
			return e, i < 5000
		})}})
	}
	var got []string
	for _, r := range consume(t, c.ListenAddrs(), "events", 10000) {
		got = append(got, string(r.Value))
	}
	if len(got) != 10000 || !slices.IsSorted(got) {
		t.Errorf("%d events, sorted: %v", len(got), slices.IsSorted(got))
	}
}

func TestEventsWithoutKeySpread(t *testing.T) {
	t.Parallel()
	c := fake(t)
	p, _, _ := open(t, c.ListenAddrs(), nil)
	publish(t, p, audit.Commit{Batches: []*audit.Batch{batchOf(t, "a", 1<<30, func(i int) (audit.Event, bool) {
		e := event("events", "a", i, make([]byte, 1000))
		e.Key = nil
		return e, i < 1000
	})}})
	seen := map[int32]int{}
	for _, r := range consume(t, c.ListenAddrs(), "events", 1000) {
		if r.Key != nil {
			t.Fatalf("key %q", r.Key)
		}
		seen[r.Partition]++
	}
	if len(seen) != 3 {
		t.Errorf("records by partition: %v", seen)
	}
}

func TestSpilledBatchIsPublished(t *testing.T) {
	t.Parallel()
	c := fake(t)
	p, _, _ := open(t, c.ListenAddrs(), func(k *sink.KafkaConfig) { k.Compression = "none" })
	b := batchOf(t, "a", 64<<10, func(i int) (audit.Event, bool) {
		return event("events", "a", i, slices.Repeat([]byte{'x'}, 2000)), i < 4000
	})
	if !b.Spilled() {
		t.Fatal("batch is in memory")
	}
	publish(t, p, audit.Commit{Batches: []*audit.Batch{b}})
	if got := consume(t, c.ListenAddrs(), "events", 4000); len(got) != 4000 {
		t.Errorf("%d events, want 4000", len(got))
	}
}

func TestLostAcknowledgementsWriteOnce(t *testing.T) {
	t.Parallel()
	c := fake(t)
	// kfake answers REQUEST_TIMED_OUT after it appended.
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.RequestTimedOut, Count: 2})
	p, tr, _ := open(t, c.ListenAddrs(), atLeastOnce)
	publish(t, p, audit.Commit{Batches: []*audit.Batch{batch(t, "events", "a", 50)}})
	publish(t, p, audit.Commit{Batches: []*audit.Batch{batch(t, "events", "b", 50)}})
	got := consume(t, c.ListenAddrs(), "events", 100)
	if d := cmp.Diff(append(wantValues("a", 50), wantValues("b", 50)...), values(got)); d != "" {
		t.Errorf("values: %s", d)
	}
	if tr.count() != 2 {
		t.Errorf("%d troubles, want 2: %s", tr.count(), tr.hints())
	}
}

func TestPassingErrorsAreSatOut(t *testing.T) {
	t.Parallel()
	for _, e := range []*kerr.Error{
		kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.UnknownServerError, kerr.KafkaStorageError,
		kerr.OutOfOrderSequenceNumber, kerr.UnknownProducerID, kerr.InvalidProducerEpoch, kerr.UnknownTopicOrPartition,
	} {
		t.Run(e.Message, func(t *testing.T) {
			t.Parallel()
			c := fake(t)
			p, _, _ := open(t, c.ListenAddrs(), atLeastOnce)
			publish(t, p, audit.Commit{Batches: []*audit.Batch{batch(t, "events", "a", 30)}})
			c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{1}, Err: e, Count: 2})
			publish(t, p, audit.Commit{Batches: []*audit.Batch{batch(t, "events", "b", 30)}})
			publish(t, p, audit.Commit{Batches: []*audit.Batch{batch(t, "events", "c", 30)}})
			want := append(append(wantValues("a", 30), wantValues("b", 30)...), wantValues("c", 30)...)
			if d := cmp.Diff(want, values(consume(t, c.ListenAddrs(), "events", 90))); d != "" {
				t.Errorf("values: %s", d)
			}
		})
	}
}

func TestLeadersMayMove(t *testing.T) {
	t.Parallel()
	c := fake(t, kfake.NumBrokers(3))
	p, _, _ := open(t, c.ListenAddrs(), nil)
	var want []string
	for i := range 6 {
		for part := range int32(3) {
			if err := c.MoveTopicPartition("events", part, (int32(i)+part)%3); err != nil {
				t.Fatal(err)
			}
		}
		blob := string(rune('a' + i))
		publish(t, p, audit.Commit{Batches: []*audit.Batch{batch(t, "events", blob, 30)}})
		want = append(want, wantValues(blob, 30)...)
	}
	if d := cmp.Diff(want, values(consume(t, c.ListenAddrs(), "events", len(want)))); d != "" {
		t.Errorf("values: %s", d)
	}
}

// What a cancelled call left in the log must not swallow what comes after it: the broker takes a sequence that it
// knows for a repeat, acknowledges it and writes nothing.
func TestCancelledPublishSwallowsNothingLater(t *testing.T) {
	t.Parallel()
	c := fake(t)
	p, _, _ := open(t, c.ListenAddrs(), atLeastOnce)
	oneKey := func(blob string) audit.Commit {
		return audit.Commit{Batches: []*audit.Batch{batchOf(t, blob, 1<<30, func(i int) (audit.Event, bool) {
			e := event("events", blob, i, fmt.Appendf(nil, `{"Id":"%s-%d"}`, blob, i))
			e.Key = []byte("same")
			return e, i < 30
		})}}
	}
	publish(t, p, oneKey("a"))
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.RequestTimedOut, Count: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := p.Publish(ctx, oneKey("b")); err == nil {
		t.Fatal("the cut call succeeded")
	}
	publish(t, p, oneKey("c"))
	got := values(consume(t, c.ListenAddrs(), "events", 90))
	for _, want := range wantValues("c", 30) {
		if !slices.Contains(got, want) {
			t.Fatalf("%s is lost", want)
		}
	}
}
