package sink_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
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
		k.Topic, k.DeadLetterTopic, k.StatusTopic = name, name+".dead", name+".status"
		if change != nil {
			change(k)
		}
	}
}

func TestRealKafkaTakesEveryCodec(t *testing.T) {
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
	r := rand.New(rand.NewSource(1))
	for i := range out {
		out[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!#"[r.Intn(64)]
	}
	return out
}

func TestRecordsThatAreTooLargeBecomeDeadLetters(t *testing.T) {
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
	b := testbed.OwnKafka(t)
	topic, change := topics(t, nil)
	p, tr, _ := open(t, b.Addresses(), change)
	var want []string
	ctx := t.Context()
	disturb := []func() error{
		func() error { return nil },
		b.Kill,
		func() error { return b.Start(ctx) },
		b.Pause,
		b.Resume,
	}
	done := make(chan error, 1)
	publishing, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	var published int
	go func() {
		for i := 0; ; i++ {
			select {
			case <-publishing.Done():
				done <- nil
				return
			default:
			}
			blob := fmt.Sprintf("b%04d", i)
			cut, cancel := context.WithTimeout(context.WithoutCancel(publishing), time.Minute)
			_, err := p.Publish(cut, audit.Commit{Batches: []*audit.Batch{batch(t, topic, blob, 200)}})
			cancel()
			if err != nil {
				done <- err
				return
			}
			want = append(want, wantValues(blob, 200)...)
			published++
		}
	}()
	for _, d := range disturb {
		if err := d(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
	}
	stop()
	if err := <-done; err != nil {
		t.Fatalf("publish: %v", err)
	}
	slices.Sort(want)
	got := values(consume(t, b.Addresses(), topic, len(want)))
	if !slices.Equal(want, got) {
		t.Errorf("%d published, %d in the log, %d of them different", len(want), len(got), len(slices.Compact(slices.Clone(got))))
	}
	if tr.count() == 0 {
		t.Error("nobody heard of the trouble")
	}
	t.Logf("%d commits; troubles:\n%s", published, tr.hints())
}

func TestMissingRightIsToldAndWaitedFor(t *testing.T) {
	b := testbed.SecureKafka(t)
	topic, change := topics(t, func(k *sink.KafkaConfig) {
		k.TLS = broker.TLS{Enabled: true, CAFile: b.CAFile}
		k.SASL = broker.SASL{Mechanism: broker.Plain, Username: b.Guest.Name, Password: secret.String(b.Guest.Password)}
	})
	p, tr, _ := open(t, []string{b.SASLAddress}, change)
	c := audit.Commit{Batches: []*audit.Batch{batch(t, topic, "a", 10)}}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := p.Publish(ctx, c); err == nil {
		t.Fatal("published without a right")
	}
	if !strings.Contains(tr.hints(), "kafka-acls.sh") || !strings.Contains(tr.hints(), "--topic "+topic) {
		t.Errorf("troubles: %s", tr.hints())
	}
	right := func(op kafka.ACLOperationType) kafka.ACLEntry {
		return kafka.ACLEntry{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ResourcePatternType: kafka.PatternTypePrefixed, Operation: op}
	}
	if err := b.Grant(t.Context(), b.Guest, right(kafka.ACLOperationTypeDescribe)); err != nil {
		t.Fatal(err)
	}
	// It may be seen now, and does not exist, and may not be created.
	ctx, cancel = context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := p.Publish(ctx, c); err == nil {
		t.Fatal("published without the right to create")
	}
	if !strings.Contains(tr.hints(), "kafka-topics.sh --bootstrap-server "+b.SASLAddress+" --create --topic "+topic+" ") {
		t.Errorf("troubles: %s", tr.hints())
	}
	if err := b.Grant(t.Context(), b.Guest, right(kafka.ACLOperationTypeCreate), right(kafka.ACLOperationTypeWrite)); err != nil {
		t.Fatal(err)
	}
	publish(t, p, c)
	if got := consume(t, []string{b.Address()}, topic, 10); len(got) < 10 {
		t.Errorf("%d events, want 10", len(got))
	}
}
