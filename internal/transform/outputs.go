package transform

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
)

// OutputsOptions say what becomes of the records of one stream where they are published in several forms.
type OutputsOptions struct {
	Stream  audit.Stream
	Filter  FilterConfig // of all outputs
	Outputs []Output
	Topics  *TopicBound      // nil: no bound
	Now     func() time.Time // nil: the clock
}

// Outputs turns records into the events of each output. One goroutine at a time may use it.
type Outputs struct {
	filter  *Filter
	list    []*Transformer
	events  []audit.Event
	made    []origin // of the events
	dropped []string
}

// origin is what an event was made of.
type origin struct {
	by   *Transformer
	seen *audit.Record // as far as it is not redacted
}

// NewOutputs checks the options and returns a function that makes an Outputs for each goroutine. The error names every
// problem.
func NewOutputs(o OutputsOptions) (func() *Outputs, error) {
	filter, err := NewFilter(o.Filter.For(o.Stream.ContentType))
	errs := []error{err}
	var build []func() *Transformer
	for i, out := range o.Outputs {
		one, err := New(Options{
			Stream: o.Stream, Filter: out.Filter, Output: out.OutputConfig, Topic: out.Topic, Key: out.Key, Redact: out.Redact,
			Topics: o.Topics, Now: o.Now,
			prefix: fmt.Sprintf("outputs[%d].filter.", i), beside: len(o.Outputs) > 1,
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("outputs[%d]: %w", i, err))
		}
		build = append(build, one)
	}
	if len(o.Outputs) == 0 {
		errs = append(errs, errors.New("there are no outputs"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return func() *Outputs {
		made := &Outputs{filter: filter}
		for _, one := range build {
			made.list = append(made.list, one())
		}
		return made
	}, nil
}

// Headers returns the headers that all events of the blob share. The slice is the caller's; the values must not be
// changed.
func (o *Outputs) Headers(b audit.Blob) []audit.Header { return o.list[0].Headers(b) }

// Events turns a record into its events, at most one for each output. Where outputs would put the same event into the same
// topic, it is there once. Dropped names the filters' lists because of which an output, or all of them, have none. The
// slices, and those of the events, are valid until the next call, and no longer than the record's.
func (o *Outputs) Events(b audit.Blob, r *audit.Record) (events []audit.Event, dropped []string, err error) {
	o.events, o.made, o.dropped = o.events[:0], o.made[:0], o.dropped[:0]
	if key := o.filter.DroppedBy(r); key != "" {
		o.dropped = append(o.dropped, key)
		return nil, o.dropped, nil
	}
	for _, t := range o.list {
		if key := t.filter.DroppedBy(r); key != "" {
			o.dropped = append(o.dropped, key)
			continue
		}
		seen := t.redact.Record(b, r)
		if topic, from := t.topicOf(seen), (origin{t, seen}); !o.has(b, topic, from) {
			o.events, o.made = append(o.events, t.event(b, seen, topic)), append(o.made, from)
		}
	}
	return o.events, o.dropped, nil
}

// has reports whether an earlier output has put the same into the topic. Two events are the same if they have the same key
// and were made in the same form of the same bytes; the time at which they were made is not compared.
func (o *Outputs) has(b audit.Blob, topic string, from origin) bool {
	for i, e := range o.events {
		if e.Topic == topic && o.made[i].by.like(from.by) && bytes.Equal(o.made[i].seen.Raw, from.seen.Raw) &&
			bytes.Equal(e.Key, from.by.key(b, from.seen)) {
			return true
		}
	}
	return false
}

// Growth tells how many bytes of events, keys and headers included, a byte of record becomes on average.
func (o *Outputs) Growth() float64 {
	var sum float64
	for _, t := range o.list {
		sum += t.Growth()
	}
	return sum
}
