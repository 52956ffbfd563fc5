package sink_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/secret"
	"o365-kafka-connector/internal/sink"
	"o365-kafka-connector/internal/testbed"
)

// A stream that lacks a right waits, names it, and goes on when it is granted.
func TestEachMissingRightIsNamed(t *testing.T) {
	t.Parallel()
	b := testbed.SecureKafka(t)
	topic, change := topics(t, func(k *sink.KafkaConfig) {
		k.TLS = broker.TLS{Enabled: true, CAFile: b.CAFile}
		k.SASL = broker.SASL{Mechanism: broker.Plain, Username: b.Guest.Name, Password: secret.String(b.Guest.Password)}
	})
	for _, name := range []string{"journal." + topic, topic} {
		if err := b.CreateTopic(t.Context(), name, 12); err != nil {
			t.Fatal(err)
		}
	}
	s, tr := sinkOf(t, []string{b.SASLAddress}, change, 12)
	opened := make(chan sink.Publisher, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	go func() {
		defer close(opened)
		p, err := s.Open(ctx, stream, 1)
		if err != nil {
			t.Errorf("open: %v", err)
			return
		}
		opened <- p
	}()
	acl := func(kind kafka.ResourceType, name string, op kafka.ACLOperationType) kafka.ACLEntry {
		return kafka.ACLEntry{ResourceType: kind, ResourceName: name, ResourcePatternType: kafka.PatternTypeLiteral, Operation: op}
	}
	id, group := "g."+topic+"/"+stream.Key(), "g."+topic+"."+stream.Tenant.ID+"."+string(stream.ContentType)
	for _, step := range []struct {
		advice string
		grant  []kafka.ACLEntry
	}{
		{"--operation Read --operation Write --operation Describe --topic journal." + topic, []kafka.ACLEntry{
			acl(kafka.ResourceTypeTopic, "journal."+topic, kafka.ACLOperationTypeRead), acl(kafka.ResourceTypeTopic, "journal."+topic, kafka.ACLOperationTypeWrite),
		}},
		{"--operation Write --operation Describe --transactional-id " + id, []kafka.ACLEntry{acl(kafka.ResourceTypeTransactionalID, id, kafka.ACLOperationTypeWrite)}},
		{"--operation Read --group " + group, []kafka.ACLEntry{acl(kafka.ResourceTypeGroup, group, kafka.ACLOperationTypeRead)}},
	} {
		for !strings.Contains(tr.hints(), step.advice) {
			if ctx.Err() != nil {
				t.Fatalf("troubles lack %q: %s", step.advice, tr.hints())
			}
			time.Sleep(20 * time.Millisecond)
		}
		if err := b.Grant(t.Context(), b.Guest, step.grant...); err != nil {
			t.Fatal(err)
		}
	}
	p, ok := <-opened
	if !ok {
		t.Fatal("not opened with all rights")
	}
	c := audit.Commit{Entry: entryOf(1), Batches: []*audit.Batch{batch(t, topic, "a", 10)}}
	refusedWith(t, p, c, tr, "--operation Write --operation Describe --topic "+topic)
	if err := b.Grant(t.Context(), b.Guest, acl(kafka.ResourceTypeTopic, topic, kafka.ACLOperationTypeWrite)); err != nil {
		t.Fatal(err)
	}
	p = take(t, s)
	publish(t, p, c)
	if got := numbers(journalOf(t, p, 0)); len(got) != 1 || got[0] != 1 {
		t.Errorf("journal %v", got)
	}
}

// Brokers without transactions are found out at the start; nothing is delivered in another way than was asked for.
func TestBrokersWithoutTransactionsAreRefused(t *testing.T) {
	t.Parallel()
	c := fake(t, kfake.MaxVersions(kversion.V2_3_0()))
	for delivery, refuse := range map[string]bool{sink.ExactlyOnce: true, sink.AtLeastOnce: false} {
		s, _ := sinkOf(t, c.ListenAddrs(), func(k *sink.KafkaConfig) { k.Delivery = delivery }, 12)
		found := ""
		all, err := s.Check(bounded(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			if f.Refuse {
				found += f.Text + ": " + f.Hint
			}
		}
		if refuse != strings.Contains(found, "kafka.delivery: at-least-once") {
			t.Errorf("%s: %q", delivery, found)
		}
	}
}
