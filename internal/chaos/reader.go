package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Place is where and how a record was delivered.
type Place struct {
	Topic     string
	Partition int32
	Offset    int64
	Producer  int64 // id and epoch of the producer that wrote it
	Epoch     int16
	At        time.Time // when it was written, by the producer's clock
}

func (p Place) String() string {
	return fmt.Sprintf("%s/%d@%d by producer %d epoch %d", p.Topic, p.Partition, p.Offset, p.Producer, p.Epoch)
}

func placeOf(r *kgo.Record) Place {
	return Place{r.Topic, r.Partition, r.Offset, r.ProducerID, r.ProducerEpoch, r.Timestamp}
}

// endMark is the header of a message behind everything that connectors wrote.
const endMark = "chaos-end"

// reader follows topics from their beginning, committed records only.
type reader struct {
	client  *kgo.Client
	cancel  context.CancelFunc
	reading sync.WaitGroup

	mu    sync.Mutex // guards the following
	ended map[string]map[int32]bool
}

// newReader starts reading; take is called from one goroutine. The topics may not be there yet.
func newReader(brokers []string, take func(*kgo.Record), topics ...string) (*reader, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topics...), kgo.UnknownTopicRetries(-1),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.MetadataMinAge(500*time.Millisecond), kgo.MetadataMaxAge(5*time.Second), kgo.FetchMaxWait(time.Second),
	)
	if err != nil {
		return nil, fmt.Errorf("connect reader: %w", err)
	}
	r := &reader{client: client, ended: map[string]map[int32]bool{}}
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	r.reading.Go(func() {
		for ctx.Err() == nil {
			client.PollFetches(ctx).EachRecord(func(record *kgo.Record) {
				if header(record, endMark) != "" {
					r.end(record)
					return
				}
				take(record)
			})
		}
	})
	return r, nil
}

func (r *reader) end(record *kgo.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended[record.Topic] == nil {
		r.ended[record.Topic] = map[int32]bool{}
	}
	r.ended[record.Topic][record.Partition] = true
}

func (r *reader) ends(topic string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ended[topic])
}

func (r *reader) close() {
	r.cancel()
	r.reading.Wait()
	r.client.Close()
}

// finish reads to the end: it writes a mark to each partition and waits until all of them were read. Open transactions
// hold them back.
func (r *reader) finish(ctx context.Context, b *brokers, topics ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	writer, err := kgo.NewClient(kgo.SeedBrokers(b.Addresses()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return fmt.Errorf("connect to Kafka: %w", err)
	}
	defer writer.Close()
	for _, topic := range topics {
		found, err := b.metadata(ctx, topic)
		if err != nil {
			return err
		}
		n := len(found[0].Partitions)
		for p := range n {
			mark := &kgo.Record{Topic: topic, Partition: int32(p), Headers: []kgo.RecordHeader{{Key: endMark, Value: []byte("1")}}}
			if err := writer.ProduceSync(ctx, mark).FirstErr(); err != nil {
				return fmt.Errorf("mark the end of %s: %w", topic, err)
			}
		}
		err = until(ctx, time.Minute, "the reader is at the end of "+topic, func(context.Context) bool { return r.ends(topic) == n })
		if err != nil {
			return errors.Join(err, errors.New("an open transaction hides what was committed behind it"))
		}
	}
	return nil
}

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}
