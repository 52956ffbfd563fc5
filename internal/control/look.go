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
	for name, partitions := range map[string]int{c.Topic: c.Partitions, c.ReplyTopic: 1} {
		found := cluster.Topics[name]
		switch {
		case errors.Is(found.Err, kafka.UnknownTopicOrPartition) && create:
			said = append(said, name+" is created at the start")
		case found.Err != nil:
			about := broker.About{Topic: name, Operations: "Read,Write,Describe", Create: broker.NewTopic{Name: name, Partitions: partitions, Replication: -1}}
			return "", fmt.Errorf("look at topic %s: %w", name, conn.Explain(found.Err, about))
		case name == c.Topic && len(found.Partitions) != partitions:
			return "", errPartitions(name, len(found.Partitions), partitions)
		}
	}
	members, err := NewRoster(c, conn).Overview(ctx)
	if err != nil {
		return "", err
	}
	return strings.Join(append(said, fmt.Sprintf("group %s has %d members", c.GroupID, len(members))), "; "), nil
}
