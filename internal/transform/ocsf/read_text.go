package ocsf

import (
	"bytes"
	"strconv"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/tree"
)

// notAvailable is what Entra ID writes where it has nothing to say.
const notAvailable = `"Not Available"`

// readText writes a text or a number as a string.
func readText(e *Encoder, v *visit, n tree.Node) bool {
	kind := v.tree.Kind(n)
	if kind == tree.Number {
		e.out = append(append(append(e.out, '"'), v.tree.Text(n)...), '"')
		return true
	}
	if kind != tree.String || empty(v.tree, n) || string(v.tree.Raw(n)) == notAvailable {
		return false
	}
	e.out = v.tree.AppendValue(e.out, n)
	return true
}

func readInt(e *Encoder, v *visit, n tree.Node) bool {
	i, ok := v.tree.Int(n)
	if ok {
		e.out = strconv.AppendInt(e.out, i, 10)
	}
	return ok
}

// readTime writes milliseconds since 1970.
func readTime(e *Encoder, v *visit, n tree.Node) bool {
	at, ok := audit.ParseTime(v.tree.Text(n))
	if ok {
		e.out = strconv.AppendInt(e.out, at.UnixMilli(), 10)
	}
	return ok
}

// readData copies a value as it is.
func readData(e *Encoder, v *visit, n tree.Node) bool {
	if empty(v.tree, n) {
		return false
	}
	e.out = v.tree.AppendValue(e.out, n)
	return true
}

func readURL(e *Encoder, v *visit, n tree.Node) bool {
	text := v.tree.Text(n)
	return bytes.Contains(text[:min(len(text), 32)], []byte("://")) && readText(e, v, n)
}

// some writes a text, unless it is empty.
func (e *Encoder) some(text []byte) bool {
	if len(text) == 0 {
		return false
	}
	e.out = appendText(e.out, text)
	return true
}
