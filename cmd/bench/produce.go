package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/daemon"
	"o365-kafka-connector/internal/source"
	"o365-kafka-connector/internal/transform"
	"o365-kafka-connector/internal/txn"
)

// sampleRecords is how many different events are produced again and again.
const sampleRecords = 2000

// playProduce is the second floor: the same events as the pipeline's, with key and headers, only produced.
func playProduce(ctx context.Context, t task) error {
	sample, err := sampleEvents(ctx, t)
	if err != nil {
		return err
	}
	kafka, err := newBareKafka(ctx, t)
	if err != nil {
		return err
	}
	defer kafka.conn.Close()
	counts := make([]int, t.Workers)
	for i := range t.Records {
		counts[i%t.Workers]++
	}
	started := 0
	return forEach(ctx, counts, forEachOptions[int]{workers: t.Workers, start: func() (func(context.Context, int) error, func(context.Context) error) {
		started++
		out := kafka.producer(started * 3)
		work := func(ctx context.Context, count int) error {
			for i := range count {
				if err := out.add(ctx, sample[i%len(sample)]); err != nil {
					return err
				}
			}
			return nil
		}
		return work, out.flush
	}})
}

// sampleEvents makes events of the first records of every stream, with the connector's own parts.
func sampleEvents(ctx context.Context, t task) ([]txn.Record, error) {
	c, err := config.Parse([]byte(t.Config))
	if err != nil {
		return nil, err
	}
	tenant := c.Tenants[0]
	client, err := daemon.NewClient(tenant, source.Options{})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var sample []txn.Record
	for _, s := range tenant.Streams() {
		made, err := transform.New(transform.Options{
			Stream: s, Filter: tenant.Filter, Output: tenant.Output, Topic: t.Topic, Key: transform.Key(c.Kafka.Key),
		})
		if err != nil {
			return nil, err
		}
		p := sampler{client: client, stream: s, transform: made(), room: sampleRecords / t.Backlog.Streams}
		if err := p.take(ctx); err != nil {
			return nil, err
		}
		sample = append(sample, p.events...)
	}
	if len(sample) == 0 {
		return nil, errors.New("there are no records")
	}
	return sample, nil
}

// sampler takes the first events of a stream.
type sampler struct {
	client    *source.Client
	stream    audit.Stream
	transform *transform.Transformer
	room      int
	events    []txn.Record
}

func (p *sampler) take(ctx context.Context) error {
	now := time.Now()
	for b, err := range p.client.List(ctx, p.stream, audit.Window{Start: now.Add(-reach - time.Hour), End: now}) {
		if err != nil {
			return fmt.Errorf("list blobs: %w", err)
		}
		if err := p.blob(ctx, b); err != nil {
			return err
		}
		if len(p.events) >= p.room {
			break
		}
	}
	return nil
}

func (p *sampler) blob(ctx context.Context, b audit.Blob) error {
	content, err := p.client.Fetch(ctx, p.stream, b)
	if err != nil {
		return fmt.Errorf("fetch blob: %w", err)
	}
	defer content.Close() //nolint:errcheck // nothing was written
	for r, err := range content.Records() {
		if err != nil {
			return fmt.Errorf("read blob: %w", err)
		}
		e, _, err := p.transform.Event(b, &r)
		if err != nil {
			return fmt.Errorf("transform record: %w", err)
		}
		headers := &txn.Headers{}
		for _, h := range slices.Concat(p.transform.Headers(b), e.Headers) {
			headers.Add(h.Name, h.Value)
		}
		p.events = append(p.events, txn.Record{Key: slices.Clone(e.Key), Value: slices.Clone(e.Value), Headers: headers})
		if len(p.events) >= p.room {
			return nil
		}
	}
	return nil
}
