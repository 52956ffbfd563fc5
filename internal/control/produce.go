package control

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/txn"
)

// permanentTries is how often a broker may refuse a message for good before it is given up.
const permanentTries = 3

// errGivenUp means that no broker will ever take a message.
var errGivenUp = errors.New("the broker refuses the message")

// outgoing is a message to be written.
type outgoing struct {
	key     string
	value   []byte
	headers []kafka.Header
}

// reply writes one part of a reply. Where the topic that the sender named cannot take it, the reply topic does. Nil
// means that it is in the log, at least once, or that no topic will ever take it, which is logged.
func (g *Group) reply(ctx context.Context, c Command, value []byte) error {
	topic := g.config.ReplyTopic
	if c.ReplyTo != "" {
		topic = c.ReplyTo
	}
	err := g.produce(ctx, topic, -1, outgoing{key: c.ID, value: value})
	if errors.Is(err, errGivenUp) && topic != g.config.ReplyTopic {
		err = g.produce(ctx, g.config.ReplyTopic, -1, outgoing{key: c.ID, value: value})
	}
	if errors.Is(err, errGivenUp) {
		return nil
	}
	return err
}

// produce writes a message to a partition, or to the one of its key if that is -1, and tries until it is in the log
// of all replicas in sync.
func (g *Group) produce(ctx context.Context, topic string, partition int, m outgoing) error {
	w := writer{conn: g.options.Conn, topics: g.topics}
	pace := txn.Pace()
	for refusals := 0; ; {
		err := w.write(ctx, topic, partition, m)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("write to topic %s: %w", topic, err)
		}
		p := g.options.Conn.Explain(err, broker.About{Topic: topic})
		if permanent(p) {
			refusals++
		}
		g.log.Warn("reply or command cannot be written", "topic", topic, "error", p, "hint", p.Hint)
		if refusals == permanentTries {
			return fmt.Errorf("write to topic %s: %w: %w", topic, errGivenUp, err)
		}
		if sleepErr := sleep(ctx, pace.NextBackOff()); sleepErr != nil {
			return fmt.Errorf("write to topic %s: %w", topic, errors.Join(sleepErr, err))
		}
	}
}

func permanent(p *broker.Problem) bool {
	return slices.Contains([]broker.Kind{broker.TopicDenied, broker.UnknownTopic, broker.BadTopic}, p.Kind) ||
		errors.Is(p, kafka.MessageSizeTooLarge) || errors.Is(p, kafka.InvalidRecord)
}

// writer writes single messages.
type writer struct {
	conn   *broker.Conn
	topics *txn.Topics
}

// write tries once.
func (w writer) write(ctx context.Context, topic string, partition int, m outgoing) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if partition < 0 {
		known, err := w.topics.Partitions(ctx, topic)
		if err != nil {
			return err
		}
		partition = int(txn.PartitionOf([]byte(m.key), len(known)))
	}
	r := kafka.Record{Value: kafka.NewBytes(m.value), Headers: m.headers}
	if m.key != "" {
		r.Key = kafka.NewBytes([]byte(m.key))
	}
	res, err := w.conn.Client.Produce(ctx, &kafka.ProduceRequest{
		Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(r),
	})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		w.topics.Forget(topic)
	}
	return err
}
