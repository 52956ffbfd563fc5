package txn

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/testbed"
)

// rig is a place for transactions on a real broker: topics, and the network in between.
type rig struct {
	t      *testing.T
	addrs  []string
	topics []string // "events" and "journal", by their real names
	id     string
	group  string
}

const (
	partitions     = 3
	requestTimeout = 5 * time.Second
)

func newRig(t *testing.T, b *testbed.Broker) *rig {
	t.Helper()
	r := &rig{t: t, addrs: b.Addresses(), id: testbed.Name(t) + "-id", group: testbed.Name(t) + "-group"}
	for range 2 {
		topic := testbed.Name(t)
		if err := b.CreateTopic(t.Context(), topic, partitions); err != nil {
			t.Fatal(err)
		}
		r.topics = append(r.topics, topic)
	}
	return r
}

// onEach runs a test on every kind of Kafka that is supported.
func onEach(t *testing.T, test func(*testing.T, *rig)) {
	t.Run("new", func(t *testing.T) { test(t, newRig(t, testbed.Kafka(t))) })
	t.Run("old", func(t *testing.T) { test(t, newRig(t, testbed.OldKafka(t))) })
}

// client is a process with a connection of its own.
type client struct {
	*rig
	wire   *wire
	conn   *broker.Conn
	topics *Topics
}

func (r *rig) client() *client {
	r.t.Helper()
	conn, err := broker.New(broker.Config{Brokers: r.addrs}, "txn-test")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(conn.Close)
	w := &wire{t: r.t}
	conn.Transport.Dial = w.dial
	conn.Transport.MetadataTTL = time.Second
	return &client{rig: r, wire: w, conn: conn, topics: NewTopics(conn, requestTimeout)}
}

func (r *rig) options() TransactionOptions {
	return TransactionOptions{
		ID: r.id, Group: r.group, OffsetOf: Partition{r.topics[1], 0}, Topics: r.topics[:1],
		RequestTimeout: 2 * time.Second,
	}
}

func (c *client) open(ctx context.Context) (*Transactor, error) {
	return Open(ctx, c.conn, c.topics, c.options())
}

func (c *client) mustOpen() *Transactor {
	c.t.Helper()
	tx, err := c.open(bounded(c.t))
	if err != nil {
		c.t.Fatal(err)
	}
	return tx
}

// bounded is a context that ends before the test's patience does.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// batch holds records of the values.
func batch(topic string, number int32, values ...string) *Batch {
	b := NewBatch(Partition{topic, number}, time.Now())
	for _, v := range values {
		b.Append(Record{Key: []byte("k"), Value: []byte(v)})
	}
	return b
}

// unit is what one transaction writes: events in all partitions, and a record in the other topic.
func (r *rig) unit(n int64) (events []*Batch, last []*Batch) {
	for p := range int32(partitions) {
		events = append(events, batch(r.topics[0], p, fmt.Sprintf("%d/%d/a", n, p), fmt.Sprintf("%d/%d/b", n, p)))
	}
	return events, []*Batch{batch(r.topics[1], 0, fmt.Sprintf("%d/journal", n))}
}

// values are what the units up to n hold.
func (r *rig) values(n int64) (all []string) {
	for i := int64(1); i <= n; i++ {
		for p := range partitions {
			all = append(all, fmt.Sprintf("%d/%d/a", i, p), fmt.Sprintf("%d/%d/b", i, p))
		}
		all = append(all, fmt.Sprintf("%d/journal", i))
	}
	slices.Sort(all)
	return all
}

// publish is a whole transaction.
func (r *rig) publish(ctx context.Context, tx *Transactor, n int64) error {
	events, last := r.unit(n)
	if err := tx.Publish(ctx, events); err != nil {
		return err
	}
	_, err := tx.Commit(ctx, last, Offset{N: n, Metadata: fmt.Sprint("m", n)})
	return err
}

func (r *rig) mustPublish(tx *Transactor, n int64) {
	r.t.Helper()
	if err := r.publish(bounded(r.t), tx, n); err != nil {
		r.t.Fatalf("transaction %d: %v", n, err)
	}
}

// reader is a consumer of another make.
func (r *rig) reader(opts ...kgo.Opt) *kgo.Client {
	r.t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(r.addrs...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.FetchMaxWait(100 * time.Millisecond), kgo.MetadataMinAge(50 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		r.t.Fatal(err)
	}
	return cl
}

// bounds returns how far a reader of committed records gets, and how far the log goes.
func bounds(ctx context.Context, cl *kgo.Client, topics []string) (stable, high map[Partition]int64, err error) {
	ask := func(isolation int8) (map[Partition]int64, error) {
		meta := kmsg.NewPtrMetadataRequest()
		for _, topic := range topics {
			m := kmsg.NewMetadataRequestTopic()
			m.Topic = kmsg.StringPtr(topic)
			meta.Topics = append(meta.Topics, m)
		}
		known, err := meta.RequestWith(ctx, cl)
		if err != nil {
			return nil, err
		}
		req := kmsg.NewPtrListOffsetsRequest()
		req.IsolationLevel = isolation
		for _, topic := range known.Topics {
			rt := kmsg.NewListOffsetsRequestTopic()
			rt.Topic = *topic.Topic
			for _, p := range topic.Partitions {
				rp := kmsg.NewListOffsetsRequestTopicPartition()
				rp.Partition, rp.Timestamp = p.Partition, -1
				rt.Partitions = append(rt.Partitions, rp)
			}
			req.Topics = append(req.Topics, rt)
		}
		res, err := req.RequestWith(ctx, cl)
		if err != nil {
			return nil, err
		}
		out := map[Partition]int64{}
		for _, topic := range res.Topics {
			for _, p := range topic.Partitions {
				if p.ErrorCode != 0 {
					return nil, kafka.Error(p.ErrorCode)
				}
				out[Partition{topic.Topic, p.Partition}] = p.Offset
			}
		}
		return out, nil
	}
	if stable, err = ask(1); err != nil {
		return nil, nil, err
	}
	high, err = ask(0)
	return stable, high, err
}

// committed returns the values that a reader of committed records sees now, sorted, and the offset after each
// partition's last.
func (r *rig) committed() (values []string, ends map[Partition]int64) {
	r.t.Helper()
	cl := r.reader(kgo.ConsumeTopics(r.topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer cl.Close()
	ctx := bounded(r.t)
	stable, _, err := bounds(ctx, cl, r.topics)
	if err != nil {
		r.t.Fatal(err)
	}
	ends = map[Partition]int64{}
	for at, end := range stable {
		if end == 0 {
			delete(stable, at)
		}
	}
	for len(stable) > 0 {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			r.t.Fatalf("read committed: %v; left: %v", ctx.Err(), stable)
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			at := Partition{rec.Topic, rec.Partition}
			if end, ok := stable[at]; ok && rec.Offset+1 >= end {
				delete(stable, at)
			}
			if !rec.Attrs.IsControl() {
				values = append(values, string(rec.Value))
				ends[at] = rec.Offset + 1
			}
		})
	}
	sort.Strings(values)
	return values, ends
}

// settled waits until no transaction is open, and returns what is committed.
func (r *rig) settled() ([]string, map[Partition]int64) {
	r.t.Helper()
	r.wait("no transaction is open", func() bool { return r.open() == 0 })
	return r.committed()
}

// open returns the number of partitions in which a transaction is open.
func (r *rig) open() (n int) {
	r.t.Helper()
	cl := r.reader()
	defer cl.Close()
	stable, high, err := bounds(bounded(r.t), cl, r.topics)
	if err != nil {
		r.t.Fatal(err)
	}
	for at, end := range high {
		if stable[at] < end {
			n++
		}
	}
	return n
}

func (r *rig) wait(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	r.t.Fatalf("waited in vain until %s", what)
}
