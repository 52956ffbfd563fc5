package ecs

import (
	"fmt"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/facts"
)

// Explain tells in sentences for people which row of the categories a record matched, and how its outcome was decided.
func (e *Encoder) Explain(b audit.Blob, r *audit.Record) []string {
	_ = e.Append(nil, b, r)
	c := e.said.category
	kind := "no record type"
	if e.said.recordType >= 0 {
		kind = fmt.Sprintf("record type %d", e.said.recordType)
		if name, ok := facts.RecordTypeName(int(e.said.recordType)); ok {
			kind += " " + name
		}
	}
	steps := []string{
		fmt.Sprintf("%s, operation %q: row of record types %s, operation %s", kind, e.text("Operation"), c.row[0], c.row[1]),
		fmt.Sprintf("event.kind %s, event.category %s, event.type %s", c.kind, c.category, c.types),
		fmt.Sprintf("event.outcome %s: the operation counts before ResultStatus %q", e.said.outcome, e.text("ResultStatus")),
	}
	if r.Malformed != "" {
		steps = append(steps, "the record is malformed, "+r.Malformed+": it stands in event.original")
	}
	return steps
}
