package ecs

import (
	"o365-kafka-connector/internal/transform/facts"
	"o365-kafka-connector/internal/transform/tree"
)

// entry is a pair of a list that becomes a member of an object.
type entry struct {
	value, old tree.Node
	next       int // the next entry of the same name; 0: none
	last       int // of the first of a name: the last one
}

// pairs writes a list of names and values as an object: of names that occur twice a list of the values, of changes
// objects with OldValue and NewValue, and under _raw what is no pair. A text that holds such a list in JSON is read; any
// other text stands under _raw. With lists, the object has the lists Name and Value too, as Elasticsearch sees them in a
// list of objects.
func (e *Encoder) pairs(t *tree.Tree, n tree.Node, lists bool) {
	if t.Kind(n) == tree.String && t != &e.inner && e.inner.Parse(t.Text(n)) == nil && e.inner.Kind(e.inner.Root()) >= tree.Array {
		t, n = &e.inner, e.inner.Root()
	}
	switch {
	case t.Kind(n) == tree.Object && !t.Opaque(n):
		e.members(t, n)
		return
	case t.Kind(n) != tree.Array || t.Opaque(n):
		e.raw(unshaped, t, n)
		return
	}
	rest, changes := e.collect(t, n, lists)
	e.w.Append(objectStart)
	for i := range e.names.Len() {
		e.w.NameText(e.names.Name(i))
		e.entry(t, int(e.names.Value(i)), changes)
	}
	if lists {
		e.column(t, n, "Name")
		e.column(t, n, "Value")
	}
	if rest > 0 {
		e.rest(t, n, lists)
	}
	e.w.Append(objectEnd)
}

// members writes an object whose members are texts, as pairs would.
func (e *Encoder) members(t *tree.Tree, n tree.Node) {
	names := newMemberNames(t, n)
	e.w.Append(objectStart)
	for c := t.First(n); c != tree.None; c = t.Next(c) {
		if t.Kind(c) != tree.Null {
			names.begin(&e.w, c)
			e.leaf(t, c)
		}
	}
	e.w.Append(objectEnd)
}

// namedPair reads a pair that becomes a member.
func namedPair(t *tree.Tree, n tree.Node, lists bool) (facts.Pair, bool) {
	p, ok := facts.PairOf(t, n)
	switch string(p.Name) {
	case unshaped:
		ok = false
	case "Name", "Value":
		ok = ok && !lists
	}
	return p, ok
}

// collect puts the pairs into e.names and e.entries, from 1 on. It tells how many values are no pairs, and whether there
// are changes.
func (e *Encoder) collect(t *tree.Tree, n tree.Node, lists bool) (rest int, changes bool) {
	e.names.Reset()
	e.entries = append(e.entries[:0], entry{})
	var space [64]byte
	for c := t.First(n); c != tree.None; c = t.Next(c) {
		p, ok := namedPair(t, c, lists)
		if !ok {
			rest++
			continue
		}
		changes = changes || p.Change
		if t.Kind(p.Value) <= tree.Null && t.Kind(p.OldValue) <= tree.Null {
			continue
		}
		place := len(e.entries)
		name := appendKey(space[:0], p.Name)
		if number, found := e.names.Add(name, uint32(place)); found {
			first := &e.entries[e.names.Value(number)]
			e.entries[first.last].next, first.last = place, place
		}
		e.entries = append(e.entries, entry{value: p.Value, old: p.OldValue, last: place})
	}
	return rest, changes
}

// appendKey appends a name as Elastic's integration writes it: with underscores for blanks and dots.
func appendKey(dst, name []byte) []byte {
	start := len(dst)
	dst = appendUsable(dst, name)
	for i, c := range dst[start:] {
		if c == ' ' {
			dst[start+i] = '_'
		}
	}
	return dst
}

// entry writes the values of a name.
func (e *Encoder) entry(t *tree.Tree, place int, changes bool) {
	if e.entries[place].next == 0 {
		e.entryValue(t, e.entries[place], changes)
		return
	}
	e.w.Append(arrayStart)
	for ; place != 0; place = e.entries[place].next {
		e.w.Name("")
		e.entryValue(t, e.entries[place], changes)
	}
	e.w.Append(arrayEnd)
}

func (e *Encoder) entryValue(t *tree.Tree, v entry, changes bool) {
	if !changes {
		e.leaf(t, v.value)
		return
	}
	e.w.Append(objectStart)
	if t.Kind(v.value) > tree.Null {
		e.w.Name("NewValue")
		e.leaf(t, v.value)
	}
	if t.Kind(v.old) > tree.Null {
		e.w.Name("OldValue")
		e.leaf(t, v.old)
	}
	e.w.Append(objectEnd)
}

// column writes one of the members of all pairs as a list.
func (e *Encoder) column(t *tree.Tree, n tree.Node, name string) {
	e.w.Array(name)
	for c := t.First(n); c != tree.None; c = t.Next(c) {
		p, ok := facts.PairOf(t, c)
		if !ok {
			continue
		}
		if name == "Name" {
			e.w.Text("", p.Name)
		} else if t.Kind(p.Value) > tree.Null {
			e.w.Name("")
			e.leaf(t, p.Value)
		}
	}
	e.w.Close()
}

// rest writes what is no pair as a list.
func (e *Encoder) rest(t *tree.Tree, n tree.Node, lists bool) {
	e.w.Array(unshaped)
	for c := t.First(n); c != tree.None; c = t.Next(c) {
		if _, ok := namedPair(t, c, lists); !ok && t.Kind(c) != tree.Null {
			e.w.Name("")
			e.leaf(t, c)
		}
	}
	e.w.Close()
}
