// Package facts is what a record says whatever the format: whether the act came off, where it came from, who did it,
// how bad it is. Its functions are pure; they are asked by every format that looks into a record.
package facts

import (
	_ "embed"
	"sync"

	"o365-kafka-connector/internal/transform/table"
)

// Outcome is whether the act that a record tells of came off.
type Outcome uint8

// The outcomes. What a record does not say is Unknown, never Success.
const (
	Unknown Outcome = iota
	Success
	Failure
)

// String names the outcome as ECS does.
func (o Outcome) String() string { return [...]string{"unknown", "success", "failure"}[o] }

// What operations say of their outcome: operation or pattern, "always" or "silent" for a record without a ResultStatus,
// outcome. The first row that matches counts.
//
//go:embed outcomes.tsv
var outcomesTSV string

// statuses are the values of ResultStatus that say something, in lower case.
var statuses = map[string]Outcome{
	"true": Success, "success": Success, "succeeded": Success, "successful": Success, "partiallysucceeded": Success,
	"false": Failure, "failed": Failure, "failure": Failure,
}

type outcomeRule struct {
	pattern table.Pattern
	silent  bool
	outcome Outcome
}

var outcomeRules = sync.OnceValue(func() []outcomeRule {
	var rules []outcomeRule
	for _, row := range table.Rows(outcomesTSV) {
		rules = append(rules, outcomeRule{
			table.NewPattern(row[0]), row[1] == "silent", map[string]Outcome{"success": Success, "failure": Failure}[row[2]],
		})
	}
	return rules
})

// OutcomeOf decides by the operation before it looks at ResultStatus: two thirds of failed sign-ins say "Success" there.
// Where ResultStatus is missing, as it is in SharePoint's records, an operation that is named after the finished act,
// such as FileDownloaded, came off. The operation is given as table.Fold leaves it.
func OutcomeOf(folded, status []byte) Outcome {
	silent := len(status) == 0
	for _, r := range outcomeRules() {
		if (silent || !r.silent) && r.pattern.Match(folded) {
			return r.outcome
		}
	}
	var lower [24]byte
	return statuses[string(table.Lower(lower[:0], status))]
}
