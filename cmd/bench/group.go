package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"
)

// crowd is how many instances share the streams of a backlog.
type crowd struct {
	backlog   backlog
	instances int
}

// measureGroups measures throughput for each number of instances, and how they take over from each other.
func (b *bench) measureGroups(ctx context.Context, out io.Writer) error {
	o := b.options
	load := backlog{
		Records: o.Records, BlobRecords: o.BlobRecords[0], RecordBytes: o.RecordBytes, Streams: o.ContentTypes, Tenants: o.Tenants,
	}
	if o.Warm {
		b.say("warming up")
		if _, err := b.measureGroup(ctx, crowd{load, 1}); err != nil {
			return fmt.Errorf("warm up: %w", err)
		}
	}
	done := map[int]results{}
	for round := range o.Rounds {
		for _, n := range o.Instances {
			m, err := b.measureGroup(ctx, crowd{load, n})
			if err != nil {
				return err
			}
			done[n] = append(done[n], m)
			b.say("%d/%d %d instances %9.0f records/s %6.2f CPU-s per million %6.1f MB", round+1, o.Rounds, n, m.perSecond(),
				m.cpuPerMillion(), m.rssMB())
		}
	}
	p := &printer{out: out}
	p.line("\n%d tenants with %d streams each, %d records of %d bytes, %s/%s, %d rounds\n", o.Tenants, o.ContentTypes, o.Records,
		o.RecordBytes, o.Format[0], o.Compression[0], o.Rounds)
	p.line("| instances | records/s | CPU-s per million, all together | peak RSS of one, MB |")
	p.line("| ---: | ---: | ---: | ---: |")
	for _, n := range o.Instances {
		m := done[n]
		p.line("| %d | %.0f | %.2f | %.1f |", n, m.median(measure.perSecond), m.median(measure.cpuPerMillion), m.median(measure.rssMB))
	}
	for _, n := range o.Instances {
		if n < 2 {
			continue
		}
		load.Records = 1000 * o.Tenants
		if err := b.measureTakeovers(ctx, crowd{load, n}, p); err != nil {
			return err
		}
	}
	return p.err
}

// measureGroup has so many instances move a backlog.
func (b *bench) measureGroup(ctx context.Context, c crowd) (m measure, err error) {
	m = measure{cell: cell{role: rolePipeline, format: b.options.Format[0], compression: b.options.Compression[0], backlog: c.backlog}}
	e, err := b.emulator(ctx, c.backlog)
	if err != nil {
		return m, err
	}
	m.records = e.records
	err = b.withTopic(ctx, func(topic string) error {
		rctx, cancel := context.WithTimeout(ctx, 2*time.Minute+time.Duration(e.records)*time.Millisecond/4)
		defer cancel()
		var processes []*process
		for i := range c.instances {
			p, err := b.startInstance(rctx, m.cell, e, member{topic: topic, name: fmt.Sprint("instance-", i)})
			if err != nil {
				return err
			}
			processes = append(processes, p)
		}
		if err := b.awaitAll(rctx, processes, &m, topic); err != nil {
			return err
		}
		return b.verify(rctx, topic, e.records)
	})
	if err != nil {
		return m, fmt.Errorf("%d instances: %w", c.instances, err)
	}
	return m, nil
}

// member is an instance of a group.
type member struct {
	topic string // of the events; names the group
	name  string
	page  string // address of its status page
}

// startInstance starts an instance, which has to be ended.
func (b *bench) startInstance(ctx context.Context, c cell, e *offering, m member) (*process, error) {
	t := b.task(c, e, m.topic)
	t.Instance, t.Page = m.name, m.page
	t.Config = pipelineConfig(t, b.redis.Addr, b.options.Config)
	p, err := b.start(ctx, rolePipeline, t)
	if err != nil {
		return nil, err
	}
	p.watch()
	return p, nil
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find free address: %w", err)
	}
	return l.Addr().String(), l.Close()
}
