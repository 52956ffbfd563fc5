package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/testbed"
	"o365-kafka-connector/internal/txn"
	"o365-kafka-connector/internal/unit"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(envMember); text != "" {
		if err := serveOrder(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

var (
	contoso  = audit.Tenant{ID: tenantID, Name: "contoso"}
	fabrikam = audit.Tenant{ID: "22222222-2222-2222-2222-222222222222", Name: "fabrikam"}
)

func streamsOf(tenants ...audit.Tenant) []audit.Stream {
	var out []audit.Stream
	for _, t := range tenants {
		for _, ct := range audit.ContentTypes() {
			out = append(out, audit.Stream{Tenant: t, ContentType: ct})
		}
	}
	return out
}

// rig is a Kafka and everything that members share.
type rig struct {
	t       *testing.T
	conn    *broker.Conn
	config  Config
	tenants []audit.Tenant
	answers *memory
	client  *Client
	real    bool

	mu     sync.Mutex // guards the following
	runs   map[string]string
	clash  []string
	effect map[string]int // how often a command with an id was done
	told   []string
	logs   bytes.Buffer
}

// onKafka runs a test on the embedded Kafka, and on a real one unless -short is given.
func onKafka(t *testing.T, test func(r *rig)) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(newRig(t, embedded(t)))
	})
	t.Run("real", func(t *testing.T) { onRealKafka(t, test) })
}

// onRealKafka runs a test that takes long on a real Kafka alone.
func onRealKafka(t *testing.T, test func(r *rig)) {
	t.Parallel()
	r := newRig(t, testbed.Kafka(t).Addresses())
	r.real = true
	test(r)
}

// embedded starts a Kafka in this process.
func embedded(t *testing.T) []string {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()
}

func newRig(t *testing.T, brokers []string) *rig {
	t.Helper()
	conn, err := broker.New(broker.Config{Brokers: brokers}, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	r := &rig{
		t: t, conn: conn, answers: newMemory(), tenants: []audit.Tenant{contoso},
		runs: map[string]string{}, effect: map[string]int{},
	}
	r.config.SetDefaults()
	name := testbed.Name(t)
	r.config.Topic, r.config.ReplyTopic, r.config.GroupID = name+".control", name+".replies", name
	r.config.SessionTimeout, r.config.HeartbeatInterval = unit.Duration(6*time.Second), unit.Duration(200*time.Millisecond)
	r.client, err = NewClient(r.config, conn)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

type lockedWriter struct{ r *rig }

func (w lockedWriter) Write(p []byte) (int, error) {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	return w.r.logs.Write(p)
}

func (r *rig) log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.logs.String()
}

func (r *rig) tell(c Command, o Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, fmt.Sprintf("%s %s %s", c.ID, c.Name, o))
}

func (r *rig) tellings() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.told...)
}

func (r *rig) runs1(s audit.Stream, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.runs[s.Key()]; other != "" {
		r.clash = append(r.clash, s.Key()+" by "+other+" and "+name)
	}
	r.runs[s.Key()] = name
}

func (r *rig) effects(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.effect[id]
}

// owners returns how many streams each member runs, and fails if a stream ever ran twice at a time.
func (r *rig) owners() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.clash) > 0 {
		r.t.Fatalf("streams run twice at a time: %v", r.clash)
	}
	out := map[string]int{}
	for _, name := range r.runs {
		out[name]++
	}
	return out
}

func (r *rig) owner(s audit.Stream) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.runs[s.Key()]
}

func (r *rig) until(what string, within time.Duration, ok func() bool) time.Duration {
	r.t.Helper()
	began := time.Now()
	for !ok() {
		if time.Since(began) > within {
			r.t.Fatalf("not within %v: %s; log:\n%s", within, what, r.log())
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

// whole waits until all streams run and the members share them.
func (r *rig) whole(within time.Duration, names ...string) time.Duration {
	r.t.Helper()
	return r.until(fmt.Sprintf("all streams are run by %v", names), within, func() bool {
		sum, owners := 0, r.owners()
		for _, name := range names {
			if owners[name] == 0 {
				return false
			}
			sum += owners[name]
		}
		return sum == len(streamsOf(r.tenants...))
	})
}

// send writes a message to the control topic as any producer might. The topic has to be there.
func (r *rig) send(key, value string, headers ...kafka.Header) int64 {
	r.t.Helper()
	return r.sendTo(int(txn.PartitionOf([]byte(key), r.config.Partitions)), key, value, headers...)
}

func (r *rig) sendTo(partition int, key, value string, headers ...kafka.Header) int64 {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	res, err := r.conn.Client.Produce(ctx, &kafka.ProduceRequest{
		Topic: r.config.Topic, Partition: partition, RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(kafka.Record{Key: kafka.NewBytes([]byte(key)), Value: kafka.NewBytes([]byte(value)), Headers: headers}),
	})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return res.BaseOffset
}

// replies reads all replies that stand on a topic.
func (r *rig) replies(topic string) []Reply {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cluster, err := r.conn.Describe(ctx, topic)
	if err != nil || cluster.Topics[topic].Err != nil {
		r.t.Fatal(err, cluster.Topics[topic].Err)
	}
	var out []Reply
	s := schema(r.t, "reply.schema.json")
	for p := range cluster.Topics[topic].Partitions {
		end := &cursor{client: r.conn.Client, topic: topic, partition: p, offset: kafka.LastOffset}
		if err := end.seek(ctx); err != nil {
			r.t.Fatal(err)
		}
		c := &cursor{client: r.conn.Client, topic: topic, partition: p, offset: kafka.FirstOffset}
		for c.offset < end.offset {
			messages, err := c.next(ctx)
			if err != nil {
				r.t.Fatal(err)
			}
			for _, m := range messages {
				if err := conforms(r.t, s, string(m.value)); err != nil {
					r.t.Errorf("%s: %v", m.value, err)
				}
				var reply Reply
				if err := json.Unmarshal(m.value, &reply); err != nil || reply.ID != m.key {
					r.t.Errorf("reply %s with key %q: %v", m.value, m.key, err)
				}
				out = append(out, reply)
			}
		}
	}
	return out
}

// answersTo waits for n parts of replies to a command.
func (r *rig) answersTo(id string, n int) []Reply {
	r.t.Helper()
	var out []Reply
	r.until(fmt.Sprintf("%d replies to %s", n, id), 15*time.Second, func() bool {
		out = nil
		for _, reply := range r.replies(r.config.ReplyTopic) {
			if reply.ID == id {
				out = append(out, reply)
			}
		}
		return len(out) >= n
	})
	return out
}

// committed returns the group's offset on a partition, -1 if it has none.
func (r *rig) committed(partition int) int64 {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	res, err := r.conn.Client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: r.config.GroupID, Topics: map[string][]int{r.config.Topic: {partition}}})
	if err != nil {
		r.t.Fatal(err)
	}
	return res.Topics[r.config.Topic][0].CommittedOffset
}

func (r *rig) ask(c Command) Reply {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 15*time.Second)
	defer cancel()
	var out Reply
	for reply, err := range r.client.Do(ctx, c) {
		if err != nil {
			r.t.Fatalf("%s %s: %v; log:\n%s", c.Name, c.ID, err, r.log())
		}
		out = reply
	}
	return out
}

func pause(s audit.Stream, id string) Command {
	return Command{ID: id, Name: Pause, Tenant: s.Tenant.ID, Arguments: Arguments{ContentType: s.ContentType}}
}

func has(s string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}
