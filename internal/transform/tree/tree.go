// Package tree takes a JSON text apart in one pass, without a copy and without an allocation once its buffers have
// grown, and writes JSON. It is what the formats that look into a whole record stand on.
//
// A Tree holds the values of a text in one flat array, in the order in which they stand there, and points into the text.
// A Node is the place of a value in it:
//
//	if err := t.Parse(record.Raw); err != nil { … }
//	root := t.Root()
//	user := t.Text(t.Get(root, "UserId"))
//	for p := t.First(t.Get(root, "Parameters")); p != tree.None; p = t.Next(p) {
//		name, value := t.Text(t.Get(p, "Name")), t.Get(p, "Value")
//	}
//
// What is missing is None, of which everything may be asked: it has no text, no members and no kind. So paths need no
// checks on the way.
//
// What records bring along is settled here, for all formats alike:
//
//   - Of members with the same name, the last one counts, as in encoding/json; the others cannot be seen.
//   - Numbers are text; no digit is lost.
//   - Bytes that are no UTF-8, and surrogates without their half, become U+FFFD, one each.
//   - Arrays and objects that lie deeper than MaxDepth, or hold more values than there is room for, are Opaque: they
//     have a text and no members.
//
// The memory of a tree is bounded, whatever the text is: MaxNodes values of 28 bytes, and the texts whose escapes had
// to be resolved, once each.
package tree

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// MaxDepth is how deep values are taken apart; the outermost has depth 1.
const MaxDepth = 64

// MaxNodes is how many values of one text are taken apart.
const MaxNodes = 1 << 16

// maxText is the longest text that Parse takes.
const maxText = 1<<31 - 1

// What is kept for the next text at most: bytes of a buffer, and values.
const (
	keepScratch = 1 << 20
	keepNodes   = 1 << 13
)

var (
	// ErrSyntax is what Parse answers to a text that is no JSON value.
	ErrSyntax = errors.New("the text is no JSON value")
	// ErrTooLarge is what Parse answers to a text with more than MaxNodes values in its outermost array or object, or
	// of 2 GiB.
	ErrTooLarge = errors.New("the text has too many values")
)

// Kind is what a value is.
type Kind uint8

// The kinds.
const (
	Missing Kind = iota // only None has it
	Null
	False
	True
	Number
	String
	Array
	Object
)

// Node is the place of a value in its tree, until the next Parse.
type Node uint32

// None is the place of what is missing.
const None Node = 0

const root Node = 1

// What is known of a value, in addition to its kind.
const (
	escaped     uint8 = 1 << iota // a string with escapes
	odd                           // a string with escapes of surrogates, which may lack their half
	nameEscaped                   // the member's name stands in Tree.names
	last                          // no value follows in the same array or object
	shadowed                      // another member of the same name follows
	opaque                        // an array or object that was not taken apart
)

type node struct {
	hash              uint32 // of the name
	nameStart, nameOf uint32 // the name without quotes: its start and end
	start, end        uint32 // the value in the text
	next              Node   // what follows behind all that lies within
	kind              Kind
	flags             uint8
	text              uint16 // number of the string in Tree.texts, from 1 on; 0: its escapes were not resolved yet
}

// stretch is a part of Tree.scratch.
type stretch struct{ start, end int }

// Tree is a JSON text taken apart. The zero value is ready for Parse. One goroutine at a time may use it.
type Tree struct {
	text    []byte
	valid   bool // the text is valid UTF-8
	nodes   []node
	names   []byte // names whose escapes were resolved
	scratch []byte // texts whose escapes were resolved
	texts   []stretch
	seen    Names
}

// Root returns the outermost value.
func (t *Tree) Root() Node {
	if len(t.nodes) <= int(root) {
		return None
	}
	return root
}

// Kind returns what the value is.
func (t *Tree) Kind(n Node) Kind { return t.at(n).kind }

// at returns a value; of None one that says nothing.
func (t *Tree) at(n Node) *node {
	if int(n) >= len(t.nodes) {
		return &nothing
	}
	return &t.nodes[n]
}

var nothing node

// Opaque reports whether a value is an array or object that was not taken apart, see MaxDepth and MaxNodes.
func (t *Tree) Opaque(n Node) bool { return t.at(n).flags&opaque != 0 }

// First returns the first value within an array or object.
func (t *Tree) First(n Node) Node {
	v := t.at(n)
	if v.next <= n+1 || v.kind < Array {
		return None
	}
	if t.nodes[n+1].flags&shadowed != 0 {
		return t.Next(n + 1)
	}
	return n + 1
}

// Next returns the value that follows within the same array or object.
func (t *Tree) Next(n Node) Node {
	for v := t.at(n); v.kind != Missing && v.flags&last == 0; v = t.at(n) {
		n = v.next
		if t.nodes[n].flags&shadowed == 0 {
			return n
		}
	}
	return None
}

// Len counts the values within an array or object.
func (t *Tree) Len(n Node) int {
	count := 0
	for c := t.First(n); c != None; c = t.Next(c) {
		count++
	}
	return count
}

// Get returns the member of that name of an object.
func (t *Tree) Get(n Node, name string) Node {
	object := t.at(n)
	if object.kind != Object {
		return None
	}
	h := hash([]byte(name))
	for c := n + 1; c < object.next; c = t.nodes[c].next {
		if v := &t.nodes[c]; v.hash == h && v.flags&shadowed == 0 && string(t.Name(c)) == name {
			return c
		}
	}
	return None
}

// Name returns the name of a member, escapes resolved; nothing of what is no member.
func (t *Tree) Name(n Node) []byte {
	v := t.at(n)
	if v.flags&nameEscaped != 0 {
		return t.names[v.nameStart:v.nameOf:v.nameOf]
	}
	return t.text[v.nameStart:v.nameOf:v.nameOf]
}

// Raw returns the value as it stands in the text.
func (t *Tree) Raw(n Node) []byte {
	v := t.at(n)
	return t.text[v.start:v.end:v.end]
}

// Text returns a string, escapes resolved and in valid UTF-8, or the digits of a number; nothing of any other kind. It
// must not be changed and stands until the next Parse.
func (t *Tree) Text(n Node) []byte {
	v := t.at(n)
	switch {
	case v.kind == Number:
		return t.text[v.start:v.end:v.end]
	case v.kind != String:
		return nil
	case t.valid && v.flags&escaped == 0:
		return t.text[v.start+1 : v.end-1 : v.end-1]
	}
	if v.text == 0 {
		t.resolve(v)
	}
	found := t.texts[v.text-1]
	return t.scratch[found.start:found.end:found.end]
}

// resolve puts a string into scratch, escapes resolved, once for all who ask.
func (t *Tree) resolve(v *node) {
	inside := t.text[v.start+1 : v.end-1]
	start := len(t.scratch)
	t.scratch = appendUnescaped(slices.Grow(t.scratch, len(inside)), inside)
	t.texts = append(t.texts, stretch{start, len(t.scratch)})
	v.text = uint16(len(t.texts)) // there are fewer than MaxNodes
}

// Int returns an integer, also one in quotes; false if it is none, or not within 64 bits.
func (t *Tree) Int(n Node) (int64, bool) {
	text := t.Text(n)
	if len(text) == 0 || len(text) > len("-9223372036854775808") {
		return 0, false
	}
	i, err := strconv.ParseInt(string(text), 10, 64)
	return i, err == nil && text[0] != '+'
}

// AppendValue appends a value as JSON on one line, in valid UTF-8, without white space and without members that do not
// count. An opaque value becomes a string that holds its text.
func (t *Tree) AppendValue(dst []byte, n Node) []byte {
	v := t.at(n)
	switch {
	case v.kind == Missing:
		return append(dst, "null"...)
	case v.flags&opaque != 0:
		return append(AppendRepaired(append(dst, '"'), t.text[v.start:v.end]), '"')
	case v.kind == Object:
		dst = append(dst, '{')
		for c := t.First(n); c != None; c = t.Next(c) {
			if dst[len(dst)-1] != '{' {
				dst = append(dst, ',')
			}
			dst = append(t.AppendName(dst, c), ':')
			dst = t.AppendValue(dst, c)
		}
		return append(dst, '}')
	case v.kind == Array:
		dst = append(dst, '[')
		for c := t.First(n); c != None; c = t.Next(c) {
			if dst[len(dst)-1] != '[' {
				dst = append(dst, ',')
			}
			dst = t.AppendValue(dst, c)
		}
		return append(dst, ']')
	case v.kind == String && (!t.valid || v.flags&odd != 0):
		return append(AppendEscaped(append(dst, '"'), t.Text(n)), '"')
	}
	return append(dst, t.text[v.start:v.end]...)
}

// AppendName appends the name of a member as a JSON string.
func (t *Tree) AppendName(dst []byte, n Node) []byte {
	v := t.at(n)
	if v.flags&nameEscaped != 0 {
		return append(AppendEscaped(append(dst, '"'), t.Name(n)), '"')
	}
	return append(append(append(dst, '"'), t.Name(n)...), '"')
}

// String names the kind for people.
func (k Kind) String() string {
	names := [...]string{"missing", "null", "false", "true", "number", "string", "array", "object"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}
