package ecs

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"o365-kafka-connector/internal/transform/table"
)

//go:embed fields.tsv
var fieldsTSV string

// instruction opens an object, closes it, or writes a field.
type instruction struct {
	name    string // of the object or field, within its object; empty: close
	sources []source
	write   func(*Encoder, *instruction) // nil: open or close
}

type program []instruction

// programSet has the fields of each record type as a program.
type programSet struct {
	byType map[int64]program
	others program // of the record types that no row names
	slots  slots
}

var programs = sync.OnceValue(func() *programSet {
	set, err := newPrograms(fieldsTSV)
	if err != nil {
		panic(err) // the table is part of the program, and tested
	}
	return set
})

func (s *programSet) of(recordType int64) program {
	if p, ok := s.byType[recordType]; ok {
		return p
	}
	return s.others
}

// row is a row of fields.tsv.
type row struct {
	path    []string
	sources []source
	write   func(*Encoder, *instruction)
	types   []int64 // nil: all
}

func newPrograms(tsv string) (*programSet, error) {
	set := &programSet{byType: map[int64]program{}, slots: slots{}}
	var rows []row
	for _, columns := range table.Rows(tsv) {
		r, err := newRow(columns)
		if err != nil {
			return nil, fmt.Errorf("read fields: %s: %w", columns[0], err)
		}
		rows = append(rows, r)
		for _, s := range r.sources {
			if s.path != nil {
				set.slots.begin(s.path)
			}
		}
		for _, number := range r.types {
			set.byType[number] = nil
		}
	}
	for number := range set.byType {
		set.byType[number] = compile(rows, number)
	}
	set.others = compile(rows, -1)
	return set, nil
}

func newRow(columns []string) (row, error) {
	r := row{path: strings.Split(columns[0], ".")}
	var ok bool
	if r.write, ok = writers[columns[2]]; !ok {
		return row{}, fmt.Errorf("as %q is unknown", columns[2])
	}
	var err error
	if r.sources, err = parseSources(columns[1]); err != nil {
		return row{}, err
	}
	r.types, err = typeNumbers(columns[3])
	return r, err
}

// compile returns the program of a record type: of each field the first row that fits.
func compile(rows []row, recordType int64) program {
	var p program
	var open, last []string
	for _, r := range rows {
		if r.types != nil && !slices.Contains(r.types, recordType) || slices.Equal(r.path, last) {
			continue
		}
		last = r.path
		objects := r.path[:len(r.path)-1]
		same := 0
		for same < len(open) && same < len(objects) && open[same] == objects[same] {
			same++
		}
		for range open[same:] {
			p = append(p, instruction{})
		}
		for _, name := range objects[same:] {
			p = append(p, instruction{name: name})
		}
		open = objects
		p = append(p, instruction{name: r.path[len(r.path)-1], sources: r.sources, write: r.write})
	}
	for range open {
		p = append(p, instruction{})
	}
	return p
}

func (e *Encoder) run(p program) {
	e.w.Object("")
	for i := range p {
		switch in := &p[i]; {
		case in.write != nil:
			in.write(e, in)
		case in.name == "":
			e.w.Close()
		default:
			e.w.Object(in.name)
		}
	}
	e.w.Close()
}
