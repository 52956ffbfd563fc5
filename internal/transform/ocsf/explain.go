package ocsf

import (
	"fmt"
	"strings"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/tree"
)

// Explanation says why a record became the event that it became.
type Explanation struct {
	Row      Row
	Class    string // caption of the class
	Activity string // caption of the activity
	Steps    []string
}

// Explain tells which row of the mapping a record matched, and why. The steps are sentences for people: the rows that
// were tried, in their order, the one that was taken last.
func (e *Encoder) Explain(b audit.Blob, r *audit.Record) Explanation {
	e.begin(b, r)
	e.out = nil
	var x Explanation
	for _, c := range e.candidates() {
		if c.when != nil && !e.holds(c.when) {
			x.Steps = append(x.Steps, fmt.Sprintf("row %s: %s; but %s does not hold", c.Name, e.matched(c), c.when.text))
			continue
		}
		if !e.event(c) {
			x.Steps = append(x.Steps, fmt.Sprintf("row %s: %s; but the record lacks %s", c.Name, e.matched(c), e.lacking(c)))
			continue
		}
		operation := e.record.Text(e.top[e.table.operation])
		x.Row, x.Class, x.Activity = c.Row, c.class.caption, string(e.table.caption(c.class, c.activity, operation))
		x.Steps = append(x.Steps, fmt.Sprintf("row %s: %s: class %s %s, activity %s %s",
			c.Name, e.matched(c), c.class.uid, c.class.caption, c.activity, x.Activity))
		break
	}
	return x
}

// matched says in which way a row matched.
func (e *Encoder) matched(c candidate) string {
	if c.malformed {
		return "the record is malformed, " + e.source.Malformed
	}
	operation := e.record.Text(e.top[e.table.operation])
	how := "any record type"
	if c.types != nil {
		how = fmt.Sprintf("record type %d", e.recordType)
	}
	switch {
	case c.pattern == "*":
		how += ", any operation"
	case strings.Contains(c.pattern, "*"):
		how += fmt.Sprintf(", operation %q like %s", operation, c.pattern)
	default:
		how += fmt.Sprintf(", operation %q", operation)
	}
	if c.when != nil {
		how += ", " + c.when.text
	}
	return how
}

// lacking names the attribute that a row asks for and the record does not have.
func (e *Encoder) lacking(c candidate) string {
	p := e.point()
	defer e.back(p)
	e.out = append(e.out, '{')
	var some []string
	for _, a := range c.plan.children {
		has := e.write(a, tree.None, true)
		if a.required && !has {
			return a.path
		}
		if a.oneOf {
			some = append(some, a.path)
		}
	}
	return strings.Join(some, " and ")
}
