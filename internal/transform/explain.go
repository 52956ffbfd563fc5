package transform

import (
	"fmt"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/ecs"
	"o365-kafka-connector/internal/transform/ocsf"
)

// Explanation tells people what an output makes of a record, and why.
type Explanation struct {
	Format string   // as the header format names it
	Steps  []string // sentences, in the order in which it was decided
}

// Explain tells of each output what it makes of a record: which filter drops it, or which row of the format's mapping
// the record matches. What Events returned before is not valid any more.
func (o *Outputs) Explain(b audit.Blob, r *audit.Record) []Explanation {
	dropped := o.filter.DroppedBy(r)
	var all []Explanation
	for _, t := range o.list {
		x := Explanation{Format: t.version}
		key := dropped
		if key == "" {
			key = t.filter.DroppedBy(r)
		}
		if key != "" {
			x.Steps = append(x.Steps, fmt.Sprintf("%s drops it", key))
		}
		x.Steps = append(x.Steps, t.explain(b, t.redact.Record(b, r))...)
		all = append(all, x)
	}
	return all
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
