package tree

import (
	"strconv"
	"unicode/utf8"
)

// Writer writes one JSON value on one line, in valid UTF-8. Members without a value, and arrays and objects without
// members, are left out. Names are written as they are: only names without quotes, backslashes and control characters
// may be given, except to NameText. In an array, the name is empty.
//
// The zero value is ready; Reset gives it a buffer.
type Writer struct {
	buf   []byte
	open  []level
	start int // where the value begins
}

type level struct {
	start int // where the array or object begins, its comma and name included
	close byte
}

// Reset begins a new value behind what stands in a buffer.
func (w *Writer) Reset(buf []byte) { w.buf, w.open, w.start = buf, w.open[:0], len(buf) }

// Bytes returns the buffer with what was written so far.
func (w *Writer) Bytes() []byte { return w.buf }

// Object begins an object.
func (w *Writer) Object(name string) { w.begin(name, '{', '}') }

// Array begins an array.
func (w *Writer) Array(name string) { w.begin(name, '[', ']') }

func (w *Writer) begin(name string, first, final byte) {
	w.open = append(w.open, level{len(w.buf), final})
	w.Name(name)
	w.buf = append(w.buf, first)
}

// Close ends the innermost array or object, and takes it back if nothing is in it. The outermost stays.
func (w *Writer) Close() {
	inner := w.open[len(w.open)-1]
	w.open = w.open[:len(w.open)-1]
	if w.empty() && len(w.open) > 0 {
		w.buf = w.buf[:inner.start]
		return
	}
	w.buf = append(w.buf, inner.close)
}

// empty reports whether nothing stands in the innermost array or object yet.
func (w *Writer) empty() bool {
	if len(w.buf) == w.start {
		return true
	}
	c := w.buf[len(w.buf)-1]
	return c == '{' || c == '['
}

// Name begins a member; a value must follow, as by Append. In an array it only sets the comma.
func (w *Writer) Name(name string) {
	if !w.empty() {
		w.buf = append(w.buf, ',')
	}
	if name != "" {
		w.buf = append(append(append(w.buf, '"'), name...), '"', ':')
	}
}

// NameText is Name for any text.
func (w *Writer) NameText(name []byte) {
	if !w.empty() {
		w.buf = append(w.buf, ',')
	}
	w.String(name)
	w.buf = append(w.buf, ':')
}

// String appends a string, in quotes. What is no UTF-8 in it becomes U+FFFD.
func (w *Writer) String(text []byte) {
	w.buf = append(w.buf, '"')
	if utf8.Valid(text) {
		w.buf = AppendEscaped(w.buf, text)
	} else {
		w.buf = AppendRepaired(w.buf, text)
	}
	w.buf = append(w.buf, '"')
}

// Append appends bytes as they are.
func (w *Writer) Append(json []byte) { w.buf = append(w.buf, json...) }

// AppendName begins a member with the name of one of a tree's.
func (w *Writer) AppendName(t *Tree, n Node) {
	w.Name("")
	w.buf = append(t.AppendName(w.buf, n), ':')
}

// AppendValue appends a value as the tree has it.
func (w *Writer) AppendValue(t *Tree, n Node) { w.buf = t.AppendValue(w.buf, n) }

// Text writes a member that is a string, unless it is empty.
func (w *Writer) Text(name string, text []byte) {
	if len(text) > 0 {
		w.Name(name)
		w.String(text)
	}
}

// Constant is Text for a text of the program, which needs no escapes.
func (w *Writer) Constant(name, text string) {
	if text != "" {
		w.Name(name)
		w.buf = append(append(append(w.buf, '"'), text...), '"')
	}
}

// Int writes a member that is an integer.
func (w *Writer) Int(name string, i int64) {
	w.Name(name)
	w.buf = strconv.AppendInt(w.buf, i, 10)
}

// Bool writes a member that is a truth value.
func (w *Writer) Bool(name string, b bool) {
	w.Name(name)
	w.buf = strconv.AppendBool(w.buf, b)
}

// Value writes a member as the tree has it, unless it is missing.
func (w *Writer) Value(name string, t *Tree, n Node) {
	if n != None {
		w.Name(name)
		w.buf = t.AppendValue(w.buf, n)
	}
}
