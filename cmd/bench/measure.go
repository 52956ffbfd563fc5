package main

import (
	"context"
	"errors"
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
	delivery    string // empty: the default
	backlog     backlog
}

// name is what --only looks at and the tables show.
func (c cell) name() string {
	parts := []string{c.role}
	if c.format != "" {
		parts = append(parts, c.format, c.compression)
	}
	if c.delivery != "" {
		parts = append(parts, c.delivery)
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
			err = b.awaitAll(rctx, []*process{p}, &m, topic)
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
		Compression: c.compression, Delivery: c.delivery, Workers: b.options.Workers, Records: e.records,
	}
	if c.format != "" {
		t.Config = pipelineConfig(t, b.redis.Addr, b.options.Config)
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

// quiet is how long nothing may have been written for all to be there.
const quiet = 2 * time.Second

// awaitAll waits until the topic holds all records and then ends the processes of the pipeline. Transactions leave marks
// in the topic that count as records here, so that the end is when nothing comes any more.
func (b *bench) awaitAll(ctx context.Context, processes []*process, m *measure, topic string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	last, written := time.Now(), 0
	for written < m.records || time.Since(last) < quiet {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%w: %d of %d records arrived", context.Cause(ctx), written, m.records), b.endAll(processes, m))
		}
		for _, p := range processes {
			select {
			case <-p.done:
				return fmt.Errorf("it ended early, after %d of %d records: %w", written, m.records, p.err)
			default:
			}
		}
		if n, err := b.written(ctx, topic); err == nil && n != written {
			last, written = time.Now(), n
		}
	}
	m.took = last.Sub(processes[0].started)
	return b.endAll(processes, m)
}

// endAll ends processes, one after the other, and adds up what they used; of memory, the most that one of them had.
func (b *bench) endAll(processes []*process, m *measure) error {
	var errs []error
	for _, p := range processes {
		used, err := p.end()
		errs = append(errs, err)
		m.CPU += used.CPU
		m.PeakRSS, m.Finished = max(m.PeakRSS, used.PeakRSS), used.Finished
		if b.options.Verbose {
			b.say("%s", p.stderr.String())
		}
	}
	return errors.Join(errs...)
}

// verify reads the topic and counts.
func (b *bench) verify(ctx context.Context, topic string, want int) error {
	got, err := b.count(ctx, topic)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%d records arrived, want exactly %d", got, want)
	}
	return nil
}
