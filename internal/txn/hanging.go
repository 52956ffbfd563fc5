package txn

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/addpartitionstotxn"
)

// hanging is how long an offset may be unstable, twice in a row, until its transaction counts as hanging. Marks take milliseconds.
const hanging = 10 * time.Second

// fetch asks what the group has committed. Former owners' transactions are settled by then, but some group
// coordinators complete offsets a moment later, and one that hangs is never completed by itself.
func (t *Transactor) fetch(ctx context.Context) error {
	if t.options.Group == "" {
		return nil
	}
	for unstable := 0; unstable < 2; { // the broker may have been away for most of the first time
		limited, cancel := context.WithTimeout(ctx, hanging)
		err := t.askOffset(limited)
		expired := limited.Err() != nil
		cancel()
		if err == nil || !expired || ctx.Err() != nil {
			return err
		}
		if errors.Is(err, kafka.UnstableOffsetCommit) {
			unstable++
		} else {
			unstable = 0
		}
	}
	if err := t.complete(ctx); err != nil {
		return err
	}
	return t.askOffset(ctx)
}

// complete commits the transaction of a former owner that its coordinator takes for completed although no partition has
// its mark. Coordinators drop the marks that are left to write when they are loaded while a partition has no leader
// ("these partitions are likely deleted already", seen on 4.4.0): after a broker without replicas was killed, or all of
// them were. An offset is the last that a transaction gets, so this one is whole, and its owner may have been told that
// it is committed. Marks are written under a producer's id, and a new session has the old one's: those of an empty
// transaction over the same partitions do for both. Where nothing hangs they change nothing.
func (t *Transactor) complete(ctx context.Context) error {
	own := t.options.OffsetOf
	request := &addpartitionstotxn.Request{
		TransactionalID: t.options.ID, ProducerID: t.session.id, ProducerEpoch: t.session.epoch,
		Topics: []addpartitionstotxn.RequestTopic{{Name: own.Topic, Partitions: []int32{own.Number}}},
	}
	for _, name := range t.options.Topics {
		partitions, err := t.topics.Partitions(ctx, name)
		if errors.Is(err, kafka.UnknownTopicOrPartition) {
			continue
		}
		if err != nil {
			return t.explained(err, name, "Write,Describe")
		}
		topic := addpartitionstotxn.RequestTopic{Name: name}
		for number := range partitions {
			topic.Partitions = append(topic.Partitions, int32(number))
		}
		request.Topics = append(request.Topics, topic)
	}
	t.open()
	if _, err := t.ask(ctx, question{of: &t.transactions, what: "complete a transaction that hangs", request: request}); err != nil {
		return err
	}
	if err := t.addOffsets(ctx); err != nil {
		return err
	}
	err := t.end(ctx, true)
	t.clear()
	return err
}
