package sink_test

import (
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"o365-kafka-connector/internal/sink"
	"o365-kafka-connector/internal/unit"
)

// the section as the contract has it.
const contract = `
brokers: [localhost:9092]
topic: o365.incidents
key: record_id
delivery: exactly-once
transaction: {blobs: 250, records: 10000, linger: 500ms, timeout: 60s}
compression: zstd
dead_letter_topic: o365.dead-letters
status_topic: o365.status
journal_topic: o365.journal
topics: {partitions: 12, replication_factor: -1, config: {retention.ms: "1"}}
create_topics: true
max_topics: 100
tls: {enabled: false, ca_file: "", cert_file: "", key_file: "", insecure: false}
sasl: {mechanism: "", username: "", password: ""}
`

func TestContractIsTheDefault(t *testing.T) {
	var c, d sink.KafkaConfig
	d.SetDefaults()
	dec := yaml.NewDecoder(strings.NewReader(contract))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil {
		t.Fatal(err)
	}
	if c.Topics.Config["retention.ms"] != "1" {
		t.Errorf("topics.config: %v", c.Topics.Config)
	}
	c.Topics.Config = nil
	a, _ := yaml.Marshal(c)
	b, _ := yaml.Marshal(d)
	if string(a) != string(b) {
		t.Errorf("decoded:\n%s\ndefaults:\n%s", a, b)
	}
	if err := d.Validate(); err != nil {
		t.Error(err)
	}
}

func TestProblemsNameTheirKeys(t *testing.T) {
	tests := []struct {
		change func(*sink.KafkaConfig)
		want   string
	}{
		{func(c *sink.KafkaConfig) { c.Delivery = "at-most-once" }, "delivery: \"at-most-once\" is unknown"},
		{func(c *sink.KafkaConfig) { c.Topic = "a.{tenant}.{nope}" }, "topic: {nope} is no placeholder"},
		{func(c *sink.KafkaConfig) { c.Topic = "a b" }, "topic: \"a b\" is no topic name"},
		{func(c *sink.KafkaConfig) { c.Topic = "" }, "topic: must name"},
		{func(c *sink.KafkaConfig) { c.Key = "id" }, "key:"},
		{func(c *sink.KafkaConfig) { c.Compression = "brotli" }, "compression:"},
		{func(c *sink.KafkaConfig) { c.Transaction.Blobs = 251 }, "transaction.blobs: 251"},
		{func(c *sink.KafkaConfig) { c.Transaction.Records = 0 }, "transaction.records:"},
		{func(c *sink.KafkaConfig) { c.Transaction.Timeout = 1 }, "transaction.timeout:"},
		{func(c *sink.KafkaConfig) { c.Transaction.Timeout = unit.Duration(15 * time.Minute) }, "transaction.timeout:"},
		{func(c *sink.KafkaConfig) { c.JournalTopic = "j{b}" }, "journal_topic:"},
		{func(c *sink.KafkaConfig) { c.JournalTopic = c.StatusTopic }, "must be four different topics"},
		{func(c *sink.KafkaConfig) { c.StatusTopic = "a{b}" }, "status_topic:"},
		{func(c *sink.KafkaConfig) { c.DeadLetterTopic = c.Topic }, "must be four different topics"},
		{func(c *sink.KafkaConfig) { c.Topics.Partitions = 0 }, "topics.partitions:"},
		{func(c *sink.KafkaConfig) { c.Topics.ReplicationFactor = 0 }, "topics.replication_factor:"},
		{func(c *sink.KafkaConfig) { c.Brokers = nil }, "brokers:"},
	}
	for _, test := range tests {
		var c sink.KafkaConfig
		c.SetDefaults()
		test.change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("want %q, got %v", test.want, err)
		}
	}
	var ok sink.KafkaConfig
	ok.SetDefaults()
	ok.Topic = "o365.{tenant}.{tenant_name}.{content_type}.{workload}.{record_type}"
	if err := ok.Validate(); err != nil {
		t.Error(err)
	}
}

func TestSinkKinds(t *testing.T) {
	for _, test := range []struct {
		config sink.Config
		want   string
	}{
		{sink.Config{Kind: "kafka"}, ""},
		{sink.Config{Kind: "stdout"}, ""},
		{sink.Config{Kind: "file", Path: "x"}, ""},
		{sink.Config{Kind: "file"}, "path:"},
		{sink.Config{Kind: "stdout", Path: "x"}, "path:"},
		{sink.Config{Kind: "s3"}, "kind:"},
	} {
		err := test.config.Validate()
		if (test.want == "") != (err == nil) || err != nil && !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%+v: %v", test.config, err)
		}
	}
}
