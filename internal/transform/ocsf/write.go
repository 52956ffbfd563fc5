package ocsf

import (
	"o365-kafka-connector/internal/transform/table"
	"o365-kafka-connector/internal/transform/tree"
)

// visit is what a way through the record is gone for: a value of an attribute, or a condition.
type visit struct {
	tree  *tree.Tree // the record, or what stands within one of its texts
	attr  *attr      // nil: a condition
	value *value
	when  *condition
	loose bool // the value is not taken from the record, since not all of it was used
}

// point is a place to which the encoder can go back.
type point struct{ out, observables, taken int }

func (e *Encoder) point() point { return point{len(e.out), len(e.observables), len(e.marks.order)} }

func (e *Encoder) back(p point) {
	e.out, e.observables = e.out[:p.out], e.observables[:p.observables]
	e.marks.giveBack(p.taken)
}

// name begins an attribute.
func (e *Encoder) name(key []byte) {
	if c := e.out[len(e.out)-1]; c != '{' && c != '[' {
		e.out = append(e.out, ',')
	}
	e.out = append(e.out, key...)
}

// children writes the attributes of an object. Content means that some come from the record and not only from the
// table; fits, that the object has what it requires.
func (e *Encoder) children(a *attr, n tree.Node) (content, fits bool) {
	found := !a.anyOf
	for _, c := range a.children {
		has := e.write(c, n, !content)
		if c.required && !has {
			return false, false
		}
		content = content || has
		found = found || c.oneOf && has
	}
	return content, found
}

// write writes an attribute, if there is something to write, and reports whether it comes from the record. Alone means
// that the object has nothing yet.
func (e *Encoder) write(a *attr, n tree.Node, alone bool) bool {
	switch {
	case a.each != nil:
		return e.writeEach(a)
	case a.children == nil:
		return e.leaf(a, n, alone)
	}
	p := e.point()
	e.name(a.key)
	if a.array {
		e.out = append(e.out, '[')
	}
	if !e.object(a, n) {
		e.back(p)
		return false
	}
	if a.array {
		e.out = append(e.out, ']')
	}
	return true
}

// object writes an object whose name stands already.
func (e *Encoder) object(a *attr, n tree.Node) bool {
	e.out = append(e.out, '{')
	if content, fits := e.children(a, n); !content || !fits {
		return false
	}
	e.out = append(e.out, '}')
	return true
}

// writeEach writes an array with an object for each element of an array of the record.
func (e *Encoder) writeEach(a *attr) bool {
	list := e.top[a.each[0].slot]
	p := e.point()
	e.name(a.key)
	e.out = append(e.out, '[')
	some := false
	for c := e.record.First(list); c != tree.None; c = e.record.Next(c) {
		q := e.point()
		if some {
			e.out = append(e.out, ',')
		}
		if !e.object(a, c) {
			e.back(q)
			continue
		}
		some = true
		e.marks.part(c)
	}
	if !some {
		e.back(p)
		return false
	}
	e.marks.part(list)
	e.out = append(e.out, ']')
	return true
}

// leaf writes the first value that there is.
func (e *Encoder) leaf(a *attr, n tree.Node, alone bool) bool {
	for i := range a.values {
		v := &a.values[i]
		if v.last && !alone || v.when != nil && !e.holds(v.when) {
			continue
		}
		if v.kind.own != nil {
			if wrote, content := e.own(a, v); wrote {
				return content
			}
			continue
		}
		if e.first(a, v, n) {
			return true
		}
	}
	return e.fallback(a)
}

// first writes the first value that a kind accepts.
func (e *Encoder) first(a *attr, v *value, n tree.Node) bool {
	e.visit = visit{tree: &e.record, attr: a, value: v}
	for _, steps := range v.sources {
		if e.try(&e.visit, steps, n) {
			return true
		}
	}
	return false
}

// fallback writes what a table has for records without a value.
func (e *Encoder) fallback(a *attr) bool {
	for i := range a.values {
		v := &a.values[i]
		if v.enum == nil || v.enum.missing == nil {
			continue
		}
		e.name(a.key)
		if v.kind.caption {
			e.out = appendText(e.out, []byte(v.enum.missing.caption))
		} else {
			e.out = append(e.out, v.enum.missing.id...)
		}
		return false
	}
	return false
}

// own writes a value that does not come from one place of the record.
func (e *Encoder) own(a *attr, v *value) (wrote, content bool) {
	p := e.point()
	e.name(a.key)
	start := len(e.out)
	content = v.kind.own(e, v)
	if len(e.out) == start {
		e.back(p)
		return false, false
	}
	return true, content
}

// accept writes a value of the record, if it is of the kind that is asked for.
func (e *Encoder) accept(v *visit, n tree.Node) bool {
	if v.when != nil {
		return e.equals(v, n)
	}
	p := len(e.out)
	e.name(v.attr.key)
	start := len(e.out)
	v.loose = v.value.kind.loose
	if !v.value.kind.read(e, v, n) {
		e.out = e.out[:p]
		return false
	}
	if v.value.observable != nil {
		e.observables = append(e.observables, observable{v.value.observable, start, len(e.out)})
	}
	if !v.loose && v.tree == &e.record {
		e.marks.take(n)
	}
	return true
}

// holds reports whether a condition holds.
func (e *Encoder) holds(c *condition) bool {
	e.asking = visit{tree: &e.record, when: c}
	return e.try(&e.asking, c.steps, e.record.Root())
}

func (e *Encoder) equals(v *visit, n tree.Node) bool {
	var space [64]byte
	text := string(table.Lower(space[:0], v.tree.Text(n)))
	for _, is := range v.when.is {
		if text == is {
			return true
		}
	}
	return false
}
