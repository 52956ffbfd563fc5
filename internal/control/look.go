package control

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/broker"
)

// Look tells how the topics and the group are, and changes nothing. An error is what would keep a member from its work.
// Topics that are missing are none if the connector may create them.
func Look(ctx context.Context, c Config, conn *broker.Conn, create bool) (string, error) {
	cluster, err := conn.Describe(ctx, c.Topic, c.ReplyTopic)
	if err != nil {
		return "", conn.Explain(err, broker.About{})
	}
	var said []string
	for _, name := range []string{c.Topic, c.ReplyTopic} {
		partitions := 1
		if name == c.Topic {
			partitions = c.Partitions
		}
		found := cluster.Topics[name]
		planned := broker.NewTopic{Name: name, Partitions: partitions, Replication: -1}
		switch {
		case errors.Is(found.Err, kafka.UnknownTopicOrPartition) && create:
			if p := conn.MissingCreateRight(ctx, planned); p != nil {
				return "", fmt.Errorf("look at topic %s: %w", name, p)
			}
			said = append(said, name+" is created at the start")
		case found.Err != nil:
			about := broker.About{Topic: name, Operations: c.operations(name), Create: planned}
			return "", fmt.Errorf("look at topic %s: %w", name, conn.Explain(found.Err, about))
		case name == c.Topic && len(found.Partitions) != partitions:
			return "", errPartitions(name, len(found.Partitions), partitions)
		}
		if p := conn.MissingTopicRight(found, c.needs(name)...); p != nil {
			return "", fmt.Errorf("look at topic %s: %w", name, p)
		}
	}
	if p := conn.MissingGroupRight(ctx, c.GroupID); p != nil {
		return "", fmt.Errorf("look at group %s: %w", c.GroupID, p)
	}
	v, err := settled(ctx, NewRoster(c, conn))
	if err != nil {
		return "", err
	}
	return strings.Join(append(said, fmt.Sprintf("members of group %s: %d", c.GroupID, len(v.members))), "; "), nil
}

// settled asks who is in the group until there is a coordinator that knows: the first question that a new Kafka gets
// about any group is what has it create the topic of its groups.
func settled(ctx context.Context, r *Roster) (view, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	for {
		v, err := r.describe(ctx)
		if err == nil || !passing(err) || sleep(ctx, claimPause) != nil {
			return v, err
		}
	}
}

// needs are the operations on a topic without which commands go unheard or unanswered. Members also write to the
// control topic, to pass on what reached the wrong one.
func (c Config) needs(topic string) []kafka.ACLOperationType {
	if topic == c.Topic {
		return []kafka.ACLOperationType{kafka.ACLOperationTypeRead, kafka.ACLOperationTypeWrite}
	}
	return []kafka.ACLOperationType{kafka.ACLOperationTypeWrite}
}

// operations are those of needs, as an advice names them.
func (c Config) operations(topic string) string {
	var names []string
	for _, op := range c.needs(topic) {
		names = append(names, op.String())
	}
	return strings.Join(names, ",")
}
