package ocsf

import (
	"bytes"

	"o365-kafka-connector/internal/transform/facts"
	"o365-kafka-connector/internal/transform/tree"
)

func readEmail(e *Encoder, v *visit, n tree.Node) bool {
	return facts.IsEmail(v.tree.Text(n)) && readText(e, v, n)
}

// readEmails writes the addresses of a list, or of a text with commas or semicolons between them.
func readEmails(e *Encoder, v *visit, n tree.Node) bool {
	return e.list(v, n, ",;", facts.IsEmail)
}

// readList writes the texts of a list, or of a text with commas between them.
func readList(e *Encoder, v *visit, n tree.Node) bool {
	return e.list(v, n, ",", func(text []byte) bool { return len(text) > 0 })
}

// list writes an array of the texts that are good. What has others, too, stays in unmapped.
func (e *Encoder) list(v *visit, n tree.Node, separators string, good func([]byte) bool) bool {
	start := len(e.out)
	e.out = append(e.out, '[')
	add := func(text []byte) {
		if text = bytes.TrimSpace(text); !good(text) {
			v.loose = true
			return
		}
		e.name(nil)
		e.out = appendText(e.out, text)
	}
	if v.tree.Kind(n) == tree.Array {
		for c := v.tree.First(n); c != tree.None; c = v.tree.Next(c) {
			add(v.tree.Text(c))
		}
	} else {
		for text := v.tree.Text(n); text != nil; {
			end := bytes.IndexAny(text, separators)
			if end < 0 {
				add(text)
				break
			}
			add(text[:end])
			text = text[end+1:]
		}
	}
	e.out = append(e.out, ']')
	return len(e.out) > start+len("[]")
}

// readDomain writes what stands behind the @ of an address.
func readDomain(e *Encoder, v *visit, n tree.Node) bool {
	text := v.tree.Text(n)
	if !facts.IsEmail(text) {
		return false
	}
	e.out = appendText(e.out, text[bytes.LastIndexByte(text, '@')+1:])
	return true
}
