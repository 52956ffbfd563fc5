package sink

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/broker"
)

// Check asks Kafka about the topics that the settings name, and compares them with what is needed. Topics whose names
// depend on the event are left out. The error means that Kafka could not be asked; it is a *broker.Problem.
func (k *KafkaSink) Check(ctx context.Context) ([]Finding, error) {
	names := append(slices.Clone(k.events), k.config.JournalTopic, k.config.DeadLetterTopic, k.config.StatusTopic)
	cluster, err := k.conn.Describe(ctx, names...)
	if err != nil {
		return nil, k.conn.Explain(err, broker.About{})
	}
	out, err := k.supported(ctx)
	if err != nil {
		return nil, k.conn.Explain(err, broker.About{})
	}
	for _, name := range names {
		t := cluster.Topics[name]
		if t.Err != nil {
			out = append(out, k.absent(ctx, t)...)
			continue
		}
		out = append(append(out, k.topicRights(t)...), k.compare(ctx, t)...)
	}
	return append(out, k.streamRights(ctx)...), nil
}

// absent tells what follows from a topic that cannot be used.
func (k *KafkaSink) absent(ctx context.Context, t broker.Topic) []Finding {
	if errors.Is(t.Err, kafka.UnknownTopicOrPartition) && k.config.CreateTopics {
		if denied := k.creationRights(ctx, t.Name); denied != nil {
			return denied
		}
		return []Finding{{Topic: t.Name, Note: true, Text: "does not exist yet and is created when it is needed", Hint: "to create it yourself: " + k.conn.Command(k.creation(t.Name))}}
	}
	f := k.explain(t.Name, t.Err)
	return []Finding{{Topic: t.Name, Fatal: true, Text: t.Err.Error(), Hint: f.Hint}}
}

// compare finds what is wrong with a topic that exists. It is never altered.
func (k *KafkaSink) compare(ctx context.Context, t broker.Topic) []Finding {
	var out []Finding
	note := func(text, hint string) { out = append(out, Finding{Topic: t.Name, Text: text, Hint: hint}) }
	if len(t.Partitions) > 0 && t.Partitions[0].Replicas == 1 {
		note("has one replica only: what is acknowledged is lost with that broker", "raise the replication factor to 3 (kafka-reassign-partitions.sh)")
	}
	config, err := k.conn.TopicConfig(ctx, t.Name)
	if err != nil {
		p := k.conn.Explain(err, broker.About{Topic: t.Name, Operations: "DescribeConfigs"})
		note("its settings cannot be read: "+err.Error(), p.Hint)
		return out
	}
	if t.Name == k.config.JournalTopic {
		return append(out, k.compareJournal(t, config)...)
	}
	k.compareSettings(t, config, note)
	return out
}

func (k *KafkaSink) compareSettings(t broker.Topic, config map[string]string, note func(text, hint string)) {
	alter := func(setting string) string {
		return k.conn.AlterCommand(t.Name, setting)
	}
	number := func(name string) (int64, bool) {
		n, err := strconv.ParseInt(config[name], 10, 64)
		return n, err == nil
	}
	if n, ok := number("min.insync.replicas"); ok && n < 2 && len(t.Partitions) > 0 && t.Partitions[0].Replicas > 1 {
		note("has min.insync.replicas 1: one broker's word is taken for all", alter("min.insync.replicas=2"))
	}
	if n, ok := number("max.message.bytes"); ok && n < maxBatch {
		note(fmt.Sprintf("takes messages up to %d bytes only: batches become smaller, and larger events dead letters", n), alter("max.message.bytes=1048588"))
	}
	compacted := strings.Contains(config["cleanup.policy"], "compact")
	if status := t.Name == k.config.StatusTopic; status != compacted {
		want := "delete"
		if status {
			want = "compact"
		}
		note(fmt.Sprintf("has cleanup.policy %s where %s is meant", config["cleanup.policy"], want), alter("cleanup.policy="+want))
	}
	if n, ok := number("retention.ms"); ok && !compacted && n >= 0 && n < (24*time.Hour).Milliseconds() {
		note(fmt.Sprintf("keeps messages for %s only: a consumer that rests longer loses them", time.Duration(n)*time.Millisecond), alter("retention.ms=604800000"))
	}
	for name, want := range k.creation(t.Name).Config {
		if have, ok := config[name]; ok && have != want && name != "cleanup.policy" {
			note(fmt.Sprintf("has %s %s where kafka.topics.config says %s: existing topics are left as they are", name, have, want), alter(name+"="+want))
		}
	}
}
