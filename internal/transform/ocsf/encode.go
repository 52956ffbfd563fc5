// Package ocsf turns audit records into events of the Open Cybersecurity Schema Framework, OCSF 1.8.0.
//
// The mapping is data, in the folder tables: mapping.tsv says which class and activity a record becomes, attributes.tsv
// what stands in the event, activities.tsv and enums.tsv which operation and value is which. The first row counts that
// matches and whose required attributes the record has; the last row, API Activity, takes whatever is left.
//
// A record is gone through once. What it lacks is absent from the event; what no attribute takes, also because it has
// another type than it should, stands in unmapped as the record has it. Whatever the record is, the event is valid: it is
// JSON on one line, and conforms to the schema of its class.
//
// https://schema.ocsf.io/1.8.0
package ocsf

import (
	"strconv"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/facts"
	"o365-kafka-connector/internal/transform/tree"
)

// Version is the version of OCSF.
const Version = "1.8.0"

// keepBuffer is the largest buffer that is kept for the next record.
const keepBuffer = 1 << 20

// Options say where records come from and what events have.
type Options struct {
	Stream  audit.Stream
	RawData bool             // add the record itself, as a string
	Now     func() time.Time // nil: the clock
}

// Encoder turns records of one stream into events. One goroutine at a time may use it; its buffers are reused.
type Encoder struct {
	table   *mapping
	stream  audit.Stream
	rawData bool
	now     func() time.Time
	known   *known

	// Of the record at hand.
	blob        audit.Blob
	made        time.Time // when the first event of the blob was made
	source      *audit.Record
	record      tree.Tree
	top         []tree.Node // by slot
	marks       marks
	inner       tree.Tree // JSON within a text of the record
	innerOf     tree.Node
	innerText   []byte
	port        uint16 // of the IP address that was written last
	row         *row
	visit       visit // of a value, of a condition, and of either within a text
	asking      visit
	within      visit
	out         []byte
	observables []observable
	fields      []byte
	recordType  int // -1: unknown
	outcome     facts.Outcome
	raw         bool // raw_data is to be written
}

// NewEncoder returns an encoder.
func NewEncoder(o Options) *Encoder {
	t := read()
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Encoder{table: t, stream: o.Stream, rawData: o.RawData, now: o.Now, known: newKnown(t), top: make([]tree.Node, len(t.slots))}
}

// Append appends the event that a record of a blob becomes.
func (e *Encoder) Append(dst []byte, b audit.Blob, r *audit.Record) []byte {
	e.begin(b, r)
	e.out = dst
	for _, c := range e.candidates() {
		if e.event(c) {
			break
		}
	}
	dst, e.out = e.out, nil
	return dst
}

// begin takes a record apart.
func (e *Encoder) begin(b audit.Blob, r *audit.Record) {
	if e.made.IsZero() || e.blob != b {
		e.blob, e.made = b, e.now()
	}
	e.source, e.raw = r, e.rawData || r.Malformed != ""
	e.marks.reset()
	if cap(e.innerText) > keepBuffer {
		e.innerText = nil
	}
	e.innerOf, e.port = tree.None, 0
	clear(e.top)
	if e.record.Parse(r.Raw) != nil {
		e.raw = true
		e.fields = facts.AppendFields(e.fields[:0], r)
		_ = e.record.Parse(e.fields)
	}
	root := e.record.Root()
	for n := e.record.First(root); n != tree.None; n = e.record.Next(n) {
		if slot, ok := e.table.slots[string(e.record.Name(n))]; ok {
			e.top[slot] = n
		}
	}
	e.recordType = e.typeOf(e.top[e.table.recordType])
	e.outcome = outcomeOf(e.record.Text(e.top[e.table.operation]), e.record.Text(e.top[e.table.status]))
}

// typeOf reads a record type, which is a number, a number in quotes, or a name.
func (e *Encoder) typeOf(n tree.Node) int {
	if i, ok := e.record.Int(n); ok && i == int64(int32(i)) {
		return int(i)
	}
	if i, ok := facts.RecordTypeNumber(e.record.Text(n)); ok {
		return i
	}
	return -1
}

// candidates returns the rows to be tried, of which the last always fits.
func (e *Encoder) candidates() []candidate {
	if e.source.Malformed != "" {
		return e.known.malformed
	}
	return e.known.candidates(e.table, e.recordType, e.record.Text(e.top[e.table.operation]))
}

// event writes the event that a row makes of the record; false if the row asks for something else.
func (e *Encoder) event(c candidate) bool {
	if c.when != nil && !e.holds(c.when) {
		return false
	}
	e.row = c.row
	p := e.point()
	e.out = append(e.out, c.head...)
	if _, fits := e.children(c.plan, e.record.Root()); !fits {
		e.back(p)
		return false
	}
	e.writeObservables()
	e.writeUnmapped()
	if e.raw {
		e.out = appendText(append(e.out, `,"raw_data":`...), e.source.Raw)
		e.out = strconv.AppendInt(append(e.out, `,"raw_data_size":`...), int64(len(e.source.Raw)), 10)
	}
	e.out = append(e.out, '}')
	return true
}
