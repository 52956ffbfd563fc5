package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/txn"
)

// bareBatch is how much the floors send at a time: what the sink sends at most, too.
const bareBatch = 900 << 10

// bareProducer fills one batch after the other, each of the next partition, and sends it when it is full.
type bareProducer struct {
	producer   *txn.Producer
	topic      string
	partitions int
	next       int
	batch      *txn.Batch
}

// bareKafka is the connection that the floors' producers share.
type bareKafka struct {
	conn       *broker.Conn
	topics     *txn.Topics
	codec      txn.Codec
	topic      string
	partitions int
}

func newBareKafka(ctx context.Context, t task) (*bareKafka, error) {
	conn, err := broker.New(broker.Config{Brokers: t.Kafka}, "bench")
	if err != nil {
		return nil, err
	}
	codec, err := txn.NewCodec(t.Compression)
	if err != nil {
		return nil, err
	}
	topics := txn.NewTopics(conn, 10*time.Second)
	partitions, err := topics.Partitions(ctx, t.Topic)
	if err != nil {
		return nil, err
	}
	return &bareKafka{conn: conn, topics: topics, codec: codec, topic: t.Topic, partitions: len(partitions)}, nil
}

func (k *bareKafka) producer(first int) *bareProducer {
	return &bareProducer{
		producer: txn.NewProducer(k.conn, k.topics, txn.Options{Codec: k.codec}),
		topic:    k.topic, partitions: k.partitions, next: first,
	}
}

func (p *bareProducer) add(ctx context.Context, r txn.Record) error {
	if p.batch != nil && p.batch.Size()+r.Size() > bareBatch {
		if err := p.flush(ctx); err != nil {
			return err
		}
	}
	if p.batch == nil {
		p.next = (p.next + 1) % p.partitions
		p.batch = txn.NewBatch(txn.Partition{Topic: p.topic, Number: int32(p.next)}, time.Now())
	}
	p.batch.Append(r)
	return nil
}

func (p *bareProducer) flush(ctx context.Context) error {
	if p.batch == nil {
		return nil
	}
	refused, err := p.producer.Flush(ctx, []*txn.Batch{p.batch})
	if err != nil {
		return err
	}
	if len(refused) > 0 {
		return fmt.Errorf("a batch was refused: %w", refused[0].Err)
	}
	p.batch.Release()
	p.batch = nil
	return nil
}

// playBare is the third floor: download, cut, produce. The events have neither key nor headers; there is no ledger,
// no filter, no order among blobs, and a blob that is cut leaves its half behind.
func playBare(ctx context.Context, t task) error {
	f := newFeed(t)
	blobs, err := f.blobs(ctx)
	if err != nil {
		return err
	}
	kafka, err := newBareKafka(ctx, t)
	if err != nil {
		return err
	}
	defer kafka.conn.Close()
	started := 0
	return forEach(ctx, blobs, forEachOptions[string]{workers: t.Workers, start: func() (func(context.Context, string) error, func(context.Context) error) {
		started++
		l := &bareLoop{out: kafka.producer(started * 3), json: jsontext.NewDecoder(http.NoBody)}
		if t.Format == "incident" {
			l.wrap = newEnvelope()
		}
		work := func(ctx context.Context, uri string) error {
			return f.get(ctx, uri, func(_ http.Header, body io.Reader) error { return l.blob(ctx, body) })
		}
		return work, l.out.flush
	}})
}

// bareLoop is one goroutine's part.
type bareLoop struct {
	out  *bareProducer
	json *jsontext.Decoder
	wrap *envelope // nil: raw
}

func (l *bareLoop) blob(ctx context.Context, body io.Reader) error {
	l.json.Reset(body, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := l.json.ReadToken(); err != nil {
		return fmt.Errorf("read blob: %w", err)
	}
	for l.json.PeekKind() != ']' {
		value, err := l.json.ReadValue()
		if err == nil && l.wrap != nil {
			value, err = l.wrap.incident(value)
		}
		if err != nil {
			return fmt.Errorf("read record: %w", err)
		}
		if err := l.out.add(ctx, txn.Record{Value: value}); err != nil {
			return err
		}
	}
	return nil
}
