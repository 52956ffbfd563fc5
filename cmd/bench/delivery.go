package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"o365-kafka-connector/internal/sink"
)

// The aims of exactly-once against at-least-once, as docs/benchmark.md explains them.
const (
	aimDeliveryCPU     = 1.2
	aimDeliveryLatency = 15 // ms at the median
)

// deliveries are compared pair by pair.
var deliveries = []string{sink.AtLeastOnce, sink.ExactlyOnce}

// measureDeliveries holds exactly-once against at-least-once: CPU time of a backlog, in pairs that begin with the one
// and the other in turn, and the latency of lone blobs.
func (b *bench) measureDeliveries(ctx context.Context, out io.Writer) error {
	o := b.options
	var pairs []cell
	for _, per := range o.BlobRecords {
		for _, compression := range o.Compression {
			pairs = append(pairs, cell{role: rolePipeline, format: o.Format[0], compression: compression, backlog: backlog{
				Records: o.Records, BlobRecords: per, RecordBytes: o.RecordBytes, Streams: o.ContentTypes,
			}})
		}
	}
	if o.Warm {
		if err := b.warm(ctx, pairs); err != nil {
			return err
		}
	}
	var done results
	for round := range o.Rounds {
		order := slices.Clone(deliveries)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, c := range pairs {
			for _, c.delivery = range order {
				m, err := b.measure(ctx, c)
				if err != nil {
					return err
				}
				done = append(done, m)
				b.say("%d/%d %-40s %9.0f records/s %6.2f CPU-s per million", round+1, o.Rounds, c.name(), m.perSecond(), m.cpuPerMillion())
			}
		}
	}
	p := &printer{out: out}
	done.printDeliveries(p, pairs)
	if err := b.measureLatencies(ctx, p); err != nil {
		return err
	}
	return p.err
}

func (r results) printDeliveries(p *printer, pairs []cell) {
	p.line("\n| pipeline, %d pairs | records | at-least-once, CPU-s per million | exactly-once | ratio, median of the pairs | from, to | aim %.1f |",
		len(r)/len(pairs)/len(deliveries), aimDeliveryCPU)
	p.line("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
	for _, c := range pairs {
		once, least := c, c
		once.delivery, least.delivery = sink.ExactlyOnce, sink.AtLeastOnce
		ours, floor := r.of(once), r.of(least)
		var each []float64
		for i := range ours {
			each = append(each, ours[i].cpuPerMillion()/floor[i].cpuPerMillion())
		}
		ratio := ours.ratios(floor, measure.cpuPerMillion)
		p.line("| %s | %d | %.2f | %.2f | %.2f | %.2f to %.2f | %s |", c.name(), ours[0].records, floor.median(measure.cpuPerMillion),
			ours.median(measure.cpuPerMillion), ratio, slices.Min(each), slices.Max(each), told([]aim{{"CPU", ratio <= aimDeliveryCPU}}))
	}
}

// measureLatencies has each delivery publish lone blobs.
func (b *bench) measureLatencies(ctx context.Context, p *printer) error {
	medians := map[string]float64{}
	p.line("\n| lone blobs, from the listing's answer to visible | blobs | p50, ms | p90, ms | largest, ms |")
	p.line("| --- | ---: | ---: | ---: | ---: |")
	for _, delivery := range deliveries {
		ms, err := b.latency(ctx, delivery)
		if err != nil {
			return fmt.Errorf("latency of %s: %w", delivery, err)
		}
		slices.Sort(ms)
		medians[delivery] = median(ms)
		p.line("| %s | %d | %.1f | %.1f | %.1f |", delivery, len(ms), medians[delivery], ms[len(ms)*9/10], ms[len(ms)-1])
	}
	more := medians[sink.ExactlyOnce] - medians[sink.AtLeastOnce]
	p.line("\nexactly-once takes %.1f ms more at p50: aim %d ms, %s", more, aimDeliveryLatency, told([]aim{{"latency", more <= aimDeliveryLatency}}))
	return nil
}
