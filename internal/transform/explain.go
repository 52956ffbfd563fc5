package transform

import (
	"fmt"
	"strconv"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/ecs"
	"o365-kafka-connector/internal/transform/facts"
	"o365-kafka-connector/internal/transform/ocsf"
)

// Explanation tells people what an output makes of a record, and why.
type Explanation struct {
	Format string   // as the header format names it
	Record string   // what the record says it is, as far as it is not redacted
	Steps  []string // sentences, in the order in which it was decided
}

// Explain tells of each output what it makes of a record: which filter drops it, or which row of the format's mapping
// the record matches. What Events returned before is not valid any more.
func (o *Outputs) Explain(b audit.Blob, r *audit.Record) []Explanation {
	dropped := o.filter.DroppedBy(r)
	var all []Explanation
	for _, t := range o.list {
		seen := t.redact.Record(b, r)
		x := Explanation{Format: t.version, Record: describe(seen)}
		key := dropped
		if key == "" {
			key = t.filter.DroppedBy(r)
		}
		if key != "" {
			x.Steps = append(x.Steps, fmt.Sprintf("%s drops it", key))
		}
		x.Steps = append(x.Steps, t.explain(b, seen)...)
		all = append(all, x)
	}
	return all
}

// describe names a record by what it says of itself.
func describe(r *audit.Record) string {
	text := fmt.Sprintf("Id %s, record type %s, workload %s, operation %s", quoted(r.Text(audit.FieldID)),
		typeText(r.Text(audit.FieldRecordType)), quoted(r.Text(audit.FieldWorkload)), quoted(r.Text(audit.FieldOperation)))
	if r.Malformed != "" {
		text += "; malformed: " + r.Malformed
	}
	return text
}

// typeText names a record type by number and name.
func typeText(text []byte) string {
	n, ok := recordType(text)
	if !ok {
		return quoted(text)
	}
	name, ok := facts.RecordTypeName(n)
	if !ok {
		name = "which Microsoft's table does not have"
	}
	return fmt.Sprintf("%d (%s)", n, name)
}

func quoted(text []byte) string {
	if len(text) == 0 {
		return "none"
	}
	return strconv.Quote(string(text))
}

// explain tells what the format makes of a record.
func (t *Transformer) explain(b audit.Blob, r *audit.Record) []string {
	switch e := t.encoder.(type) {
	case *ocsf.Encoder:
		return e.Explain(b, r).Steps
	case *ecs.Encoder:
		return e.Explain(b, r)
	}
	switch {
	case t.incident:
		return []string{"the record becomes the incident's rawJSON, its common fields the context record: there is no mapping"}
	default:
		return []string{"the record is passed on byte for byte: there is no mapping"}
	}
}
