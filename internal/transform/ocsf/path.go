package ocsf

import (
	"fmt"
	"strings"

	"o365-kafka-connector/internal/transform/tree"
)

// step is one way from a value of a record to values within it.
type step struct {
	kind  stepKind
	name  string // of a member; for named, the Name that is asked for
	value string // for where: the value of that member
	slot  int    // for top: the number of the name
}

type stepKind uint8

const (
	top    stepKind = iota // a member of the record
	member                 // a member of an object
	every                  // the elements of an array
	where                  // the elements of an array with a member of that value
	named                  // the elements of a list of {Name, Value} with that Name
	inside                 // the JSON within a text
)

// slots numbers the members of a record that the tables name.
type slots map[string]int

func (s slots) add(name string) int {
	n, ok := s[name]
	if !ok {
		n = len(s)
		s[name] = n
	}
	return n
}

// parsePath reads a path as attributes.tsv describes it.
func parsePath(path string, known slots) []step {
	var steps []step
	for rest := path; rest != ""; {
		end := strings.IndexAny(rest[1:], ".[>") + 1
		if end == 0 {
			end = len(rest)
		}
		part := rest[:end]
		rest = rest[end:]
		switch {
		case part[0] == '[':
			end := strings.IndexByte(part+rest, ']')
			if end < 0 {
				panic(fmt.Sprintf("path %q lacks a ]", path))
			}
			steps = append(steps, parseBrackets((part + rest)[1:end], (part + rest)[end+1:])...)
			rest = (part + rest)[end+1:]
		case part[0] == '>':
			steps = append(steps, step{kind: inside}, step{kind: member, name: part[1:]})
		case part[0] == '.':
			steps = append(steps, step{kind: member, name: part[1:]})
		default:
			steps = append(steps, step{kind: top, name: part, slot: known.add(part)})
		}
	}
	return steps
}

// parseBrackets reads what stands between brackets. Of a {Name, Value} the Value is meant if nothing follows.
func parseBrackets(inner, rest string) []step {
	if inner == "" {
		return []step{{kind: every}}
	}
	if name, value, ok := strings.Cut(inner, "="); ok {
		return []step{{kind: where, name: name, value: value}}
	}
	if strings.HasPrefix(rest, ".") {
		return []step{{kind: named, name: inner}}
	}
	return []step{{kind: named, name: inner}, {kind: member, name: "Value"}}
}

// try goes along the steps to each value that they lead to, until one is accepted.
func (e *Encoder) try(v *visit, steps []step, n tree.Node) bool {
	if n == tree.None && (len(steps) == 0 || steps[0].kind != top) {
		return false
	}
	if len(steps) == 0 {
		return e.accept(v, n)
	}
	s, rest, t := &steps[0], steps[1:], v.tree
	found := false
	switch s.kind {
	case top:
		return e.try(v, rest, e.top[s.slot])
	case member:
		found = e.try(v, rest, t.Get(n, s.name))
	case inside:
		return e.tryInside(v, rest, n)
	case every:
		for c := t.First(n); c != tree.None && !found; c = t.Next(c) {
			found = e.try(v, rest, c)
		}
	default:
		found = e.tryLabelled(v, steps, n)
	}
	if found && v.tree == &e.record {
		e.marks.part(n)
	}
	return found
}

// tryLabelled goes to the elements that a member tells apart.
func (e *Encoder) tryLabelled(v *visit, steps []step, n tree.Node) bool {
	s, t := &steps[0], v.tree
	label, want := "Name", s.name
	if s.kind == where {
		label, want = s.name, s.value
	}
	for c := t.First(n); c != tree.None; c = t.Next(c) {
		l := t.Get(c, label)
		if l == tree.None || string(t.Text(l)) != want || !e.try(v, steps[1:], c) {
			continue
		}
		if v.tree == &e.record {
			e.marks.part(c)
			e.marks.label(l)
		}
		return true
	}
	return false
}

// tryInside takes the text apart in which JSON stands, once per record.
func (e *Encoder) tryInside(v *visit, steps []step, n tree.Node) bool {
	if v.tree != &e.record || e.record.Kind(n) != tree.String {
		return false
	}
	if e.innerOf != n {
		e.innerOf = n
		e.innerText = append(e.innerText[:0], e.record.Text(n)...)
		if e.inner.Parse(e.innerText) != nil {
			_ = e.inner.Parse([]byte("null"))
		}
	}
	e.within = *v
	e.within.tree = &e.inner
	return e.try(&e.within, steps, e.inner.Root())
}
