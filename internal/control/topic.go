package control

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/txn"
)

// maxMessage is the control topic's limit: above that of a command, so that one that is too large gets a reply.
const maxMessage = 2 * MaxCommand

// prepareTopics waits until both topics are there. An error is one that waiting does not cure.
func (g *Group) prepareTopics(ctx context.Context) error {
	replication := g.options.Replication
	if replication == 0 {
		replication = -1
	}
	control := broker.NewTopic{
		Name: g.config.Topic, Partitions: g.config.Partitions, Replication: replication,
		Config: map[string]string{
			"max.message.bytes": strconv.Itoa(maxMessage),
			// A sender's clock must not keep its messages for ever, nor have them deleted at once.
			"message.timestamp.type": "LogAppendTime",
		},
	}
	count, err := g.prepareTopic(ctx, control)
	if err != nil {
		return err
	}
	if count != g.config.Partitions {
		return errPartitions(g.config.Topic, count, g.config.Partitions)
	}
	if err := g.bindPartitions(ctx); err != nil {
		return err
	}
	_, err = g.prepareTopic(ctx, broker.NewTopic{Name: g.config.ReplyTopic, Partitions: 1, Replication: replication})
	return err
}

// prepareTopic returns the number of a topic's partitions.
func (g *Group) prepareTopic(ctx context.Context, t broker.NewTopic) (int, error) {
	about := broker.About{Topic: t.Name, Operations: g.config.operations(t.Name), Create: t}
	pace := txn.Pace()
	told := false
	for {
		count, err := g.partitions(ctx, t)
		if err == nil {
			return count, nil
		}
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		p := g.options.Conn.Explain(err, about)
		if p.Kind == broker.UnknownTopic && !g.options.CreateTopics || p.Kind == broker.BadTopic {
			return 0, fmt.Errorf("prepare topic %s: %w: %s", t.Name, p, p.Hint)
		}
		if !told && !errors.Is(err, errNoLeader) {
			g.log.Warn("topic is not usable yet", "topic", t.Name, "error", p, "hint", p.Hint)
			told = true
		}
		if err := sleep(ctx, pace.NextBackOff()); err != nil {
			return 0, err
		}
	}
}

var errNoLeader = errors.New("the topic's partitions have no leaders yet")

func (g *Group) partitions(ctx context.Context, t broker.NewTopic) (int, error) {
	cluster, err := g.options.Conn.Describe(ctx, t.Name)
	if err != nil {
		return 0, err
	}
	found := cluster.Topics[t.Name]
	if errors.Is(found.Err, kafka.UnknownTopicOrPartition) && g.options.CreateTopics {
		if err := g.options.Conn.CreateTopic(ctx, t); err != nil {
			return 0, g.options.Conn.Explain(err, broker.About{Topic: t.Name, Operations: kafka.ACLOperationTypeCreate.String(), Create: t})
		}
		return 0, fmt.Errorf("%w: it has just been created", errNoLeader)
	}
	if found.Err != nil {
		return 0, found.Err
	}
	for _, p := range found.Partitions {
		if p.Leader < 0 {
			return 0, errNoLeader
		}
	}
	if p := g.options.Conn.MissingTopicRight(found, g.config.needs(t.Name)...); p != nil {
		g.log.Warn("right is missing", "topic", t.Name, "error", p, "hint", p.Hint)
	}
	return len(found.Partitions), nil
}

// bindPartitions refuses another number of partitions than the deployment began with. It waits while that cannot be
// asked.
func (g *Group) bindPartitions(ctx context.Context) error {
	if g.options.Deployment == nil {
		return nil
	}
	pace := txn.Pace()
	told := false
	for {
		stored, err := g.bind(ctx)
		switch {
		case err == nil && stored == g.config.Partitions:
			return nil
		case err == nil:
			return fmt.Errorf("control.partitions is %d, and this deployment began with %d: the places of streams, their commands and their "+
				"journal would move: set control.partitions: %d and let topic %s have that many", g.config.Partitions, stored, stored, g.config.Topic)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !told:
			g.log.Warn("number of control partitions cannot be compared yet", "error", err,
				"hint", "check the connection to the checkpoint store")
			told = true
		}
		if err := sleep(ctx, pace.NextBackOff()); err != nil {
			return err
		}
	}
}

func (g *Group) bind(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return g.options.Deployment.BindPartitions(ctx, g.config.Partitions)
}
