package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/txn"
)

const (
	requestTimeout = 10 * time.Second
	fetchWait      = time.Second // that a broker waits for something to come
	fetchBytes     = 2 * MaxCommand
)

// message is one record of a topic.
type message struct {
	partition int
	offset    int64
	time      time.Time
	key       string
	value     []byte // nil if it is too large
	size      int
	headers   map[string]string
}

// cursor reads one partition.
type cursor struct {
	client    *kafka.Client
	topic     string
	partition int
	offset    int64 // the next one; kafka.FirstOffset or kafka.LastOffset before the first call
}

// next returns the records that stand at the cursor, waits for some up to fetchWait, and moves the cursor.
func (c *cursor) next(ctx context.Context) ([]message, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if c.offset < 0 {
		if err := c.seek(ctx); err != nil {
			return nil, err
		}
	}
	res, err := c.client.Fetch(ctx, &kafka.FetchRequest{
		Topic: c.topic, Partition: c.partition, Offset: c.offset, MinBytes: 1, MaxBytes: fetchBytes, MaxWait: fetchWait,
	})
	if err == nil {
		err = res.Error
	}
	if errors.Is(err, kafka.OffsetOutOfRange) {
		// Old records were deleted, or the topic was made again. What is read twice is not done twice.
		c.offset = kafka.FirstOffset
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read partition %d of topic %s: %w", c.partition, c.topic, err)
	}
	return c.take(res.Records)
}

func (c *cursor) seek(ctx context.Context) error {
	res, err := c.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
		c.topic: {{Partition: c.partition, Timestamp: c.offset}},
	}})
	if err != nil {
		return fmt.Errorf("ask for the offsets of topic %s: %w", c.topic, err)
	}
	for _, p := range res.Topics[c.topic] {
		switch {
		case p.Partition != c.partition:
		case p.Error != nil:
			return fmt.Errorf("ask for the offsets of partition %d of topic %s: %w", c.partition, c.topic, p.Error)
		case c.offset == kafka.FirstOffset:
			c.offset = p.FirstOffset
		default:
			c.offset = p.LastOffset
		}
	}
	if c.offset < 0 {
		return fmt.Errorf("ask for the offsets of partition %d of topic %s: %w", c.partition, c.topic, kafka.UnknownTopicOrPartition)
	}
	return nil
}

// take copies the records out. Marks of transactions move the cursor and are nothing to read.
func (c *cursor) take(records kafka.RecordReader) ([]message, error) {
	batches := []protocol.RecordReader{records}
	if stream, ok := records.(*protocol.RecordStream); ok {
		batches = stream.Records
	}
	var out []message
	for _, b := range batches {
		if control, ok := b.(*protocol.ControlBatch); ok {
			c.offset = max(c.offset, control.BaseOffset+1)
			continue
		}
		for {
			r, err := b.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return out, fmt.Errorf("read a record of partition %d of topic %s: %w", c.partition, c.topic, err)
			}
			if r.Offset < c.offset { // a batch comes as a whole
				continue
			}
			m, err := copyRecord(r)
			if err != nil {
				return out, fmt.Errorf("read a record of partition %d of topic %s: %w", c.partition, c.topic, err)
			}
			m.partition, c.offset = c.partition, r.Offset+1
			out = append(out, m)
		}
	}
	return out, nil
}

func copyRecord(r *protocol.Record) (message, error) {
	m := message{offset: r.Offset, time: r.Time, headers: map[string]string{}}
	for _, h := range r.Headers {
		m.headers[h.Key] = string(h.Value)
	}
	key, err := protocol.ReadAll(r.Key)
	if err != nil {
		return m, err
	}
	m.key = string(key)
	if r.Value == nil {
		return m, nil
	}
	if m.size = r.Value.Len(); m.size > MaxCommand {
		return m, nil
	}
	m.value, err = protocol.ReadAll(r.Value)
	return m, err
}

// inFlight is how many commands of a partition are worked on at a time: enough for one slow command not to hold up
// those of other streams, and a bound for memory.
const inFlight = 64

// read takes the commands of one partition until the generation ends.
func (n *generation) read(ctx context.Context, a kafka.PartitionAssignment) {
	c := &cursor{client: n.options.Conn.Client, topic: n.config.Topic, partition: a.ID, offset: a.Offset}
	room := make(chan struct{}, inFlight)
	pace := txn.Pace()
	for ctx.Err() == nil {
		messages, err := n.next(ctx, c)
		for _, m := range messages {
			select {
			case room <- struct{}{}:
			case <-ctx.Done():
				return
			}
			f := n.progress[a.ID].begin(m.offset)
			n.take(ctx, m, func(done bool) {
				<-room
				if done {
					n.end(a.ID, f)
				}
			})
		}
		switch {
		case err == nil:
			pace.Reset()
		case ctx.Err() == nil:
			p := n.options.Conn.Explain(err, broker.About{Topic: n.config.Topic, Operations: "Read,Describe", Group: n.config.GroupID})
			n.log.Warn("commands cannot be read", "partition", a.ID, "error", p, "hint", p.Hint)
			_ = sleep(ctx, pace.NextBackOff())
		}
	}
}

// next reads on, and leaves a request behind when the generation ends: breaking it off would cost the connection, and
// waiting for it would hold up the group. The cursor must not be used after that.
func (n *generation) next(ctx context.Context, c *cursor) ([]message, error) {
	var messages []message
	var err error
	done := make(chan struct{})
	n.Group.work.Go(func() {
		defer close(done)
		ctx, cancel := n.grace(ctx)
		defer cancel()
		messages, err = c.next(ctx)
	})
	select {
	case <-done:
		return messages, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
