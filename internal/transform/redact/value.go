package redact

import (
	"bytes"

	"o365-kafka-connector/internal/transform/tree"
)

// maxTexts is how deep JSON is looked for in the texts of JSON.
const maxTexts = 4

// hashed replaces a value by its hash, or all texts and numbers within it by theirs.
func (x *rewriter) hashed(n tree.Node) {
	switch x.tree.Kind(n) {
	case tree.Missing, tree.Null:
	case tree.Number, tree.String:
		x.hash(n, x.tree.Text(n))
	case tree.True, tree.False:
		x.hash(n, x.tree.Raw(n))
	case tree.Array, tree.Object:
		if x.tree.Opaque(n) {
			x.hash(n, x.tree.Raw(n))
			return
		}
		for c := x.tree.FirstAny(n); c != tree.None; c = x.tree.NextAny(c) {
			if kind := x.tree.Kind(c); kind != tree.True && kind != tree.False { // which tell nothing by themselves
				x.hashed(c)
			}
		}
	}
}

// hash puts the hash of a text in the place of a value.
func (x *rewriter) hash(n tree.Node, text []byte) {
	if len(text) == 0 || isHash(text) {
		return
	}
	start, end := x.tree.Place(n)
	x.copyTo(start)
	x.out = x.mac.appendTo(append(x.out, '"'), text)
	x.out = append(x.out, '"')
	x.at = end
	x.edits++
}

// put puts JSON in the place of a value.
func (x *rewriter) put(n tree.Node, json string) {
	start, end := x.tree.Place(n)
	x.copyTo(start)
	x.out = append(x.out, json...)
	x.at = end
	x.edits++
}

// whole hides all of a value, since a field may be anywhere in it.
func (x *rewriter) whole(n tree.Node, does action) {
	text := x.tree.Text(n)
	if x.tree.Kind(n) != tree.String {
		text = x.tree.Raw(n)
	}
	switch {
	case does == actionHash:
		x.hash(n, text)
	case does == actionRemove && len(text) > 0 && !isHash(text):
		x.put(n, "null")
	}
}

// intoText looks into the JSON that a text holds.
func (x *rewriter) intoText(n tree.Node, r *rule) {
	raw := x.tree.Raw(n)
	if !r.leads() && !mayBeJSON(raw) {
		return
	}
	text := x.tree.Text(n)
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') {
		out, changed, ok := x.rewriteInner(text, r)
		switch {
		case ok && changed:
			x.quote(n, out)
			return
		case ok:
			return
		case x.mentions(text):
			x.whole(n, max(x.rules.greatest, r.leadsTo()))
			return
		}
	}
	if r.leads() {
		x.whole(n, r.greatest)
	}
}

// mayBeJSON reports whether a string, with its quotes, may hold an array or an object: few do, and this is cheap.
func mayBeJSON(raw []byte) bool {
	inside := bytes.TrimLeft(raw[1:len(raw)-1], " ")
	return len(inside) > 1 && (inside[0] == '{' || inside[0] == '[' || inside[0] == '\\')
}

// rewriteInner rewrites JSON within a text; false if it is none, or lies too deep.
func (x *rewriter) rewriteInner(text []byte, r *rule) (out []byte, changed, ok bool) {
	if x.depth >= maxTexts {
		return nil, false, false
	}
	if x.inner == nil {
		x.inner = newRewriter(x.rules, x.depth+1)
	}
	out, changed, err := x.inner.rewrite(text, r, false)
	return out, changed, err == nil
}

// quote puts a text in the place of a string.
func (x *rewriter) quote(n tree.Node, text []byte) {
	start, end := x.tree.Place(n)
	x.copyTo(start)
	x.out = append(tree.AppendEscaped(append(x.out, '"'), text), '"')
	x.at = end
	x.edits++
}

// mentions reports whether a text that is no JSON, such as one that was cut off, names a field that lies anywhere.
func (x *rewriter) mentions(text []byte) bool {
	folded := appendFolded(nil, text)
	for name := range x.rules.anywhere {
		if bytes.Contains(folded, []byte(name)) {
			return true
		}
	}
	return false
}
