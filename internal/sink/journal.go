package sink

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/txn"
)

// journal is the part of the journal topic that belongs to one stream: the messages with its key in the partition of
// its shard.
type journal struct {
	sink   *KafkaSink
	stream audit.Stream
	key    []byte
	at     txn.Partition
	group  string // a consumer group without members, whose offset there is the number of the last entry
}

func (k *KafkaSink) journal(s audit.Stream) *journal {
	key := []byte(s.Key())
	return &journal{
		sink: k, stream: s, key: key,
		at:    txn.Partition{Topic: k.config.JournalTopic, Number: txn.PartitionOf(key, k.shards)},
		group: k.group + "." + s.Tenant.ID + "." + string(s.ContentType),
	}
}

// batch holds one message of the journal.
func (j *journal) batch(l audit.Logged) *txn.Batch {
	r := txn.Record{Key: j.key, Value: encodeEntry(l)}
	b := txn.NewSizedBatch(j.at, j.sink.options.Now(), r.Size())
	b.Append(r)
	return b
}

// epochText is what stands beside the offset: that it is a number and nothing else is its version.
func epochText(epoch int64) string { return strconv.FormatInt(epoch, 10) }

// standingOf reads an offset and what epochText writes. Beside an offset that a person has set stands nothing. What is
// no number is ErrNewerJournal.
func standingOf(o txn.Offset) (audit.Standing, error) {
	s := audit.Standing{N: o.N}
	if o.Metadata == "" {
		return s, nil
	}
	epoch, err := strconv.ParseInt(o.Metadata, 10, 64)
	if err != nil {
		return s, fmt.Errorf("read what stands beside offset %d: %w", o.N, ErrNewerJournal)
	}
	s.Epoch = epoch
	return s, nil
}

// refuse says that the journal does not take an entry: nothing of the commit can be published.
func (j *journal) refuse(err error) error {
	return &audit.Fault{
		Cause: audit.CauseSink, Scope: audit.OfStream, Err: fmt.Errorf("write to the journal: %w", err),
		Hint: j.sink.conn.AlterCommand(j.at.Topic, "max.message.bytes="+strconv.Itoa(journalMessage)),
	}
}

// insist repeats a call until it succeeds, a person is needed who restarts the connector, or the context ends.
func (j *journal) insist(ctx context.Context, what string, call func(context.Context) error) error {
	for pace := txn.Pace(); ; {
		err := call(ctx)
		if err == nil {
			return nil
		}
		err = fmt.Errorf("%s: %w", what, err)
		if ctx.Err() != nil || errors.Is(err, ErrNewerJournal) || errors.Is(err, audit.ErrBeyondEnd) {
			return err
		}
		if !errors.Is(err, errCreated) {
			j.sink.options.Trouble(j.stream, j.explain(err))
		}
		wait := pace.NextBackOff()
		if isDenied(err) {
			wait = max(wait, deniedWait)
		}
		if stop := txn.Wait(ctx, wait); stop != nil {
			return fmt.Errorf("%w; last: %w", stop, err)
		}
	}
}

// deniedWait is how long a stream rests that lacks a right.
const deniedWait = 10 * time.Second

func isDenied(err error) bool {
	p, ok := errors.AsType[*broker.Problem](err)
	return ok && slices.Contains([]broker.Kind{broker.TopicDenied, broker.GroupDenied, broker.ClusterDenied, broker.TransactionalDenied}, p.Kind)
}

func (j *journal) explain(err error) *audit.Fault {
	if f, ok := errors.AsType[*audit.Fault](err); ok {
		return f
	}
	p := j.sink.conn.Explain(err, broker.About{
		Topic: j.at.Topic, Operations: "Read,Write,Describe", Group: j.group, Create: j.sink.creation(j.at.Topic),
	})
	f := &audit.Fault{Cause: audit.CauseSink, Scope: audit.OfStream, Hint: p.Hint, Err: err}
	if errors.Is(err, txn.ErrUnsupported) {
		f.Hint = hintNoTransactions
	}
	return f
}

// prepare makes sure that the journal's topic is there.
func (j *journal) prepare(ctx context.Context) error {
	return j.insist(ctx, "look up the journal", func(ctx context.Context) error {
		partitions, err := j.sink.topics.Partitions(ctx, j.at.Topic)
		if err == nil && int(j.at.Number) >= len(partitions) {
			return fmt.Errorf("topic %s has %d partitions, control.partitions says %d: give it as many", j.at.Topic, len(partitions), j.sink.shards)
		}
		if err == nil {
			return nil
		}
		if err := j.sink.ensure(ctx, j.at.Topic, err); err != nil {
			return err
		}
		return errCreated
	})
}

// errCreated means that a topic was created and can be used in a moment.
var errCreated = errors.New("the topic was created just now")

// bound is one end of the log.
func (j *journal) bound(ctx context.Context, which int64) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := j.sink.conn.Client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
		j.at.Topic: {{Partition: int(j.at.Number), Timestamp: which}},
	}})
	if err != nil {
		return 0, err
	}
	for _, p := range res.Topics[j.at.Topic] {
		switch {
		case p.Partition != int(j.at.Number):
		case p.Error != nil:
			return 0, p.Error
		case which == kafka.FirstOffset && p.FirstOffset >= 0:
			return p.FirstOffset, nil
		case which == kafka.LastOffset && p.LastOffset >= 0:
			return p.LastOffset, nil
		}
	}
	return 0, kafka.UnknownTopicOrPartition
}
