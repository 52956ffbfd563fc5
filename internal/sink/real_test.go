package sink_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/secret"
	"o365-kafka-connector/internal/sink"
	"o365-kafka-connector/internal/testbed"
)

// topics gives a test topics of its own on a shared broker.
func topics(t *testing.T, change func(*sink.KafkaConfig)) (string, func(*sink.KafkaConfig)) {
	t.Helper()
	name := testbed.Name(t)
	return name, func(k *sink.KafkaConfig) {
		k.Topic, k.DeadLetterTopic, k.StatusTopic, k.JournalTopic = name, name+".dead", name+".status", "journal."+name
		if change != nil {
			change(k)
		}
	}
}

func TestRealKafkaTakesEveryCodec(t *testing.T) {
	t.Parallel()
	b := testbed.Kafka(t)
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			topic, change := topics(t, func(k *sink.KafkaConfig) { k.Compression = codec })
			p, _, _ := open(t, b.Addresses(), change)
			publish(t, p, audit.Commit{Batches: []*audit.Batch{batch(t, topic, "a", 3000)}})
			publish(t, p, audit.Commit{Batches: []*audit.Batch{batch(t, topic, "b", 10)}})
			want := append(wantValues("a", 3000), wantValues("b", 10)...)
			if d := cmp.Diff(want, values(consume(t, b.Addresses(), topic, len(want)))); d != "" {
				t.Errorf("values: %s", d)
			}
		})
	}
}

// noise is a value that no codec makes smaller.
func noise(size int) []byte {
	out := make([]byte, size)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range out {
		out[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!#"[r.IntN(64)]
	}
	return out
}

func TestRecordsThatAreTooLargeBecomeDeadLetters(t *testing.T) {
	t.Parallel()
	b := testbed.Kafka(t)
	topic, change := topics(t, nil)
	p, _, _ := open(t, b.Addresses(), change)
	sizes := map[int]int{3: 2 << 20, 40: 3 << 20}
	blob := batchOf(t, "a", 1<<30, func(i int) (audit.Event, bool) {
		e := event(topic, "a", i, fmt.Appendf(nil, `{"Id":"a-%d"}`, i))
		e.Key = []byte("same")
		if n := sizes[i]; n > 0 {
			e.Value = noise(n)
		}
		return e, i < 60
	})
	r := publish(t, p, audit.Commit{Batches: []*audit.Batch{blob}})
	want := slices.DeleteFunc(wantValues("a", 60), func(v string) bool { return v == `{"Id":"a-3"}` || v == `{"Id":"a-40"}` })
	if d := cmp.Diff(want, values(consume(t, b.Addresses(), topic, 58))); d != "" {
		t.Errorf("values: %s", d)
	}
	if len(r.Refused) != 2 || r.Refused[0].Ordinal != 3 || r.Refused[0].RecordID != "a-3" || r.Refused[1].Ordinal != 40 || r.Refused[0].Cause != audit.CauseTooLarge || r.Refused[0].Size != 2<<20 {
		t.Fatalf("%d refused: %+v", len(r.Refused), r.Refused)
	}
	// The dead-letter topic takes no more than the other one: the reference stands for the bytes.
	letters := consume(t, b.Addresses(), topic+".dead", 2)
	if len(letters) != 2 {
		t.Fatalf("%d dead letters", len(letters))
	}
	for _, l := range letters {
		var ref map[string]string
		if err := json.Unmarshal(l.Value, &ref); err != nil || ref["content_id"] != "a" || ref["content_uri"] != "https://x/a" {
			t.Errorf("value %.80q, %v", l.Value, err)
		}
	}
	publish(t, p, audit.Commit{Batches: []*audit.Batch{batch(t, topic, "b", 5)}})
	if got := consume(t, b.Addresses(), topic, 63); len(got) != 63 {
		t.Errorf("%d records after the next commit, want 63", len(got))
	}
}

func TestDeadLetterHoldsTheBytesIfItCan(t *testing.T) {
	t.Parallel()
	b := testbed.Kafka(t)
	topic, change := topics(t, func(k *sink.KafkaConfig) { k.CreateTopics = false })
	conn, err := broker.New(broker.Config{Brokers: b.Addresses()}, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for name, limit := range map[string]string{topic: "2000", topic + ".dead": "100000"} {
		if err := conn.CreateTopic(ctx, broker.NewTopic{Name: name, Partitions: 1, Replication: 1, Config: map[string]string{"max.message.bytes": limit}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.CreateTopic(t.Context(), "journal."+topic, 12); err != nil {
		t.Fatal(err)
	}
	p, _, s := open(t, b.Addresses(), change)
	value := noise(5000)
	publish(t, p, audit.Commit{Batches: []*audit.Batch{batchOf(t, "a", 1<<30, func(i int) (audit.Event, bool) {
		return event(topic, "a", i, value), i < 1
	}), batch(t, topic, "b", 500)}})
	letters := consume(t, b.Addresses(), topic+".dead", 1)
	if len(letters) != 1 || !bytes.Equal(letters[0].Value, value) {
		t.Errorf("%d dead letters", len(letters))
	}
	if got := consume(t, b.Addresses(), topic, 500); len(got) != 500 {
		t.Errorf("%d events, want 500", len(got))
	}
	findings, err := s.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, f := range findings {
		fmt.Fprintln(&text, f.Topic, f.Fatal, f.Text, f.Hint)
	}
	for _, want := range []string{
		topic + " false has one replica only", topic + " false takes messages up to 2000 bytes only", topic + ".status true",
		"kafka-configs.sh --bootstrap-server " + b.Address() + " --alter --topic " + topic + " --add-config max.message.bytes=1048588",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("findings lack %q:\n%s", want, text.String())
		}
	}
}

func TestBrokerGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	b := testbed.OwnKafka(t)
	topic, change := topics(t, nil)
	p, tr, _ := open(t, b.Addresses(), change)
	undisturbed := func() error { return nil }
	restart := func() error { return b.Start(t.Context()) }
	n := publishThrough(t, p, topic, []func() error{undisturbed, b.Kill, restart, b.Pause, b.Resume})
	onceEach(t, b.Addresses(), topic, n)
	if tr.count() == 0 {
		t.Error("nobody heard of the trouble")
	}
}

func TestLeadersAreKilled(t *testing.T) {
	t.Parallel()
	c := testbed.KafkaCluster(t, 3)
	topic, change := topics(t, func(k *sink.KafkaConfig) {
		k.Topics = sink.Topics{Partitions: 6, ReplicationFactor: 3, Config: map[string]string{"min.insync.replicas": "2"}}
	})
	p, _, s := open(t, c.Addresses(), change)
	var disturb []func() error
	for _, b := range c.Brokers[:2] {
		disturb = append(disturb, b.Kill, func() error { return b.Start(t.Context()) })
	}
	n := publishThrough(t, p, topic, disturb)
	onceEach(t, c.Addresses(), topic, n)
	if findings, err := s.Check(t.Context()); err != nil || len(findings) != 2 { // the topics of dead letters and status do not exist
		t.Errorf("check: %+v, %v", findings, err)
	}
}

const blobSize = 200

// publishThrough publishes blob after blob while the broker is disturbed, and returns how many.
func publishThrough(t *testing.T, p sink.Publisher, topic string, disturb []func() error) int {
	t.Helper()
	stop := make(chan struct{})
	published := make(chan int, 1)
	go func() {
		n := 0
		defer func() { published <- n }()
		for ; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(40 * time.Millisecond):
			}
			ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
			_, err := p.Publish(ctx, audit.Commit{Batches: []*audit.Batch{batch(t, topic, blobName(n), blobSize)}})
			cancel()
			if err != nil {
				t.Errorf("publish: %v", err)
				return
			}
		}
	}()
	for _, d := range disturb {
		if err := d(); err != nil {
			t.Errorf("disturb: %v", err)
		}
		time.Sleep(1500 * time.Millisecond)
	}
	close(stop)
	return <-published
}

func blobName(n int) string { return fmt.Sprintf("b%05d", n) }

// onceEach expects each event of the blobs exactly once.
func onceEach(t *testing.T, brokers []string, topic string, blobs int) {
	t.Helper()
	var want []string
	for n := range blobs {
		want = append(want, wantValues(blobName(n), blobSize)...)
	}
	slices.Sort(want)
	got := values(consume(t, brokers, topic, len(want)))
	if blobs == 0 || !slices.Equal(want, got) {
		t.Errorf("%d events published, %d in the log, %d of them different", len(want), len(got), len(slices.Compact(slices.Clone(got))))
	}
}

func TestMissingRightIsToldAndWaitedFor(t *testing.T) {
	t.Parallel()
	b := testbed.SecureKafka(t)
	topic, change := topics(t, func(k *sink.KafkaConfig) {
		k.TLS = broker.TLS{Enabled: true, CAFile: b.CAFile}
		k.SASL = broker.SASL{Mechanism: broker.Plain, Username: b.Guest.Name, Password: secret.String(b.Guest.Password)}
	})
	own := func(kind kafka.ResourceType, name string, pattern kafka.PatternType) kafka.ACLEntry {
		return kafka.ACLEntry{ResourceType: kind, ResourceName: name, ResourcePatternType: pattern, Operation: kafka.ACLOperationTypeAll}
	}
	err := b.Grant(t.Context(), b.Guest, own(kafka.ResourceTypeTopic, "journal."+topic, kafka.PatternTypeLiteral),
		own(kafka.ResourceTypeGroup, "g."+topic, kafka.PatternTypePrefixed),
		own(kafka.ResourceTypeTransactionalID, "g."+topic, kafka.PatternTypePrefixed))
	if err != nil {
		t.Fatal(err)
	}
	p, tr, s := open(t, []string{b.SASLAddress}, change)
	c := audit.Commit{Batches: []*audit.Batch{batch(t, topic, "a", 10)}}
	refusedWith(t, p, c, tr, "kafka-acls.sh --bootstrap-server "+b.SASLAddress+" --add --allow-principal 'User:guest' --operation Write --operation Describe --topic "+topic)
	right := func(op kafka.ACLOperationType) kafka.ACLEntry {
		return kafka.ACLEntry{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ResourcePatternType: kafka.PatternTypePrefixed, Operation: op}
	}
	if err := b.Grant(t.Context(), b.Guest, right(kafka.ACLOperationTypeDescribe)); err != nil {
		t.Fatal(err)
	}
	// It may be seen now, and does not exist, and may not be created.
	refusedWith(t, p, c, tr, "kafka-topics.sh --bootstrap-server "+b.SASLAddress+" --create --topic "+topic+" ")
	if err := b.Grant(t.Context(), b.Guest, right(kafka.ACLOperationTypeCreate), right(kafka.ACLOperationTypeWrite)); err != nil {
		t.Fatal(err)
	}
	publish(t, take(t, s), c) // a transaction that was broken off needs another take
	if got := consume(t, []string{b.Address()}, topic, 10); len(got) < 10 {
		t.Errorf("%d events, want 10", len(got))
	}
}

// refusedWith expects that a commit cannot be published and that the advice is heard.
func refusedWith(t *testing.T, p sink.Publisher, c audit.Commit, tr *troubles, advice string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		for ctx.Err() == nil && !strings.Contains(tr.hints(), advice) {
			time.Sleep(20 * time.Millisecond)
		}
		cancel()
	}()
	if _, err := p.Publish(ctx, c); err == nil {
		t.Fatal("published without a right")
	}
	<-heard
	if !strings.Contains(tr.hints(), advice) {
		t.Errorf("troubles lack %q: %s", advice, tr.hints())
	}
}
