package ecs

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"o365-kafka-connector/internal/transform/facts"
	"o365-kafka-connector/internal/transform/table"
)

//go:embed categories.tsv
var categoriesTSV string

// Elastic's rules ask for this category and this type.
const (
	everyCategory = "web"
	everyType     = "info"
)

// category is a row of categories.tsv.
type category struct {
	row       []string // as it stands in the table
	operation table.Pattern
	kind      []byte
	category  []byte // as a JSON list
	types     []byte
}

// categoryTable finds the row of a record.
type categoryTable struct {
	byType map[int64][]*category
	others []*category // rows for any record type
}

var categories = sync.OnceValue(func() *categoryTable {
	t, err := newCategoryTable(categoriesTSV)
	if err != nil {
		panic(err) // the table is part of the program, and tested
	}
	return t
})

func newCategoryTable(tsv string) (*categoryTable, error) {
	t := &categoryTable{byType: map[int64][]*category{}}
	rows := table.Rows(tsv)
	types := make([][]int64, len(rows)) // nil: any
	for i, row := range rows {
		var err error
		if types[i], err = typeNumbers(row[0]); err != nil {
			return nil, fmt.Errorf("read categories: %w", err)
		}
		for _, number := range types[i] {
			t.byType[number] = nil
		}
	}
	for i, row := range rows {
		c := &category{
			row: row, operation: table.NewPattern(row[1]), kind: []byte(row[2]),
			category: list(row[3], everyCategory), types: list(row[4], everyType),
		}
		for _, number := range types[i] {
			t.byType[number] = append(t.byType[number], c)
		}
		if types[i] == nil {
			for number := range t.byType {
				t.byType[number] = append(t.byType[number], c)
			}
			t.others = append(t.others, c)
		}
	}
	if n := len(rows); n == 0 || types[n-1] != nil || !t.others[len(t.others)-1].operation.Match(nil) {
		return nil, errors.New("read categories: the last row does not match every record")
	}
	return t, nil
}

// typeNumbers reads names of record types with commas between them; nil stands for all.
func typeNumbers(names string) ([]int64, error) {
	if names == "" || names == "*" {
		return nil, nil
	}
	var numbers []int64
	for name := range strings.SplitSeq(names, ",") {
		number, ok := facts.RecordTypeNumber(name)
		if !ok {
			return nil, fmt.Errorf("record type %q is unknown", name)
		}
		numbers = append(numbers, int64(number))
	}
	return numbers, nil
}

// list returns names with commas between them, and one more unless it is among them, as a JSON list.
func list(names, more string) []byte {
	var all []string
	if names != "" {
		all = strings.Split(names, ",")
	}
	if !slices.Contains(all, more) {
		all = append(all, more)
	}
	return []byte(`["` + strings.Join(all, `","`) + `"]`)
}

// of returns the row of a record; there always is one.
func (t *categoryTable) of(recordType int64, operation []byte) *category {
	rows, ok := t.byType[recordType]
	if !ok {
		rows = t.others
	}
	for _, c := range rows {
		if c.operation.Match(operation) {
			return c
		}
	}
	return t.others[len(t.others)-1]
}
