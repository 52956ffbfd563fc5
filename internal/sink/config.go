// Package sink publishes the events of a stream: to Kafka, to standard output or to a file. What Publish has answered
// is durable.
package sink

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/txn"
	"o365-kafka-connector/internal/unit"
)

// The kinds of sinks.
const (
	KindKafka  = "kafka"
	KindStdout = "stdout"
	KindFile   = "file"
)

// The deliveries. In neither is an event lost.
const (
	ExactlyOnce = "exactly-once"  // readers of committed records see each event once, whatever crashes
	AtLeastOnce = "at-least-once" // a crash may repeat events
)

// Config says where events go.
type Config struct {
	Kind string `yaml:"kind"` // kafka, stdout or file
	Path string `yaml:"path"` // of the file
}

// SetDefaults fills a fresh Config; settings are decoded over it.
func (c *Config) SetDefaults() { c.Kind = KindKafka }

// Validate returns every problem of the settings, each beginning with its key.
func (c Config) Validate() error {
	switch {
	case !slices.Contains([]string{KindKafka, KindStdout, KindFile}, c.Kind):
		return fmt.Errorf("kind: %q is unknown: use kafka, stdout or file", c.Kind)
	case c.Kind == KindFile && c.Path == "":
		return errors.New("path: is needed for kind file, e.g. /var/lib/o365/events.jsonl")
	case c.Kind != KindFile && c.Path != "":
		return fmt.Errorf("path: counts for kind file only, not for %s", c.Kind)
	}
	return nil
}

// KafkaConfig is the connection to Kafka and what is published there.
type KafkaConfig struct {
	broker.Config `yaml:",inline"`

	Topic           string      `yaml:"topic"` // may hold {tenant} {tenant_name} {content_type} {workload} {record_type}
	Key             string      `yaml:"key"`   // record_id, user, tenant or none
	Delivery        string      `yaml:"delivery"`
	Transaction     Transaction `yaml:"transaction"`
	Compression     string      `yaml:"compression"` // none, gzip, snappy, lz4 or zstd
	DeadLetterTopic string      `yaml:"dead_letter_topic"`
	StatusTopic     string      `yaml:"status_topic"`
	JournalTopic    string      `yaml:"journal_topic"`
	Topics          Topics      `yaml:"topics"`
	CreateTopics    bool        `yaml:"create_topics"` // false: a missing topic is an error
	MaxTopics       int         `yaml:"max_topics"`    // to which a template leads at most, beside what differs by stream
}

// Transaction bounds what is published in one go.
type Transaction struct {
	Blobs   int           `yaml:"blobs"`
	Records int           `yaml:"records"`
	Linger  unit.Duration `yaml:"linger"`
	Timeout unit.Duration `yaml:"timeout"`
}

// Topics is how missing topics are created.
type Topics struct {
	Partitions        int               `yaml:"partitions"`
	ReplicationFactor int               `yaml:"replication_factor"` // -1: the broker's default
	Config            map[string]string `yaml:"config"`             // e.g. retention.ms
}

// SetDefaults fills a fresh KafkaConfig; settings are decoded over it.
func (c *KafkaConfig) SetDefaults() {
	c.Config.SetDefaults()
	c.Topic, c.Key = "o365.incidents", "record_id"
	c.Delivery, c.Compression = ExactlyOnce, "zstd"
	c.Transaction = Transaction{Blobs: 250, Records: 10000, Linger: unit.Duration(500 * time.Millisecond), Timeout: unit.Duration(time.Minute)}
	c.DeadLetterTopic, c.StatusTopic, c.JournalTopic = "o365.dead-letters", "o365.status", "o365.journal"
	c.Topics = Topics{Partitions: 12, ReplicationFactor: -1}
	c.CreateTopics = true
	c.MaxTopics = 100
}

// Validate returns every problem of the settings, each beginning with its key.
func (c KafkaConfig) Validate() error {
	problems := []error{c.Config.Validate(), ValidTemplate("topic", c.Topic), c.Transaction.validate(), c.Topics.validate()}
	if !slices.Contains([]string{"record_id", "user", "tenant", "none"}, c.Key) {
		problems = append(problems, fmt.Errorf("key: %q is unknown: use record_id, user, tenant or none", c.Key))
	}
	if c.Delivery != ExactlyOnce && c.Delivery != AtLeastOnce {
		problems = append(problems, fmt.Errorf("delivery: %q is unknown: use exactly-once or at-least-once", c.Delivery))
	}
	if !slices.Contains(txn.Codecs(), c.Compression) {
		problems = append(problems, fmt.Errorf("compression: %q is unknown: use %s", c.Compression, strings.Join(txn.Codecs(), ", ")))
	}
	problems = append(problems, ValidTopic("dead_letter_topic", c.DeadLetterTopic), ValidTopic("status_topic", c.StatusTopic),
		ValidTopic("journal_topic", c.JournalTopic))
	if c.MaxTopics < 1 || c.MaxTopics > 10_000 {
		problems = append(problems, fmt.Errorf("max_topics: %d is out of range: 1 to 10000", c.MaxTopics))
	}
	topics := []string{c.Topic, c.DeadLetterTopic, c.StatusTopic, c.JournalTopic}
	slices.Sort(topics)
	if len(slices.Compact(topics)) < 4 {
		problems = append(problems, errors.New("topic, dead_letter_topic, status_topic, journal_topic: must be four different topics"))
	}
	return errors.Join(problems...)
}

func (t Transaction) validate() error {
	var problems []error
	if t.Blobs < 1 || t.Blobs > 250 {
		problems = append(problems, fmt.Errorf("transaction.blobs: %d is out of range: 1 to 250", t.Blobs))
	}
	if t.Records < 1 {
		problems = append(problems, errors.New("transaction.records: must be positive, e.g. 10000"))
	}
	if t.Linger < 0 || t.Linger.D() > time.Minute {
		problems = append(problems, errors.New("transaction.linger: must be between 0s and 1m, e.g. 500ms"))
	}
	if t.Timeout.D() < 10*time.Second || t.Timeout.D() >= 15*time.Minute {
		problems = append(problems, errors.New("transaction.timeout: must be at least 10s and below 15m, e.g. 60s"))
	}
	return errors.Join(problems...)
}

func (t Topics) validate() error {
	var problems []error
	if t.Partitions < 1 || t.Partitions > 10000 {
		problems = append(problems, fmt.Errorf("topics.partitions: %d is out of range: 1 to 10000", t.Partitions))
	}
	if t.ReplicationFactor != -1 && (t.ReplicationFactor < 1 || t.ReplicationFactor > 100) {
		problems = append(problems, fmt.Errorf("topics.replication_factor: %d is out of range: 1 to 100, or -1 for the broker's default", t.ReplicationFactor))
	}
	for k, v := range t.Config {
		if k == "" || v == "" {
			problems = append(problems, fmt.Errorf("topics.config: %q: %q is no setting: write e.g. retention.ms: \"604800000\"", k, v))
		}
	}
	return errors.Join(problems...)
}
