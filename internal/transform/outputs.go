package transform

import (
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
	made    []int // by event: the output that made it
	dropped []string
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

// Events turns a record into its events, at most one for each output, and one for each topic and format. Dropped names
// the filters' lists because of which an output, or all of them, have none. The slices, and those of the events, are
// valid until the next call, and no longer than the record's.
func (o *Outputs) Events(b audit.Blob, r *audit.Record) (events []audit.Event, dropped []string, err error) {
	o.events, o.made, o.dropped = o.events[:0], o.made[:0], o.dropped[:0]
	if key := o.filter.DroppedBy(r); key != "" {
		o.dropped = append(o.dropped, key)
		return nil, o.dropped, nil
	}
	for i, t := range o.list {
		if key := t.filter.DroppedBy(r); key != "" {
			o.dropped = append(o.dropped, key)
			continue
		}
		seen := t.redact.Record(b, r)
		if topic := t.topicOf(seen); !o.has(i, topic) {
			o.events, o.made = append(o.events, t.event(b, seen, topic)), append(o.made, i)
		}
	}
	return o.events, o.dropped, nil
}

// has reports whether an earlier output has put the record into the topic, in the same format.
func (o *Outputs) has(output int, topic string) bool {
	for i, e := range o.events {
		if e.Topic == topic && o.list[o.made[i]].format == o.list[output].format {
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
