package facts

import (
	"o365-kafka-connector/internal/transform/table"
	"o365-kafka-connector/internal/transform/tree"
)

// Severity is how bad an alert is.
type Severity uint8

// The severities, the least bad first. NoSeverity is that of a record which tells none.
const (
	NoSeverity Severity = iota
	Informational
	Low
	Medium
	High
	Critical
)

var severities = map[string]Severity{
	"informational": Informational, "info": Informational, "low": Low, "medium": Medium, "high": High, "critical": Critical,
}

// String names the severity as Microsoft does; NoSeverity has no name.
func (s Severity) String() string {
	return [...]string{"", "Informational", "Low", "Medium", "High", "Critical"}[s]
}

// ParseSeverity reads a severity in any letter case.
func ParseSeverity(text []byte) Severity {
	var lower [16]byte
	return severities[string(table.Lower(lower[:0], text))]
}

// SeverityOf returns how bad the record says that it is: an alert by its Severity, a match of a DLP policy by the worst
// of its rules.
func SeverityOf(t *tree.Tree, record tree.Node) Severity {
	if s := ParseSeverity(t.Text(t.Get(record, "Severity"))); s != NoSeverity {
		return s
	}
	worst := NoSeverity
	for p := t.First(t.Get(record, "PolicyDetails")); p != tree.None; p = t.Next(p) {
		for r := t.First(t.Get(p, "Rules")); r != tree.None; r = t.Next(r) {
			worst = max(worst, ParseSeverity(t.Text(t.Get(r, "Severity"))))
		}
	}
	return worst
}
