package ocsf

import "o365-kafka-connector/internal/transform/tree"

// writeUnmapped writes what no attribute took, under the record's own names.
func (e *Encoder) writeUnmapped() {
	root := e.record.Root()
	if e.record.Kind(root) != tree.Object {
		return
	}
	at := len(e.out)
	e.out = append(e.out, `,"unmapped":{`...)
	start := len(e.out)
	for n := e.record.First(root); n != tree.None; n = e.record.Next(n) {
		e.restOfMember(n)
	}
	if len(e.out) == start {
		e.out = e.out[:at]
		return
	}
	e.out = append(e.out, '}')
}

func (e *Encoder) restOfMember(n tree.Node) {
	if !e.remains(n) {
		return
	}
	e.name(nil)
	e.out = append(e.record.AppendName(e.out, n), ':')
	e.rest(n)
}

// remains reports whether something of a value was not taken. What is empty says nothing.
func (e *Encoder) remains(n tree.Node) bool {
	switch e.marks.at(n) {
	case taken, labelled:
		return false
	case unused:
		return !empty(&e.record, n)
	case partly:
	}
	if e.record.Kind(n) < tree.Array {
		return true
	}
	for c := e.record.First(n); c != tree.None; c = e.record.Next(c) {
		if e.remains(c) {
			return true
		}
	}
	return false
}

// empty reports whether a value says nothing.
func empty(t *tree.Tree, n tree.Node) bool {
	kind := t.Kind(n)
	switch {
	case kind == tree.String:
		return len(t.Raw(n)) == len(`""`)
	case kind >= tree.Array:
		return t.First(n) == tree.None && !t.Opaque(n)
	}
	return kind == tree.Missing || kind == tree.Null
}

// rest writes what remains of a value.
func (e *Encoder) rest(n tree.Node) {
	kind := e.record.Kind(n)
	if e.marks.at(n) != partly || kind < tree.Array {
		e.out = e.record.AppendValue(e.out, n)
		return
	}
	e.out = append(e.out, "[{"[kind-tree.Array])
	for c := e.record.First(n); c != tree.None; c = e.record.Next(c) {
		switch {
		case kind == tree.Object && e.marks.at(c) == labelled:
			e.name(nil)
			e.out = append(e.record.AppendName(e.out, c), ':')
			e.out = e.record.AppendValue(e.out, c)
		case kind == tree.Object:
			e.restOfMember(c)
		case e.remains(c):
			e.name(nil)
			e.rest(c)
		}
	}
	e.out = append(e.out, "]}"[kind-tree.Array])
}
