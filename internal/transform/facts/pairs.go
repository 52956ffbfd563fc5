package facts

import (
	"bytes"

	"o365-kafka-connector/internal/transform/tree"
)

// Pair is an entry of a list of names and values, as Parameters, ExtendedProperties and ModifiedProperties are. Teams writes
// Key for Name.
type Pair struct {
	Name     []byte
	Value    tree.Node // Value, or NewValue of a change; None if there is none
	OldValue tree.Node // of a change
	Change   bool      // the entry has a NewValue or an OldValue
}

// PairOf reads an entry of a list. False means that it has no name: it is no pair.
func PairOf(t *tree.Tree, entry tree.Node) (Pair, bool) {
	name := t.Get(entry, "Name")
	if name == tree.None {
		name = t.Get(entry, "Key")
	}
	p := Pair{Name: t.Text(name), Value: t.Get(entry, "Value"), OldValue: t.Get(entry, "OldValue")}
	if changed := t.Get(entry, "NewValue"); changed != tree.None || p.OldValue != tree.None {
		p.Change = true
		if p.Value == tree.None {
			p.Value = changed
		}
	}
	return p, len(p.Name) > 0
}

// Named returns the value of the first entry of that name in a list of pairs, or the member of that name if the list is
// an object already.
func Named(t *tree.Tree, list tree.Node, name string) tree.Node {
	if t.Kind(list) == tree.Object {
		return t.Get(list, name)
	}
	for entry := t.First(list); entry != tree.None; entry = t.Next(entry) {
		if p, ok := PairOf(t, entry); ok && string(p.Name) == name {
			return p.Value
		}
	}
	return tree.None
}

// Bare returns what a value of ModifiedProperties means if it is a single text: they are JSON in a string, such as
// "Helpdesk" with its quotes, or a list of one.
func Bare(text []byte) []byte {
	text = bytes.TrimSpace(text)
	if n := len(text); n >= 2 && text[0] == '[' && text[n-1] == ']' {
		text = bytes.TrimSpace(text[1 : n-1])
	}
	if n := len(text); n >= 2 && text[0] == '"' && text[n-1] == '"' && !bytes.ContainsAny(text[1:n-1], `"\`) {
		text = text[1 : n-1]
	}
	return text
}
