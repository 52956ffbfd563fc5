package sink_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/sink"
	"o365-kafka-connector/internal/testbed"
)

// A record that is refused on the way becomes a dead letter; the record whose turn it is must not get its headers.
func TestRefusalLeavesTheNextRecordsHeadersAlone(t *testing.T) {
	t.Parallel()
	c := fake(t)
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.MessageTooLarge, Count: 1})
	p, _, _ := open(t, c.ListenAddrs(), nil)
	sizes := []int{950_000, 100, 100}
	r := publish(t, p, audit.Commit{Batches: []*audit.Batch{batchOf(t, "a", 1<<30, func(i int) (audit.Event, bool) {
		if i >= len(sizes) {
			return audit.Event{}, false
		}
		e := event("events", "a", i, slices.Repeat([]byte{'x'}, sizes[i]))
		e.Key = []byte("same")
		return e, true
	})}})
	if len(r.Refused) != 1 {
		t.Fatalf("%d refused, want 1", len(r.Refused))
	}
	got := consume(t, c.ListenAddrs(), "events", 2)
	for i, record := range got {
		want := []kgo.RecordHeader{
			{Key: "tenant", Value: []byte(stream.Tenant.ID)},
			{Key: "content_id", Value: []byte("a")},
			{Key: "record_id", Value: fmt.Appendf(nil, "a-%d", i+1)},
			{Key: "workload", Value: []byte("Exchange")},
		}
		if d := cmp.Diff(want, record.Headers); d != "" {
			t.Errorf("headers of record %d: %s", i+1, d)
		}
	}
	if len(got) != 2 {
		t.Errorf("%d records, want 2", len(got))
	}
}

// A topic may be deleted and made again while the connector runs, with fewer partitions than before.
func TestTopicMayComeBackSmaller(t *testing.T) {
	t.Parallel()
	c := fake(t)
	p, tr, _ := open(t, c.ListenAddrs(), atLeastOnce)
	publish(t, p, audit.Commit{Batches: []*audit.Batch{batch(t, "events", "a", 30)}})

	conn, err := broker.New(broker.Config{Brokers: c.ListenAddrs()}, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := conn.Client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{"events"}}); err != nil {
		t.Fatal(err)
	}
	if err := conn.CreateTopic(ctx, broker.NewTopic{Name: "events", Partitions: 1, Replication: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Publish(ctx, audit.Commit{Batches: []*audit.Batch{batch(t, "events", "b", 30)}}); err != nil {
		t.Fatalf("publish: %v; troubles: %s", err, tr.hints())
	}
	got := slices.Compact(values(consume(t, c.ListenAddrs(), "events", 30)))
	if d := cmp.Diff(wantValues("b", 30), got); d != "" {
		t.Errorf("values: %s", d)
	}
}

// sideBySide publishes many commits of several streams over one sink, each stream by a goroutine of its own.
func sideBySide(t *testing.T, brokers []string, topic string, change func(*sink.KafkaConfig)) {
	t.Helper()
	const streams, commits, records = 6, 20, 40
	_, tr, s := open(t, brokers, change)
	var want []string
	var wg sync.WaitGroup
	for i := range streams {
		mine := stream
		mine.Tenant.ID = fmt.Sprintf("%d%s", i, stream.Tenant.ID[1:])
		var prepared []audit.Commit
		for n := range commits {
			blob := fmt.Sprintf("s%d-%d", i, n)
			prepared = append(prepared, audit.Commit{Batches: []*audit.Batch{batch(t, topic, blob, records)}})
			want = append(want, wantValues(blob, records)...)
		}
		wg.Go(func() {
			p, err := s.Open(t.Context(), mine, 1)
			if err != nil {
				t.Error(err)
				return
			}
			for _, c := range prepared {
				if _, err := p.Publish(t.Context(), c); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	slices.Sort(want)
	if d := cmp.Diff(want, values(consume(t, brokers, topic, len(want)))); d != "" {
		t.Errorf("values: %s", d)
	}
	if tr.count() > 0 {
		t.Logf("troubles: %s", tr.hints())
	}
}

func TestStreamsPublishSideBySide(t *testing.T) {
	t.Parallel()
	c := fake(t, kfake.NumBrokers(3))
	sideBySide(t, c.ListenAddrs(), "events", nil)
}

func TestStreamsPublishSideBySideDespiteLostAnswers(t *testing.T) {
	t.Parallel()
	c := fake(t, kfake.NumBrokers(3))
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.RequestTimedOut, Count: 20})
	sideBySide(t, c.ListenAddrs(), "events", nil)
}

func TestStreamsPublishSideBySideToARealBroker(t *testing.T) {
	t.Parallel()
	b := testbed.Kafka(t)
	topic, change := topics(t, nil)
	sideBySide(t, b.Addresses(), topic, change)
}
