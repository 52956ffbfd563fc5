package txn

import (
	"context"
	"fmt"
	"sync"
	"time"

	"o365-kafka-connector/internal/broker"
)

// topicAge is how long a topic's partitions and leaders are believed without being asked for again.
const topicAge = 5 * time.Minute

// Topics remembers the partitions of topics and their leaders. It is safe for concurrent use, and meant to be shared
// by all producers of a connection.
type Topics struct {
	conn    *broker.Conn
	timeout time.Duration

	mu    sync.Mutex // guards the following
	known map[string]knownTopic
}

type knownTopic struct {
	partitions []broker.Partition
	asked      time.Time
}

// NewTopics returns an empty memory whose questions wait at most the timeout for an answer.
func NewTopics(conn *broker.Conn, timeout time.Duration) *Topics {
	return &Topics{conn: conn, timeout: timeout, known: map[string]knownTopic{}}
}

// Partitions returns the partitions of a topic, by number. The error tells, among others, that the topic does not
// exist (kafka.UnknownTopicOrPartition) or is not ours to see (kafka.TopicAuthorizationFailed).
func (t *Topics) Partitions(ctx context.Context, topic string) ([]broker.Partition, error) {
	t.mu.Lock()
	k, ok := t.known[topic]
	t.mu.Unlock()
	if ok && time.Since(k.asked) < topicAge {
		return k.partitions, nil
	}
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	cluster, err := t.conn.Describe(ctx, topic)
	if err != nil {
		return nil, err
	}
	found := cluster.Topics[topic]
	if found.Err == nil && len(found.Partitions) == 0 {
		return nil, fmt.Errorf("look up topic %s: it has no partitions yet", topic)
	}
	if found.Err != nil {
		return nil, fmt.Errorf("look up topic %s: %w", topic, found.Err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known[topic] = knownTopic{partitions: found.Partitions, asked: time.Now()}
	return found.Partitions, nil
}

// Forget makes the next question about the topic go to a broker.
func (t *Topics) Forget(topic string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.known, topic)
}
