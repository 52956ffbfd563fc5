package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// cell is one thing to measure.
type cell struct {
	role        string
	format      string // empty for downloads
	compression string // empty for downloads
	backlog     backlog
}

// name is what --only looks at and the tables show.
func (c cell) name() string {
	parts := []string{c.role}
	if c.format != "" {
		parts = append(parts, c.format, c.compression)
	}
	return strings.Join(append(parts, c.backlog.name()), "/")
}

// measure is what came of a cell.
type measure struct {
	cell cell
	took time.Duration
	usage

	records int
}

func (m measure) perSecond() float64 { return float64(m.records) / m.took.Seconds() }

// cpuPerMillion is in seconds.
func (m measure) cpuPerMillion() float64 { return m.CPU.Seconds() / float64(m.records) * 1e6 }

func (m measure) rssMB() float64 { return float64(m.PeakRSS) / 1e6 }

// bench measures.
type bench struct {
	*services

	options   options
	connector string // the program; empty: embedded
	say       func(format string, args ...any)
}

// measure runs a cell once, and makes sure that everything arrived, and nothing twice.
func (b *bench) measure(ctx context.Context, c cell) (m measure, err error) {
	e, err := b.emulator(ctx, c.backlog)
	if err != nil {
		return m, err
	}
	m = measure{cell: c, records: e.records}
	err = b.withTopic(ctx, func(topic string) error {
		t := b.task(c, e, topic)
		// A run that stands still must not hold up the rest.
		rctx, cancel := context.WithTimeout(ctx, time.Minute+time.Duration(e.records)*time.Millisecond/4)
		defer cancel()
		p, err := b.start(rctx, c.role, t)
		if err != nil {
			return err
		}
		p.watch()
		if c.role == rolePipeline {
			err = b.awaitAll(rctx, p, &m, topic)
		} else {
			m.usage, err = p.wait()
			m.took = m.Finished.Sub(p.started)
		}
		if err != nil || c.role == roleDownload {
			return err
		}
		return b.verify(rctx, topic, e.records)
	})
	if err != nil {
		return m, fmt.Errorf("%s: %w", c.name(), err)
	}
	return m, nil
}

// start starts what is measured: the released connector as the pipeline, unless that is to be profiled.
func (b *bench) start(ctx context.Context, role string, t task) (*process, error) {
	if role == rolePipeline && b.connector != "" {
		return startConnector(ctx, b.connector, t)
	}
	return start(ctx, role, t)
}

func (b *bench) task(c cell, e *offering, topic string) task {
	t := task{
		Backlog: c.backlog, API: e.address, Kafka: b.kafka.Addresses(), Topic: topic, Format: c.format,
		Compression: c.compression, Workers: b.options.Workers, Records: e.records,
	}
	if c.format != "" {
		t.Config = pipelineConfig(t, b.redis.Addr, topic+":", b.options.Config)
	}
	file := strings.ReplaceAll(c.name(), "/", "-") + ".pprof"
	if b.options.CPUProfile != "" {
		t.CPUProfile = filepath.Join(b.options.CPUProfile, file)
	}
	if b.options.MemProfile != "" {
		t.MemProfile = filepath.Join(b.options.MemProfile, file)
	}
	return t
}

// awaitAll waits until the topic holds all records and then ends the pipeline.
func (b *bench) awaitAll(ctx context.Context, p *process, m *measure, topic string) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for written := 0; written < m.records; {
		select {
		case <-tick.C:
		case <-p.done:
			return fmt.Errorf("it ended early, after %d of %d records: %w", written, m.records, p.err)
		case <-ctx.Done():
			_, err := p.end()
			return fmt.Errorf("%w: %d of %d records arrived (%w): %s", context.Cause(ctx), written, m.records, err, p.stderr.Bytes())
		}
		if n, err := b.written(ctx, topic); err == nil {
			written = n
		}
	}
	m.took = time.Since(p.started)
	var err error
	m.usage, err = p.end()
	if b.options.Verbose {
		b.say("%s", p.stderr.String())
	}
	return err
}

func (b *bench) verify(ctx context.Context, topic string, want int) error {
	got, err := b.written(ctx, topic)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%d records arrived, want exactly %d", got, want)
	}
	return nil
}
