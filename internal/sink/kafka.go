package sink

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/txn"
)

const (
	// requestTimeout is how long a broker may leave a request without an answer.
	requestTimeout = 10 * time.Second
	// maxBatch bounds a partition's batch before compression: below the 1 MiB that brokers take by default.
	maxBatch = 900 << 10
	// maxFlush bounds what a publisher encodes before it sends, over all partitions: memory is this times streams.
	maxFlush = 1 << 20
)

// KafkaSink publishes to Kafka with one producer for each stream: a transactional one, or in delivery at-least-once an
// idempotent one.
type KafkaSink struct {
	conn    *broker.Conn
	config  KafkaConfig
	options Options
	codec   txn.Codec
	topics  *txn.Topics
	events  []string // topics of events that are known beforehand
	group   string   // in whose name streams keep their journals
	shards  int      // over which these are spread
	streams []audit.Stream

	mu     sync.Mutex // guards the following
	limits map[string]int

	telling sync.Mutex // guards the following, also while it publishes
	teller  *publisher // of what belongs to no stream's commit
}

// newKafka returns a sink over a connection, which it closes in the end.
func newKafka(conn *broker.Conn, s Settings, o Options) (*KafkaSink, error) {
	codec, err := txn.NewCodec(s.Kafka.Compression)
	if err != nil {
		return nil, err
	}
	return &KafkaSink{
		conn: conn, config: s.Kafka, options: o.withDefaults(), codec: codec, events: s.Topics, group: s.Group, shards: s.Shards, streams: s.Streams,
		topics: txn.NewTopics(conn, requestTimeout), limits: map[string]int{},
	}, nil
}

// Open returns the publisher of a stream.
func (k *KafkaSink) Open(ctx context.Context, s audit.Stream, epoch int64) (Publisher, error) {
	if k.config.Delivery == AtLeastOnce {
		return k.openIdempotent(ctx, s, epoch)
	}
	return k.openTransactional(ctx, s)
}

// open returns a publisher with an idempotent producer.
func (k *KafkaSink) open(s audit.Stream) *publisher {
	p := &publisher{sink: k, stream: s, topics: map[string]*openTopic{}}
	p.out = txn.NewProducer(k.conn, k.topics, txn.Options{Codec: k.codec, Timeout: requestTimeout, Failed: p.failed})
	return p
}

// Close closes the connections.
func (k *KafkaSink) Close() error {
	k.conn.Close()
	return nil
}

// creation is how a topic of ours is created.
func (k *KafkaSink) creation(topic string) broker.NewTopic {
	if topic == k.config.JournalTopic {
		return k.journalCreation()
	}
	config := map[string]string{}
	for name, value := range k.config.Topics.Config {
		config[name] = value
	}
	if topic == k.config.StatusTopic {
		config["cleanup.policy"] = "compact"
	}
	return broker.NewTopic{
		Name: topic, Partitions: k.config.Topics.Partitions, Replication: k.config.Topics.ReplicationFactor, Config: config,
	}
}

// hintHanging is about an offset that waits for the end of a transaction.
const hintHanging = "the last owner's transaction is not completed in Kafka; the connector completes it after 20 s. If this goes on for " +
	"minutes, it is another producer's: look for it with kafka-transactions.sh, as docs/operations.md tells under \"Hanging transactions\""

// explain turns an error about a topic into a fault with advice.
func (k *KafkaSink) explain(topic string, err error) *audit.Fault {
	p := k.conn.Explain(err, broker.About{Topic: topic, Create: k.creation(topic)})
	hint := p.Hint
	if p.Kind == broker.UnknownTopic && !k.config.CreateTopics {
		hint += " ; or set kafka.create_topics: true"
	}
	if errors.Is(err, kafka.UnstableOffsetCommit) {
		hint = hintHanging
	}
	return &audit.Fault{Cause: audit.CauseSink, Scope: audit.OfStream, Hint: hint, Err: err}
}

// ensure makes a topic that a broker does not know, if that is allowed. Nil means that asking again is worth while.
func (k *KafkaSink) ensure(ctx context.Context, topic string, unknown error) error {
	if !k.config.CreateTopics || !errors.Is(unknown, kafka.UnknownTopicOrPartition) {
		return unknown
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err := k.conn.CreateTopic(ctx, k.creation(topic))
	k.topics.Forget(topic)
	if errors.Is(err, kafka.TopicAuthorizationFailed) || errors.Is(err, kafka.ClusterAuthorizationFailed) {
		return k.conn.Explain(err, broker.About{Topic: topic, Operations: kafka.ACLOperationTypeCreate.String(), Create: k.creation(topic)})
	}
	return err
}

// limit returns how large a batch for the topic may become before compression. A broker that does not tell gets the
// default.
func (k *KafkaSink) limit(ctx context.Context, topic string) int {
	k.mu.Lock()
	n, ok := k.limits[topic]
	k.mu.Unlock()
	if ok {
		return n
	}
	n = maxBatch
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	config, err := k.conn.TopicConfig(ctx, topic)
	if err != nil && !errors.Is(err, kafka.TopicAuthorizationFailed) {
		return n
	}
	var told int
	if _, err := fmt.Sscan(config["max.message.bytes"], &told); err == nil && told > 0 {
		n = min(n, told)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.limits[topic] = n
	return n
}

// forgetLimit has the limit read again: a batch within it was refused.
func (k *KafkaSink) forgetLimit(topic string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.limits, topic)
}
