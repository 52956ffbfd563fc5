package sink

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"o365-kafka-connector/internal/broker"
)

const (
	// journalAge is how long the journal has to keep entries: a day longer than Microsoft keeps content.
	journalAge = 8 * 24 * time.Hour
	// journalMessage is what the journal topic takes as one batch: a snapshot with a thousand pending blobs, uncompressed.
	journalMessage = 8 << 20
)

const hintNoTransactions = "these brokers have no transactions as they are needed: use Kafka 2.5 or newer, or set kafka.delivery: at-least-once"

// journalSettings are what the protocol needs of the journal topic. Compaction would keep one entry of each stream; a
// bound in bytes, or times that a slow clock has written, would delete entries early.
func journalSettings() map[string]string {
	return map[string]string{
		"cleanup.policy": "delete", "retention.ms": strconv.FormatInt(journalAge.Milliseconds(), 10), "retention.bytes": "-1",
		"message.timestamp.type": "LogAppendTime", "max.message.bytes": strconv.Itoa(journalMessage),
	}
}

// journalCreation is how the journal topic is created.
func (k *KafkaSink) journalCreation() broker.NewTopic {
	config := maps.Clone(k.config.Topics.Config)
	if config == nil {
		config = map[string]string{}
	}
	maps.Copy(config, journalSettings())
	return broker.NewTopic{Name: k.config.JournalTopic, Partitions: k.shards, Replication: k.config.Topics.ReplicationFactor, Config: config}
}

// compareJournal finds what is wrong with the journal topic: what breaks the protocol keeps the connector from starting.
func (k *KafkaSink) compareJournal(t broker.Topic, config map[string]string) []Finding {
	var out []Finding
	wrong := func(refuse bool, setting, text string) {
		out = append(out, Finding{Topic: t.Name, Fatal: refuse, Refuse: refuse, Text: text, Hint: k.conn.AlterCommand(t.Name, setting)})
	}
	if n := len(t.Partitions); n < k.shards {
		out = append(out, Finding{
			Topic: t.Name, Fatal: true, Refuse: true, Text: fmt.Sprintf("has %d partitions where control.partitions says %d", n, k.shards),
			Hint: k.conn.PartitionsCommand(t.Name, k.shards),
		})
	}
	for _, name := range slices.Sorted(maps.Keys(journalSettings())) {
		have, ok := config[name]
		want := journalSettings()[name]
		if !ok || have == want {
			continue
		}
		n, err := strconv.ParseInt(have, 10, 64)
		switch {
		case name == "retention.ms" && err == nil && (n < 0 || n >= journalAge.Milliseconds()):
		case name == "max.message.bytes" && err == nil && n >= maxBatch:
		case name == "max.message.bytes", name == "message.timestamp.type":
			wrong(false, name+"="+want, fmt.Sprintf("has %s %s where %s is meant", name, have, want))
		default:
			wrong(true, name+"="+strings.ReplaceAll(want, ",", "\\,"), fmt.Sprintf("has %s %s, with which the journal loses entries", name, have))
		}
	}
	return out
}

// supported finds out whether the brokers have the transactions that delivery exactly-once needs.
func (k *KafkaSink) supported(ctx context.Context) ([]Finding, error) {
	if k.config.Delivery != ExactlyOnce {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := k.conn.Client.ApiVersions(ctx, &kafka.ApiVersionsRequest{Addr: k.conn.Addr})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		return nil, err
	}
	newest := map[protocol.ApiKey]int{}
	for _, a := range res.ApiKeys {
		newest[protocol.ApiKey(a.ApiKey)] = a.MaxVersion
	}
	if newest[protocol.InitProducerId] >= 3 && newest[protocol.TxnOffsetCommit] >= 3 { // KIP-360, KIP-447
		return nil, nil
	}
	return []Finding{{
		Topic: k.config.JournalTopic, Fatal: true, Refuse: true, Text: "delivery exactly-once is not possible with these brokers", Hint: hintNoTransactions,
	}}, nil
}
