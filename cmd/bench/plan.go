package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// run starts the services, measures everything in rounds and prints the tables.
func run(ctx context.Context, o options) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.Limit)
	defer cancel()
	say := func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	dir, err := os.MkdirTemp("", "o365-bench-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	connector := ""
	if !o.Embedded && o.CPUProfile == "" && o.MemProfile == "" {
		say("building the connector")
		if connector, err = buildConnector(ctx, dir); err != nil {
			return err
		}
	}
	say("starting Kafka and Redis")
	s, err := startServices(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	b := &bench{services: s, options: o, connector: connector, say: say}
	cells := o.cells()
	if len(o.Instances) > 0 {
		return b.measureGroups(ctx, os.Stdout)
	}
	if o.Deliveries {
		return b.measureDeliveries(ctx, os.Stdout)
	}
	if o.Warm {
		if err := b.warm(ctx, cells); err != nil {
			return err
		}
	}
	var done results
	for round := range o.Rounds {
		for _, c := range cells {
			m, err := b.measure(ctx, c)
			if err != nil {
				return errors.Join(err, done.print(os.Stdout, o))
			}
			done = append(done, m)
			say("%d/%d %-36s %9.0f records/s %6.2f CPU-s per million %6.1f MB", round+1, o.Rounds, c.name(), m.perSecond(),
				m.cpuPerMillion(), m.rssMB())
		}
	}
	return done.print(os.Stdout, o)
}

// warm lets Kafka's compiler see the work once before it counts.
func (b *bench) warm(ctx context.Context, cells []cell) error {
	b.say("warming up")
	for _, compression := range b.options.Compression {
		i := slices.IndexFunc(cells, func(c cell) bool { return c.compression == compression })
		if i < 0 {
			continue
		}
		c := cells[i]
		c.role = rolePipeline
		c.backlog.Records = min(c.backlog.Records, 1_000_000)
		c.backlog.Big = false
		if _, err := b.measure(ctx, c); err != nil {
			return fmt.Errorf("warm up: %w", err)
		}
	}
	return nil
}

func (o *options) check() error {
	if o.Quick {
		o.Records = min(o.Records, 100_000)
	}
	switch {
	case o.Records < 1000, o.RecordBytes < 100, o.Rounds < 1, o.Workers < 1, o.Lone < 1, o.Limit < time.Second:
		return errors.New("numbers are too small: at least 1000 records of 100 bytes, 1 round, 1 worker, 1 lone blob, 1s")
	case o.ContentTypes < 1 || o.ContentTypes > 5:
		return errors.New("--content-types: must be 1 to 5")
	case o.Tenants < 1 || len(o.Instances) > 0 && slices.Min(o.Instances) < 1:
		return errors.New("--instances, --tenants: must be positive")
	case len(o.BlobRecords) == 0 || slices.Min(o.BlobRecords) < 1:
		return errors.New("--blob-records: must be positive")
	}
	return nil
}

// cells are what there is to measure, each pipeline right behind its bare loop.
func (o *options) cells() []cell {
	var all []cell
	for _, per := range o.BlobRecords {
		b := backlog{Records: o.Records, BlobRecords: per, RecordBytes: o.RecordBytes, Streams: o.ContentTypes}
		all = append(all, cell{role: roleDownload, backlog: b})
		for _, compression := range o.Compression {
			for _, format := range o.Format {
				for _, role := range []string{roleProduce, roleBare, rolePipeline} {
					all = append(all, cell{role: role, format: format, compression: compression, backlog: b})
				}
			}
		}
	}
	if o.Memory {
		all = append(all, o.memoryCells()...)
	}
	return slices.DeleteFunc(all, func(c cell) bool { return !strings.Contains(c.name(), o.Only) })
}

// memoryCells tell whether memory depends on the number of records, and on the size of a blob.
func (o *options) memoryCells() []cell {
	fewer := backlog{Records: o.Records / 5, BlobRecords: o.BlobRecords[0], RecordBytes: o.RecordBytes, Streams: o.ContentTypes}
	big := fewer
	big.Big = true
	alone := backlog{Records: bigBlob / o.RecordBytes, BlobRecords: bigBlob / o.RecordBytes, RecordBytes: o.RecordBytes, Streams: 1}
	var all []cell
	for _, format := range o.Format {
		for _, b := range []backlog{fewer, big, alone} {
			all = append(all, cell{role: rolePipeline, format: format, compression: o.Compression[0], backlog: b})
		}
	}
	return all
}
