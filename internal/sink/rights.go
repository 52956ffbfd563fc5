package sink

import (
	"context"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/broker"
)

// mostLookedAt bounds the streams whose rights are asked for: as a rule they are given by prefix, to all or to none.
const mostLookedAt = 20

// needs are the operations on a topic without which something stands still. That its settings can be read is found
// out by reading them.
func (k *KafkaSink) needs(topic string) []kafka.ACLOperationType {
	switch topic {
	case k.config.JournalTopic, k.config.DeadLetterTopic: // replayed, put back
		return []kafka.ACLOperationType{kafka.ACLOperationTypeWrite, kafka.ACLOperationTypeRead}
	}
	return []kafka.ACLOperationType{kafka.ACLOperationTypeWrite}
}

// topicRights finds what we may not do with a topic that exists.
func (k *KafkaSink) topicRights(t broker.Topic) []Finding {
	var out []Finding
	for _, op := range k.needs(t.Name) {
		out = append(out, missing(t.Name, k.conn.MissingTopicRight(t, op))...)
	}
	return out
}

// creationRights finds out whether a topic that is missing may be created.
func (k *KafkaSink) creationRights(ctx context.Context, topic string) []Finding {
	return missing(topic, k.conn.MissingCreateRight(ctx, k.creation(topic)))
}

// streamRights finds what we may not do in the name of a stream. One of each kind is told: all have the same prefix.
func (k *KafkaSink) streamRights(ctx context.Context) []Finding {
	var group, transaction []Finding
	for _, s := range k.streams[:min(len(k.streams), mostLookedAt)] {
		j := k.journal(s)
		if len(group) == 0 {
			group = missing(j.at.Topic, k.conn.MissingGroupRight(ctx, j.group))
		}
		if len(transaction) == 0 && k.config.Delivery == ExactlyOnce {
			transaction = missing(j.at.Topic, k.conn.MissingTransactionalRight(ctx, k.transactionalID(s)))
		}
	}
	return append(group, transaction...)
}

func missing(topic string, p *broker.Problem) []Finding {
	if p == nil {
		return nil
	}
	return []Finding{{Topic: topic, Fatal: true, Text: "cannot be used as it has to be: " + p.Error(), Hint: p.Hint}}
}
