package ocsf

import (
	"bytes"

	"o365-kafka-connector/internal/transform/facts"
	"o365-kafka-connector/internal/transform/tree"
)

func readEnum(e *Encoder, v *visit, n tree.Node) bool {
	found, ok := v.value.enum.find(v.tree, n)
	switch {
	case !ok:
		return false
	case !v.value.kind.caption:
		e.out = append(e.out, found.id...)
		return true
	case found.caption == "":
		e.out = appendText(e.out, v.tree.Text(n))
		return true
	}
	e.out = append(append(append(e.out, '"'), found.caption...), '"')
	return true
}

// readInner writes the text within a text: Entra ID writes values of properties as JSON, alone or in a list.
func readInner(e *Encoder, v *visit, n tree.Node) bool {
	text, whole := inner(v.tree.Text(n))
	v.loose = !whole
	return e.some(text)
}

func readInnerEmail(e *Encoder, v *visit, n tree.Node) bool {
	text, whole := inner(v.tree.Text(n))
	v.loose = !whole
	return facts.IsEmail(text) && e.some(text)
}

func readInnerList(e *Encoder, v *visit, n tree.Node) bool {
	text, whole := inner(v.tree.Text(n))
	v.loose = !whole
	if len(text) == 0 {
		return false
	}
	e.out = append(appendText(append(e.out, '['), text), ']')
	return true
}

// inner returns the first text of a list in JSON, or the only one. Whole means that there is nothing else.
func inner(text []byte) (first []byte, whole bool) {
	const around = "[]\" \t\r\n"
	first, _, more := bytes.Cut(bytes.Trim(text, around), []byte{'"'})
	return first, !more
}
