package redact

import (
	"bytes"
	"strconv"
	"unicode"
	"unicode/utf8"

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

// whole hides all of a value, since a field may be anywhere in it. The text null is what it leaves of a text within a text.
func (x *rewriter) whole(n tree.Node, does action) {
	text := x.tree.Text(n)
	if x.tree.Kind(n) != tree.String {
		text = x.tree.Raw(n)
	}
	switch {
	case does == actionHash:
		x.hash(n, text)
	case does == actionRemove && len(text) > 0 && !isHash(text) && string(text) != "null":
		x.put(n, "null")
	}
}

// intoText looks into the JSON that a text holds, which may be a text that holds JSON, too: Entra writes the values of
// ModifiedProperties so.
func (x *rewriter) intoText(n tree.Node, r *rule) {
	if !r.leads() && !mayBeJSON(x.tree.Raw(n)) {
		return
	}
	text := x.tree.Text(n)
	if start, ok := startOfJSON(text); ok {
		out, changed, ok := x.rewriteInner(text[start:], r)
		switch {
		case ok && changed:
			x.quote(n, text[:start], out)
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

// mayBeJSON reports whether a string, with its quotes, may be what startOfJSON finds JSON in: few are, and this is cheap.
func mayBeJSON(raw []byte) bool {
	inside := bytes.TrimLeft(raw[1:len(raw)-1], " ")
	return len(inside) > 1 && (inside[0] == '{' || inside[0] == '[' || inside[0] == '\\' || inside[0] >= utf8.RuneSelf)
}

// startOfJSON returns where an object, an array or a string begins behind white space and byte order marks, which are no
// JSON, but stand before it; false if something else does.
func startOfJSON(text []byte) (int, bool) {
	json := bytes.TrimLeftFunc(text, func(c rune) bool { return c == '\uFEFF' || unicode.IsSpace(c) })
	return len(text) - len(json), len(json) > 0 && (json[0] == '{' || json[0] == '[' || json[0] == '"')
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

// quote puts a text, whose start stays, in the place of a string.
func (x *rewriter) quote(n tree.Node, start, rest []byte) {
	from, to := x.tree.Place(n)
	x.copyTo(from)
	x.out = tree.AppendEscaped(append(x.out, '"'), start)
	x.out = append(tree.AppendEscaped(x.out, rest), '"')
	x.at = to
	x.edits++
}

// mentions reports whether a text that looks like JSON, but cannot be taken apart, such as one that was cut off, names a
// field that lies anywhere.
func (x *rewriter) mentions(text []byte) bool {
	if len(x.rules.anywhere) == 0 {
		return false
	}
	folded := appendFolded(nil, unescaped(text))
	for name := range x.rules.anywhere {
		if bytes.Contains(folded, unescaped([]byte(name))) {
			return true
		}
	}
	return false
}

// unescaped returns a text without its backslashes, with the letter in the place of each \uXXXX, however often it was
// escaped.
func unescaped(text []byte) []byte {
	var out []byte
	for {
		plain, rest, found := bytes.Cut(text, []byte{'\\'})
		out = append(out, plain...)
		if !found {
			return out
		}
		text = bytes.TrimLeft(rest, `\`)
		if len(text) < len("uXXXX") || text[0] != 'u' {
			continue
		}
		if c, err := strconv.ParseUint(string(text[1:len("uXXXX")]), 16, 16); err == nil {
			out, text = utf8.AppendRune(out, rune(c)), text[len("uXXXX"):]
		}
	}
}
