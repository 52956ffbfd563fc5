package ocsf

import (
	"o365-kafka-connector/internal/transform/table"
	"o365-kafka-connector/internal/transform/tree"
)

// enum translates values of records to those of OCSF.
type enum struct {
	of      map[string]enumValue // by the value in lower case
	missing *enumValue           // for a record that has none; nil: the attribute is left out
}

type enumValue struct {
	id      string // decimal
	caption string
}

// other is for values that are in no table; the value itself is the caption.
const other = "99"

func readEnums() map[string]*enum {
	enums := map[string]*enum{}
	for _, line := range table.Rows(enumsTSV) {
		e := enums[line[0]]
		if e == nil {
			e = &enum{of: map[string]enumValue{}}
			enums[line[0]] = e
		}
		v := enumValue{id: line[2], caption: line[3]}
		if line[1] == "" {
			e.missing = &v
			continue
		}
		e.of[string(table.Lower(nil, []byte(line[1])))] = v
	}
	return enums
}

// find returns the value for what a record has; false if it has nothing that could be one.
func (e *enum) find(t *tree.Tree, n tree.Node) (enumValue, bool) {
	text := t.Text(n)
	if len(text) == 0 {
		return enumValue{}, false
	}
	var space [64]byte // most values fit
	if v, ok := e.of[string(table.Lower(space[:0], text))]; ok {
		return v, true
	}
	return enumValue{id: other}, true
}
