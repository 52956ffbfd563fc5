package tree

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"unicode/utf8"
)

// few is how many members an object has at most whose names are compared with each other.
const few = 64

// errFull says that there is no room for another node.
var errFull = errors.New("no room")

// Parse takes a text apart; what the tree held before is gone. The text must not change as long as the tree is used.
func (t *Tree) Parse(text []byte) error {
	if len(text) > maxText {
		return ErrTooLarge
	}
	t.text, t.valid = text, utf8.Valid(text)
	if cap(t.nodes) > keepNodes {
		t.nodes = nil
	}
	t.nodes = append(t.nodes[:0], node{}, node{})
	t.names, t.scratch, t.texts = t.names[:0], t.scratch[:0], t.texts[:0]
	if cap(t.names) > keepScratch {
		t.names = nil
	}
	if cap(t.scratch) > keepScratch {
		t.scratch = nil
	}
	if cap(t.texts) > keepNodes {
		t.texts = nil
	}
	end, err := t.value(t.space(0), root, 1)
	if err == nil && t.space(end) != len(text) {
		err = ErrSyntax
	}
	if err != nil {
		t.nodes = t.nodes[:0]
		if errors.Is(err, errFull) {
			return ErrTooLarge
		}
		return err
	}
	t.nodes[root].flags |= last
	return nil
}

// space returns where something else than white space stands, at the end of the text at most.
func (t *Tree) space(at int) int {
	for at < len(t.text) {
		switch t.text[at] {
		case ' ', '\n', '\r', '\t':
			at++
		default:
			return at
		}
	}
	return at
}

// value reads the value at a place into a node and returns its end.
func (t *Tree) value(at int, n Node, depth int) (end int, err error) {
	if at >= len(t.text) {
		return 0, ErrSyntax
	}
	kind, flags := Number, uint8(0)
	switch t.text[at] {
	case '"':
		kind = String
		end, flags, err = t.str(at)
	case '{', '[':
		return t.container(at, n, depth)
	case 't':
		kind = True
		end, err = t.literal(at, "true")
	case 'f':
		kind = False
		end, err = t.literal(at, "false")
	case 'n':
		kind = Null
		end, err = t.literal(at, "null")
	default:
		end, err = t.number(at)
	}
	v := &t.nodes[n]
	v.kind, v.start, v.end, v.next = kind, uint32(at), uint32(end), n+1
	v.flags |= flags
	return end, err
}

// container reads an array or object. What is too deep, and a member of the outermost value that does not fit, is
// skipped.
func (t *Tree) container(at int, n Node, depth int) (end int, err error) {
	kind, flags := Array, uint8(0)
	if t.text[at] == '{' {
		kind = Object
	}
	switch {
	case depth > MaxDepth:
	case kind == Object:
		end, err = t.object(at+1, n+1, depth+1)
	default:
		end, err = t.array(at+1, depth+1)
	}
	if depth > MaxDepth || depth == 2 && errors.Is(err, errFull) {
		flags = opaque
		t.nodes = t.nodes[:n+1]
		end, err = t.skip(at)
	}
	v := &t.nodes[n]
	v.kind, v.start, v.end, v.next = kind, uint32(at), uint32(end), Node(len(t.nodes))
	v.flags |= flags
	return end, err
}

func (t *Tree) add(v node) (Node, error) {
	if len(t.nodes) >= MaxNodes {
		return None, errFull
	}
	t.nodes = append(t.nodes, v)
	return Node(len(t.nodes) - 1), nil
}

// array reads the values of an array.
func (t *Tree) array(at, depth int) (int, error) {
	at = t.space(at)
	if at < len(t.text) && t.text[at] == ']' {
		return at + 1, nil
	}
	for {
		n, err := t.add(node{})
		if err == nil {
			at, err = t.value(at, n, depth)
		}
		if err != nil {
			return 0, err
		}
		at = t.space(at)
		switch {
		case at < len(t.text) && t.text[at] == ',':
			at = t.space(at + 1)
		case at < len(t.text) && t.text[at] == ']':
			t.nodes[n].flags |= last
			return at + 1, nil
		default:
			return 0, ErrSyntax
		}
	}
}

// object reads the members of an object, of which the first will be that node.
func (t *Tree) object(at int, first Node, depth int) (int, error) {
	at = t.space(at)
	if at < len(t.text) && t.text[at] == '}' {
		return at + 1, nil
	}
	seen, count := uint64(0), 0 // hashes of the names so far, and how many there are
	for {
		n, next, err := t.member(at, depth)
		if err != nil {
			return 0, err
		}
		at = t.space(next)
		count++
		bit := uint64(1) << (t.nodes[n].hash >> 26)
		if seen&bit != 0 && count <= few {
			t.shadow(first, n)
		}
		seen |= bit
		switch {
		case at < len(t.text) && t.text[at] == ',':
			at = t.space(at + 1)
		case at < len(t.text) && t.text[at] == '}':
			t.nodes[n].flags |= last
			if count > few {
				t.shadowAll(first)
			}
			return at + 1, nil
		default:
			return 0, ErrSyntax
		}
	}
}

// member reads a name and its value, and returns its end.
func (t *Tree) member(at, depth int) (Node, int, error) {
	if at >= len(t.text) || t.text[at] != '"' {
		return None, 0, ErrSyntax
	}
	end, flags, err := t.str(at)
	if err != nil {
		return None, 0, err
	}
	v := node{nameStart: uint32(at + 1), nameOf: uint32(end - 1)}
	name := t.text[at+1 : end-1]
	if flags&escaped != 0 || !t.valid {
		v.flags, v.nameStart = nameEscaped, uint32(len(t.names))
		t.names = appendUnescaped(t.names, name)
		v.nameOf = uint32(len(t.names))
		name = t.names[v.nameStart:]
	}
	v.hash = hash(name)
	n, err := t.add(v)
	if err != nil {
		return None, 0, err
	}
	at = t.space(end)
	if at >= len(t.text) || t.text[at] != ':' {
		return None, 0, ErrSyntax
	}
	end, err = t.value(t.space(at+1), n, depth)
	return n, end, err
}

// shadow hides the member before n, from the first on, that has the same name.
func (t *Tree) shadow(first, n Node) {
	for c := first; c < n; c = t.nodes[c].next {
		if v := &t.nodes[c]; v.hash == t.nodes[n].hash && string(t.Name(c)) == string(t.Name(n)) {
			v.flags |= shadowed
		}
	}
}

// shadowAll hides each member that another of the same name follows, in an object of many.
func (t *Tree) shadowAll(first Node) {
	t.seen.Reset()
	for c := first; ; c = t.nodes[c].next {
		i, found := t.seen.Add(t.Name(c), uint32(c))
		if found {
			t.nodes[t.seen.Value(i)].flags |= shadowed
			t.seen.Set(i, uint32(c))
		}
		if t.nodes[c].flags&last != 0 {
			return
		}
	}
}

// hash tells most names apart by their ends and length.
func hash(name []byte) uint32 {
	const a, b = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F
	n := len(name)
	h := uint64(n) * b
	switch {
	case n >= 8:
		h += binary.LittleEndian.Uint64(name)*a ^ bits.RotateLeft64(binary.LittleEndian.Uint64(name[n-8:]), 21)*b
	case n >= 4:
		h += uint64(binary.LittleEndian.Uint32(name))*a ^ uint64(binary.LittleEndian.Uint32(name[n-4:]))*b
	default:
		for _, c := range name {
			h = (h + uint64(c)) * a
		}
	}
	return uint32((h ^ h>>29) * a >> 32)
}
