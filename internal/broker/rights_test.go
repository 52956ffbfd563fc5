package broker_test

import (
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/testbed"
)

// Rights are asked for without changing anything, and without a wait.
func TestRightsAreAskedFor(t *testing.T) {
	b := testbed.SecureKafka(t)
	topic := testbed.Name(t)
	all := connect(t, broker.Config{Brokers: []string{b.Address()}})
	guest := connect(t, broker.Config{
		Brokers: []string{b.SASLAddress}, TLS: broker.TLS{Enabled: true, CAFile: b.CAFile}, SASL: password(broker.ScramSHA512, b.Guest),
	})
	fresh := broker.NewTopic{Name: topic, Partitions: 1, Replication: -1}
	began := time.Now()
	for _, c := range []struct {
		name    string
		problem *broker.Problem
		want    broker.Kind // empty: none
	}{
		{"all, create", all.MissingCreateRight(ask(t), fresh), ""},
		{"all, group", all.MissingGroupRight(ask(t), topic), ""},
		{"guest, create", guest.MissingCreateRight(ask(t), fresh), broker.TopicDenied},
		{"guest, group", guest.MissingGroupRight(ask(t), topic), broker.GroupDenied},
		{"guest, transactional id", guest.MissingTransactionalRight(ask(t), topic), broker.TransactionalDenied},
	} {
		if c.problem == nil && c.want != "" || c.problem != nil && c.problem.Kind != c.want {
			t.Errorf("%s: %+v, want %q", c.name, c.problem, c.want)
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	cluster, err := all.Describe(ask(t), topic)
	if err != nil || cluster.Topics[topic].Err == nil {
		t.Fatalf("looking created the topic: %+v, %v", cluster, err)
	}
	if err := all.CreateTopic(ask(t), fresh); err != nil {
		t.Fatal(err)
	}
	entry := kafka.ACLEntry{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ResourcePatternType: kafka.PatternTypeLiteral,
		Operation: kafka.ACLOperationTypeRead,
	}
	if err := b.Grant(t.Context(), b.Guest, entry); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		cluster, err = guest.Describe(ask(t), topic)
		if err == nil && cluster.Topics[topic].Err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%+v, %v", cluster, err)
		}
	}
	found := cluster.Topics[topic]
	if p := guest.MissingTopicRight(found, kafka.ACLOperationTypeRead); p != nil {
		t.Errorf("Read was granted: %+v", p)
	}
	if p := guest.MissingTopicRight(found, kafka.ACLOperationTypeWrite); p == nil || p.Kind != broker.TopicDenied {
		t.Errorf("Write was not granted: %+v", p)
	}
}
