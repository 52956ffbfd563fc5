package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	Line int    // in the file; 0 if no line is to blame
	Path string // of the key, as tenants[0].auth.client_id; may be empty
	Text string // what is wrong and what is allowed
}

// String writes the problem in one line.
func (p Problem) String() string {
	var out strings.Builder
	if p.Line > 0 {
		fmt.Fprintf(&out, "line %d: ", p.Line)
	}
	if p.Path != "" {
		out.WriteString(p.Path + ": ")
	}
	out.WriteString(p.Text)
	return out.String()
}

// Error is everything that is wrong with a configuration.
type Error struct {
	File     string // as it was given; empty for a configuration that came from no file
	Problems []Problem
}

// Error lists all problems, one a line.
func (e *Error) Error() string {
	var out strings.Builder
	out.WriteString("configuration")
	if e.File != "" {
		out.WriteString(" " + e.File)
	}
	out.WriteString(" is not usable:")
	for _, p := range e.Problems {
		out.WriteString("\n  " + p.String())
	}
	return out.String()
}

// sortProblems brings them into the order of the file; what has no line comes last.
func sortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		if (a.Line == 0) != (b.Line == 0) {
			return cmp.Compare(b.Line, a.Line)
		}
		return cmp.Compare(a.Line, b.Line)
	})
}
