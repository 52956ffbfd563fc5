// Package transform filters records and turns them into events: the record byte for byte (raw), wrapped as Cortex XSOAR's
// Microsoft Management Activity integration does (incident), or in a schema that a package below this one knows (ecs, ocsf).
//
// A Transformer reuses its buffers: in the common case it allocates nothing for a record.
package transform

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/ecs"
	"o365-kafka-connector/internal/transform/ocsf"
	"o365-kafka-connector/internal/transform/redact"
	"o365-kafka-connector/internal/transform/tree"
)

// Options say what becomes of the records of one stream.
type Options struct {
	Stream audit.Stream
	Filter FilterConfig
	Output OutputConfig
	Topic  string // template, see ParseTopic
	Key    Key
	Redact RedactConfig
	Topics *TopicBound      // nil: no bound
	Now    func() time.Time // nil: the clock

	prefix string // of the keys by which the filter's rules are called; default filter.
	beside bool   // there are other outputs: their events share fewer headers
}

// Transformer turns records into events. One goroutine at a time may use it.
type Transformer struct {
	settings
	encoder encoder    // of a schema; nil: incident and raw
	tree    tree.Tree  // a record of which an incident tells more than was picked up
	blob    audit.Blob // the blob that source was made for
	source  []byte     // the end of an incident, the same for all records of the blob
	topics  topicNames
	redact  *redact.Redactor
	value   []byte
	place   []byte
	small   []byte
	headers []audit.Header

	cloudText []byte // values of the CloudEvents attributes
}

// encoder makes events in the form of a schema.
type encoder interface {
	Append(dst []byte, b audit.Blob, r *audit.Record) []byte
}

// settings are what the transformers of a stream share. They are never written to.
type settings struct {
	stream    audit.Stream
	filter    *Filter
	format    string
	version   string // of the format, as the header has it
	incident  bool
	rawData   bool
	cloud     bool   // CloudEvents attributes are added
	kind      []byte // the incident's type as a member, or nothing
	topic     string // empty: it differs from record to record
	keyKind   Key
	tenantKey []byte
	shared    []audit.Header // headers that all events of the stream share
	own       []audit.Header // headers that all events of the output share, if there are others
	now       func() time.Time
}

// New checks the options and returns a function that makes a Transformer for each goroutine. The error names every
// problem.
func New(o Options) (func() *Transformer, error) {
	filter, filterErr := newFilter(cmp.Or(o.prefix, "filter."), o.Filter.For(o.Stream.ContentType))
	template, topicErr := ParseTopic(o.Topic)
	key, keyErr := ParseKey(string(o.Key))
	rules, redactErr := redact.New(o.Redact)
	if err := errors.Join(filterErr, o.Output.Validate(), topicErr, keyErr, redactErr); err != nil {
		return nil, fmt.Errorf("transform records of %s: %w", o.Stream, err)
	}
	s := settings{
		stream: o.Stream, filter: filter, format: o.Output.Format, version: o.Output.version(), incident: o.Output.Format == FormatIncident, rawData: o.Output.RawData, cloud: o.Output.CloudEvents,
		kind: typeMember(o.Output.IncidentType), keyKind: key, tenantKey: []byte(o.Stream.Tenant.ID),
		shared: append(outputHeaders(o), streamHeaders(o)...), now: o.Now,
	}
	if s.now == nil {
		s.now = time.Now
	}
	if o.beside {
		s.own, s.shared = outputHeaders(o), streamHeaders(o)
	}
	s.topic, _ = template.For(o.Stream)
	bound := template.bind(o.Stream)
	if name := cmp.Or(s.topic, bound.other()); o.Topics.reserves(name) {
		return nil, fmt.Errorf("transform records of %s: topic %s serves something else: choose another for events", o.Stream, name)
	}
	return func() *Transformer {
		return &Transformer{settings: s, topics: newTopicNames(bound, o.Topics), redact: rules.Redactor(), encoder: s.newEncoder()}
	}, nil
}

// newEncoder returns the encoder of a schema; nil for incident and raw.
func (s *settings) newEncoder() encoder {
	switch s.format {
	case FormatECS:
		return ecs.NewEncoder(ecs.Options{Stream: s.stream, Now: s.now})
	case FormatOCSF:
		return ocsf.NewEncoder(ocsf.Options{Stream: s.stream, RawData: s.rawData, Now: s.now})
	default:
		return nil
	}
}

// version is the format with the version of its schema, as the header has it.
func (c OutputConfig) version() string {
	switch c.Format {
	case FormatECS:
		return FormatECS + "/" + ecs.Version
	case FormatOCSF:
		return FormatOCSF + "/" + ocsf.Version
	default:
		return c.Format
	}
}

// outputHeaders are those that two outputs of a stream do not share.
func outputHeaders(o Options) []audit.Header {
	headers := appendHeader(nil,
		"content-type", "application/json",
		"format", o.Output.version(),
	)
	if o.Output.CloudEvents {
		headers = appendHeader(headers, "ce_specversion", cloudVersion, "ce_source", cloudSource(o))
	}
	return headers
}

func streamHeaders(o Options) []audit.Header {
	return appendHeader(nil,
		"tenant", o.Stream.Tenant.ID,
		"tenant_name", o.Stream.Tenant.Name,
		"content_type", string(o.Stream.ContentType),
	)
}

// appendHeader appends headers given as name, value, name, value; those without a value are left out.
func appendHeader(dst []audit.Header, pairs ...string) []audit.Header {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			dst = append(dst, audit.Header{Name: pairs[i], Value: []byte(pairs[i+1])})
		}
	}
	return dst
}

// Headers returns the headers that all events of the blob share. The slice is the caller's; the values must not be
// changed.
func (t *Transformer) Headers(b audit.Blob) []audit.Header {
	headers := make([]audit.Header, len(t.shared), len(t.shared)+2)
	copy(headers, t.shared)
	return appendHeader(headers, "content_id", b.ID, "content_created", listed(b))
}

// listed is contentCreated as the listing told it.
func listed(b audit.Blob) string {
	if b.Listed == "" && !b.Created.IsZero() {
		return b.Created.UTC().Format(time.RFC3339Nano)
	}
	return b.Listed
}

// Event turns a record into an event; false means that the filter dropped it, which sees it before fields are redacted.
// The event's slices are valid until the next call, and no longer than the record's. The error is always nil: a bad record is passed on with what it has.
func (t *Transformer) Event(b audit.Blob, r *audit.Record) (audit.Event, bool, error) {
	if !t.filter.Keep(r) {
		return audit.Event{}, false, nil
	}
	r = t.redact.Record(b, r)
	return t.event(b, r, t.topicOf(r)), true, nil
}

// like reports whether another transformer gives events the same form.
func (t *Transformer) like(other *Transformer) bool {
	return t.format == other.format && bytes.Equal(t.kind, other.kind) && t.rawData == other.rawData && t.cloud == other.cloud
}

// topicOf returns the topic of a record's event.
func (t *Transformer) topicOf(r *audit.Record) string {
	if t.topic != "" {
		return t.topic
	}
	return t.topics.name(r)
}

// event turns a record that passes the filter into an event.
func (t *Transformer) event(b audit.Blob, r *audit.Record, topic string) audit.Event {
	e := audit.Event{Topic: topic, Key: t.key(b, r), Value: r.Raw, Headers: t.eventHeaders(b, r), Ordinal: r.Ordinal}
	switch {
	case t.incident:
		e.Value = t.appendIncident(b, r)
	case t.encoder != nil:
		t.value = t.encoder.Append(t.buffer(r), b, r)
		e.Value = t.value
	}
	return e
}

// buffer returns an empty buffer for the value of a record's event.
func (t *Transformer) buffer(r *audit.Record) []byte {
	if cap(t.value) > keepBuffer {
		t.value = nil
	}
	return slices.Grow(t.value[:0], len(r.Raw)+eventRoom)
}

// eventHeaders returns the headers that differ from record to record.
func (t *Transformer) eventHeaders(b audit.Blob, r *audit.Record) []audit.Header {
	headers := append(t.headers[:0], t.own...)
	if id := r.Text(audit.FieldID); len(id) > 0 {
		headers = append(headers, audit.Header{Name: "record_id", Value: id})
	}
	t.small = t.small[:0]
	if n, ok := recordType(r.Text(audit.FieldRecordType)); ok {
		t.small = strconv.AppendInt(t.small, int64(n), 10)
		headers = append(headers, audit.Header{Name: "record_type", Value: t.small})
	}
	if workload := r.Text(audit.FieldWorkload); len(workload) > 0 {
		headers = append(headers, audit.Header{Name: "workload", Value: workload})
	}
	if r.Malformed != "" {
		start := len(t.small)
		t.small = append(t.small, r.Malformed...)
		headers = append(headers, audit.Header{Name: "malformed", Value: t.small[start:]})
	}
	if t.cloud {
		headers = t.appendCloud(headers, b, r)
	}
	t.headers = headers
	return headers
}

// Growth tells how many bytes of event, key and headers included, a byte of record becomes on average. Measured on
// records of 1 to 2 KB; a record of a few hundred bytes triples.
func (t *Transformer) Growth() float64 {
	growth := 1.1
	switch {
	case t.format == FormatIncident:
		growth = 1.9
	case t.format == FormatECS:
		growth = 2.3
	case t.rawData:
		growth = 3.6
	case t.format == FormatOCSF:
		growth = 2.4
	}
	if t.cloud {
		growth += 0.15
	}
	return growth
}
