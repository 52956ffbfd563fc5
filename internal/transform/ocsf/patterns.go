package ocsf

import (
	"strings"

	"o365-kafka-connector/internal/transform/table"
)

// patterns are names of operations, one of which has to match, and exclusions, none of which may.
type patterns struct{ match, not []pattern }

type pattern struct {
	table.Pattern
	text string
}

func parsePatterns(s string) patterns {
	var p patterns
	for one := range strings.SplitSeq(s, "|") {
		if rest, excluded := strings.CutPrefix(one, "!"); excluded {
			p.not = append(p.not, pattern{table.NewPattern(rest), one})
			continue
		}
		p.match = append(p.match, pattern{table.NewPattern(one), one})
	}
	return p
}

// find returns the first pattern that matches an operation, which is given as table.Fold leaves it.
func (p patterns) find(folded []byte) (string, bool) {
	for _, one := range p.not {
		if one.Match(folded) {
			return "", false
		}
	}
	for _, one := range p.match {
		if one.Match(folded) {
			return one.text, true
		}
	}
	return "", false
}
