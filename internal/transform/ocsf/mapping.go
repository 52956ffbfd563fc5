package ocsf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"o365-kafka-connector/internal/transform/table"
)

// mapping is which class, activity and attributes a record gets.
type mapping struct {
	rows       []*row
	attributes attributes
	enums      map[string]*enum
	slots      slots
	classes    map[string]*class
	activities map[string][]activity
	captions   map[[2]string]string // by class and activity

	recordType, operation, status int // slots of the members that decide
}

// row is a line of mapping.tsv.
type row struct {
	Row
	types      []int // nil: any
	malformed  bool  // for malformed records only
	operations patterns
	byTable    bool // for the operations that the table of activities names
	when       *condition
	class      *class
	profiles   []byte // an array in JSON
	plan       *attr
}

// Row is a line of the mapping table as people read it.
type Row struct {
	Name       string
	Types      string // record types: decimal numbers with commas between them; *: any, -: a malformed record's
	Operations string // patterns with | between them; *: any
	When       string // a condition on a field; empty: none
	Class      string // class_uid
	Activities string // an activity_id, the name of a table of activities, or -
}

type class struct {
	uid, caption, category, categoryCaption, attributes string
}

// activity is a line of activities.tsv.
type activity struct {
	operations patterns
	id         string
}

const (
	unknownActivity = "0"
	otherActivity   = "99"
)

// read reads the tables of this version. What is wrong with them is a mistake of the program, which every test finds.
var read = sync.OnceValue(func() *mapping {
	t := &mapping{
		attributes: readAttributes(), enums: readEnums(), slots: slots{}, classes: map[string]*class{},
		activities: map[string][]activity{}, captions: map[[2]string]string{},
	}
	t.recordType, t.operation, t.status = t.slots.add("RecordType"), t.slots.add("Operation"), t.slots.add("ResultStatus")
	for _, line := range table.Rows(classesTSV) {
		t.classes[line[0]] = &class{line[0], line[1], line[2], line[3], line[4]}
	}
	for _, line := range table.Rows(captionsTSV) {
		t.captions[[2]string{line[0], line[1]}] = line[2]
	}
	for _, line := range table.Rows(activitiesTSV) {
		t.activities[line[0]] = append(t.activities[line[0]], activity{parsePatterns(line[1]), line[2]})
	}
	for _, line := range table.Rows(mappingTSV) {
		t.rows = append(t.rows, t.row(line))
	}
	return t
})

func (t *mapping) row(line []string) *row {
	r := &row{
		Row:       Row{line[0], line[1], line[2], line[3], line[4], line[5]},
		malformed: line[1] == "-", operations: parsePatterns(line[2]), byTable: line[2] == "=",
		when: parseCondition(line[3], t.slots), class: t.classes[line[4]],
	}
	if r.class == nil {
		panic(fmt.Sprintf("mapping row %s has the unknown class %q", r.Name, line[4]))
	}
	if line[1] != "*" && !r.malformed {
		for s := range strings.SplitSeq(line[1], ",") {
			n, err := strconv.Atoi(s)
			if err != nil {
				panic(fmt.Sprintf("mapping row %s: record type %q", r.Name, s))
			}
			r.types = append(r.types, n)
		}
	}
	r.plan = t.plan(r.class.attributes + " " + line[6])
	r.profiles = []byte(`["cloud"`)
	for p := range strings.FieldsSeq(line[7]) {
		r.profiles = append(r.profiles, `,"`+p+`"`...)
	}
	r.profiles = append(r.profiles, ']')
	return r
}

// candidate is a row that a record type and an operation match.
type candidate struct {
	*row
	activity string
	pattern  string // which pattern of the operation matched
	head     []byte // the beginning of an event
}

// candidates returns the rows for a record type, -1 if it is unknown, and an operation.
func (t *mapping) candidates(recordType int, operation []byte) []candidate {
	var out []candidate
	name := table.Fold(nil, operation)
	for _, r := range t.rows {
		if r.malformed || r.types != nil && !slices.Contains(r.types, recordType) {
			continue
		}
		if c, ok := t.candidate(r, name, operation); ok {
			out = append(out, c)
		}
	}
	return out
}

func (t *mapping) candidate(r *row, name, operation []byte) (candidate, bool) {
	c := candidate{row: r, activity: r.Activities}
	found := r.byTable
	if !found {
		if c.pattern, found = r.operations.find(name); !found {
			return c, false
		}
	}
	if lines, ok := t.activities[r.Activities]; ok {
		pattern, id, named := findActivity(lines, name)
		if r.byTable {
			if !named {
				return c, false
			}
			c.pattern = pattern
		}
		c.activity = id
	}
	if len(name) == 0 || c.activity == "-" {
		c.activity = unknownActivity
	}
	c.head = t.head(r.class, c.activity, operation)
	return c, true
}

func findActivity(lines []activity, name []byte) (pattern, id string, ok bool) {
	for _, a := range lines {
		if pattern, ok := a.operations.find(name); ok {
			return pattern, a.id, true
		}
	}
	return "", otherActivity, false
}

// malformed returns the row for records that are no records.
func (t *mapping) malformed() candidate {
	for _, r := range t.rows {
		if r.malformed {
			c, _ := t.candidate(r, nil, nil)
			return c
		}
	}
	panic("the mapping has no row for malformed records")
}
