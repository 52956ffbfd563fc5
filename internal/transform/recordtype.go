package transform

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"o365-kafka-connector/internal/transform/facts"
)

// ParseRecordType reads a record type written as a number or as Microsoft's name. Every number that is not negative
// is taken, since the table grows.
func ParseRecordType(s string) (int, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, errors.New("is empty: write a record type's number or name, or leave the entry out")
	}
	if n, ok := recordType([]byte(s)); ok {
		return n, nil
	}
	if _, err := strconv.ParseInt(s, 10, 32); err == nil {
		return 0, fmt.Errorf("%q is no record type: numbers start at 0", s)
	}
	if near := nearRecordTypes(s); len(near) > 0 {
		return 0, fmt.Errorf("record type %q is unknown: did you mean %s? A number is taken too",
			s, strings.Join(near, ", "))
	}
	return 0, fmt.Errorf("record type %q is unknown: use a name of Microsoft's table AuditLogRecordType, or its number", s)
}

// nearRecordTypes returns up to three names that s may have been meant to be, the nearest first.
func nearRecordTypes(s string) []string {
	type candidate struct {
		name     string
		distance int
	}
	if len(s) > facts.MaxRecordType {
		return nil
	}
	s = strings.ToLower(s)
	var found []candidate
	for _, name := range facts.RecordTypes() {
		lower := strings.ToLower(name)
		d := distance(s, lower)
		if d > max(2, len(s)/3) && (len(s) < 4 || !strings.Contains(lower, s)) {
			continue
		}
		found = append(found, candidate{name, d})
	}
	slices.SortFunc(found, func(a, b candidate) int {
		if a.distance != b.distance {
			return a.distance - b.distance
		}
		return strings.Compare(a.name, b.name)
	})
	var names []string
	for _, c := range found[:min(3, len(found))] {
		names = append(names, c.name)
	}
	return names
}

// distance counts the insertions, deletions and replacements that turn a into b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// recordType reads the RecordType of a record: a number, a number in quotes, or a name. It is asked several times for each
// record, whatever stands there.
func recordType(text []byte) (int, bool) {
	if n, ok := digits(text); ok {
		return n, true
	}
	if len(text) == 0 || len(text) > facts.MaxRecordType {
		return 0, false
	}
	if n, ok := facts.RecordTypeNumber(text); ok {
		return n, true
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 32)
	return int(n), err == nil && n >= 0
}

// digits reads a decimal number of up to nine digits.
func digits(text []byte) (int, bool) {
	if len(text) == 0 || len(text) > 9 {
		return 0, false
	}
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
