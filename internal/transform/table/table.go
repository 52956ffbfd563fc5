// Package table reads the mapping tables that stand beside the formats, and matches what they say of operations.
//
// A table is a text of lines with tabs between the columns, a heading first; lines that begin with # are remarks.
package table

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Rows returns the rows of a table, without heading and remarks. Each has as many columns as the heading.
func Rows(tsv string) [][]string {
	var rows [][]string
	columns := 0
	for line := range strings.Lines(tsv) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		row := strings.Split(line, "\t")
		if columns == 0 {
			columns = len(row)
			continue
		}
		for len(row) < columns {
			row = append(row, "")
		}
		rows = append(rows, row)
	}
	return rows
}

// Pattern is the name of an operation in a table, with * for any text at its start, its end or both.
type Pattern struct {
	text            string // folded
	anyHead, anyEnd bool
}

// NewPattern reads a pattern; an empty one and * match everything.
func NewPattern(s string) Pattern {
	if s == "" || s == "*" {
		return Pattern{anyHead: true, anyEnd: true}
	}
	var p Pattern
	s, p.anyHead = strings.CutPrefix(s, "*")
	s, p.anyEnd = strings.CutSuffix(s, "*")
	p.text = string(Fold(nil, []byte(s)))
	return p
}

// Match reports whether the operation, as Fold leaves it, is one that the pattern means.
func (p Pattern) Match(folded []byte) bool {
	switch {
	case p.anyHead && p.anyEnd:
		return strings.Contains(string(folded), p.text)
	case p.anyHead:
		return len(folded) >= len(p.text) && string(folded[len(folded)-len(p.text):]) == p.text
	case p.anyEnd:
		return len(folded) >= len(p.text) && string(folded[:len(p.text)]) == p.text
	}
	return string(folded) == p.text
}

// Fold appends the operation in the form in which tables compare it: lower case, without the spaces around it and
// without the dot at its end, which Entra's operations have and those of Graph lack.
func Fold(dst, operation []byte) []byte {
	operation = bytes.TrimRight(bytes.TrimSpace(operation), ".")
	return Lower(dst, operation)
}

// Lower appends the text in lower case, without the spaces around it.
func Lower(dst, text []byte) []byte {
	text = bytes.TrimSpace(text)
	start := len(dst)
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return append(dst[:start], bytes.ToLower(text)...)
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
