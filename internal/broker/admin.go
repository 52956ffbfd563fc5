package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/segmentio/kafka-go"
)

// NewTopic is a topic to create.
type NewTopic struct {
	Name        string
	Partitions  int
	Replication int // -1: the broker's default
	Config      map[string]string
}

// CreateTopic creates a topic. A topic that exists already is success: it stays as it is.
func (c *Conn) CreateTopic(ctx context.Context, t NewTopic) error {
	var entries []kafka.ConfigEntry
	for _, k := range slices.Sorted(maps.Keys(t.Config)) {
		entries = append(entries, kafka.ConfigEntry{ConfigName: k, ConfigValue: t.Config[k]})
	}
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	res, err := c.Client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic: t.Name, NumPartitions: t.Partitions, ReplicationFactor: t.Replication, ConfigEntries: entries,
	}}})
	if err == nil {
		err = res.Errors[t.Name]
	}
	if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
		return fmt.Errorf("create topic %s: %w", t.Name, err)
	}
	return nil
}

// Command returns the line of Kafka's own tool that creates the topic.
func (c *Conn) Command(t NewTopic) string {
	var b strings.Builder
	fmt.Fprintf(&b, "kafka-topics.sh --bootstrap-server %s --create --topic %s --partitions %d", c.bootstrap(), t.Name, t.Partitions)
	if t.Replication > 0 {
		b.WriteString(" --replication-factor " + strconv.Itoa(t.Replication))
	}
	for _, k := range slices.Sorted(maps.Keys(t.Config)) {
		fmt.Fprintf(&b, " --config %s=%s", k, t.Config[k])
	}
	return b.String()
}

// TopicConfig returns the settings that count for a topic, the broker's defaults included.
func (c *Conn) TopicConfig(ctx context.Context, topic string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	res, err := c.Client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
	}}})
	if err != nil {
		return nil, fmt.Errorf("ask for the settings of topic %s: %w", topic, err)
	}
	out := map[string]string{}
	for _, r := range res.Resources {
		if r.Error != nil {
			return nil, fmt.Errorf("ask for the settings of topic %s: %w", topic, r.Error)
		}
		for _, e := range r.ConfigEntries {
			out[e.ConfigName] = e.ConfigValue
		}
	}
	return out, nil
}

// AlterCommand returns the line of Kafka's own tool that changes a setting of a topic.
func (c *Conn) AlterCommand(topic, setting string) string {
	return fmt.Sprintf("kafka-configs.sh --bootstrap-server %s --alter --topic %s --add-config %s", c.bootstrap(), topic, setting)
}

// PartitionsCommand returns the line of Kafka's own tool that gives a topic more partitions.
func (c *Conn) PartitionsCommand(topic string, partitions int) string {
	return fmt.Sprintf("kafka-topics.sh --bootstrap-server %s --alter --topic %s --partitions %d", c.bootstrap(), topic, partitions)
}
