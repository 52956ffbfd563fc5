package ecs

import (
	"bytes"
	"strconv"

	"o365-kafka-connector/internal/transform/tree"
)

// memberNames writes the names of an object's members. Elasticsearch takes a dot in a name for an object, and refuses
// blank names and names that occur twice: dots become underscores, and a name that is taken then gets a number.
type memberNames struct {
	t    *tree.Tree
	used *tree.Names // nil: all names can stay
}

func newMemberNames(t *tree.Tree, object tree.Node) memberNames {
	names := memberNames{t: t}
	for n := t.First(object); n != tree.None; n = t.Next(n) {
		if !usable(t.Name(n)) {
			names.used = &tree.Names{}
			break
		}
	}
	if names.used == nil {
		return names
	}
	for n := t.First(object); n != tree.None; n = t.Next(n) {
		if name := t.Name(n); usable(name) {
			names.used.Add(name, 0)
		}
	}
	return names
}

// begin writes the name of a member.
func (m memberNames) begin(w *tree.Writer, n tree.Node) {
	if m.used == nil || usable(m.t.Name(n)) {
		w.AppendName(m.t, n)
		return
	}
	name := appendUsable(nil, m.t.Name(n))
	number, found := m.used.Add(name, 0)
	for base := name; found; _, found = m.used.Add(name, 0) {
		next := m.used.Value(number) + 1
		m.used.Set(number, next) // so that many alike do not all try the same
		name = strconv.AppendUint(append(base[:len(base):len(base)], '_'), uint64(next), 10)
	}
	w.NameText(name)
}

// usable reports whether Elasticsearch takes the name for that of one field.
func usable(name []byte) bool {
	return len(name) > 0 && bytes.IndexByte(name, '.') < 0 && (name[0] > ' ' && name[0] < 0x80 || len(bytes.TrimSpace(name)) > 0)
}

func appendUsable(dst, name []byte) []byte {
	if len(bytes.TrimSpace(name)) == 0 {
		return append(dst, '_')
	}
	start := len(dst)
	dst = append(dst, name...)
	for i, c := range dst[start:] {
		if c == '.' {
			dst[start+i] = '_'
		}
	}
	return dst
}
