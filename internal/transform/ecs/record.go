package ecs

import (
	_ "embed"
	"sync"

	"o365-kafka-connector/internal/transform/table"
	"o365-kafka-connector/internal/transform/tree"
)

//go:embed record.tsv
var recordTSV string

// unshaped is the member under which stands what has another shape than its field.
const unshaped = "_raw"

// shapes are what the column shape of record.tsv may say.
var shapes = map[string]func(*Encoder, *tree.Tree, tree.Node){
	"object":           func(e *Encoder, t *tree.Tree, n tree.Node) { e.pairs(t, n, false) },
	"object and lists": func(e *Encoder, t *tree.Tree, n tree.Node) { e.pairs(t, n, true) },
	"data":             (*Encoder).data,
	"links":            (*Encoder).links,
	"reason":           (*Encoder).reason,
	"text":             (*Encoder).asText,
}

var shapeOf = sync.OnceValue(func() map[string]func(*Encoder, *tree.Tree, tree.Node) {
	m := map[string]func(*Encoder, *tree.Tree, tree.Node){}
	for _, row := range table.Rows(recordTSV) {
		m[row[0]] = shapes[row[1]]
	}
	return m
})

// What begins and ends values. The writer takes care of commas.
var objectStart, objectEnd, arrayStart, arrayEnd = []byte("{"), []byte("}"), []byte("["), []byte("]")

// wholeRecord writes the record itself. Members that are null are left out.
func (e *Encoder) wholeRecord(in *instruction) {
	t, root := &e.tree, e.tree.Root()
	if t.First(root) == tree.None {
		return
	}
	names := newMemberNames(t, root)
	e.w.Object(in.name)
	for n := t.First(root); n != tree.None; n = t.Next(n) {
		if t.Kind(n) == tree.Null {
			continue
		}
		names.begin(&e.w, n)
		if shape := shapeOf()[string(t.Name(n))]; shape != nil {
			shape(e, t, n)
			continue
		}
		e.value(t, n)
	}
	e.w.Close()
}

// value writes a value as it is, but for names that Elasticsearch does not take.
func (e *Encoder) value(t *tree.Tree, n tree.Node) {
	switch {
	case t.Opaque(n):
		e.w.AppendValue(t, n)
	case t.Kind(n) == tree.Object:
		names := newMemberNames(t, n)
		e.w.Append(objectStart)
		for c := t.First(n); c != tree.None; c = t.Next(c) {
			names.begin(&e.w, c)
			e.value(t, c)
		}
		e.w.Append(objectEnd)
	case t.Kind(n) == tree.Array:
		e.w.Append(arrayStart)
		for c := t.First(n); c != tree.None; c = t.Next(c) {
			e.w.Name("")
			e.value(t, c)
		}
		e.w.Append(arrayEnd)
	default:
		e.w.AppendValue(t, n)
	}
}

// leaf writes a text, number or truth value as it is, a list of them too, and anything else as a text, for a field that
// must not be an object in one event and a text in another.
func (e *Encoder) leaf(t *tree.Tree, n tree.Node) {
	flat := t.Kind(n) != tree.Object && !t.Opaque(n)
	for c := t.First(n); flat && c != tree.None; c = t.Next(c) {
		flat = t.Kind(c) < tree.Array
	}
	if flat {
		e.value(t, n)
		return
	}
	start := len(e.small)
	e.small = t.AppendValue(e.small, n)
	e.w.String(e.small[start:])
	e.small = e.small[:start]
}

// raw writes an object that holds the value under another name.
func (e *Encoder) raw(name string, t *tree.Tree, n tree.Node) {
	e.w.Append(objectStart)
	e.w.Name(name)
	e.leaf(t, n)
	e.w.Append(objectEnd)
}

// reason writes an object, also where the record has only a text.
func (e *Encoder) reason(t *tree.Tree, n tree.Node) {
	if t.Kind(n) == tree.Object {
		e.value(t, n)
		return
	}
	e.raw("Reason", t, n)
}

// asText writes what identifies something as a text, whether it is a number or not.
func (e *Encoder) asText(t *tree.Tree, n tree.Node) {
	if t.Kind(n) == tree.Number {
		e.w.String(t.Text(n))
		return
	}
	e.leaf(t, n)
}

// links writes a list of addresses, of one of objects that have an address each.
func (e *Encoder) links(t *tree.Tree, n tree.Node) {
	if t.Kind(n) != tree.Array || t.Opaque(n) {
		e.leaf(t, n)
		return
	}
	e.w.Append(arrayStart)
	for c := t.First(n); c != tree.None; c = t.Next(c) {
		e.w.Name("")
		if link := t.Get(c, "AlertLinkHref"); t.Kind(link) == tree.String {
			e.leaf(t, link)
			continue
		}
		e.leaf(t, c)
	}
	e.w.Append(arrayEnd)
}

// data writes the JSON that stands in an alert's Data: its members as they are, and the whole of it as flattened.
func (e *Encoder) data(t *tree.Tree, n tree.Node) {
	if t.Kind(n) == tree.String && t != &e.inner && e.inner.Parse(t.Text(n)) == nil {
		t, n = &e.inner, e.inner.Root()
	}
	if t.Kind(n) != tree.Object || t.Opaque(n) {
		e.raw(unshaped, t, n)
		return
	}
	names := newMemberNames(t, n)
	e.w.Append(objectStart)
	e.w.Name("flattened")
	e.value(t, n)
	for c := t.First(n); c != tree.None; c = t.Next(c) {
		if kind := t.Kind(c); kind == tree.Null || kind >= tree.Array || string(t.Name(c)) == "flattened" {
			continue
		}
		names.begin(&e.w, c)
		e.value(t, c)
	}
	e.w.Append(objectEnd)
}
