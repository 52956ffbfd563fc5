package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"o365-kafka-connector/internal/audit"
)

// Why a record is bad.
const (
	notAnObject   = "not an object"
	noID          = "no Id"
	noCreatedTime = "no readable CreationTime"
)

// errNotArray is what decoding answers when the body is something else than an array.
var errNotArray = errors.New("the body is no JSON array")

// decoder cuts the records out of a body in one pass, while it arrives.
type decoder struct {
	in      retain
	fields  [audit.FieldCount]span // of the current record, in the buffer; empty: missing
	note    noteMember             // remembers the fields
	scratch []byte                 // texts of the current record whose escapes were resolved
	ordinal int
}

var decoders = sync.Pool{New: func() any {
	d := &decoder{}
	d.note = d.member
	return d
}}

// newDecoder returns a decoder of a body. With hashed, a malformed body's hash can be told even if it was long.
func newDecoder(body io.Reader, hashed bool) *decoder {
	d := decoders.Get().(*decoder) //nolint:forcetypeassert // the pool holds nothing else
	d.in.reset(body, hashed)
	d.ordinal = 0
	return d
}

// release gives the decoder's memory to the next one. Records that it returned must not be used any more.
func (d *decoder) release() {
	if cap(d.in.buf) > maxKept {
		return
	}
	d.in.src = nil
	decoders.Put(d)
}

// peek returns the next byte that is no white space.
func (d *decoder) peek() (byte, error) {
	for {
		for ; d.in.mark < len(d.in.buf); d.in.mark++ {
			if c := d.in.buf[d.in.mark]; !isSpace(c) {
				return c, nil
			}
		}
		if d.in.err != nil {
			return 0, d.in.err
		}
		d.in.fill()
	}
}

// expect is peek where the body must not end.
func (d *decoder) expect() (byte, error) {
	c, err := d.peek()
	if err == io.EOF { //nolint:errorlint // io.EOF is never wrapped by readers
		err = io.ErrUnexpectedEOF
	}
	return c, err
}

// open reads the beginning of the array.
func (d *decoder) open() error {
	c, err := d.expect()
	switch {
	case err != nil:
		return err
	case c == '[':
		d.in.mark++
		return nil
	case bytes.IndexByte([]byte(`{"tfn-0123456789`), c) >= 0:
		return errNotArray
	}
	return d.at(syntaxError(c))
}

// at adds to an error where in the body it happened, more or less.
func (d *decoder) at(err error) error {
	return fmt.Errorf("behind offset %d: %w", d.in.base+int64(d.in.mark), err)
}

// records yields the elements of the array. An error ends it; none means that the body ended as it should.
func (d *decoder) records() iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		d.in.skipBOM()
		stopped, err := d.array(yield)
		if err == nil && !stopped {
			err = d.end()
		}
		if err != nil {
			yield(audit.Record{}, err)
		}
	}
}

// array yields the elements of an array without an error; stopped means that nobody wants more.
func (d *decoder) array(yield func(audit.Record, error) bool) (stopped bool, err error) {
	more, err := d.first()
	for more && err == nil {
		var record audit.Record
		if record, err = d.next(); err != nil {
			break
		}
		if !yield(record, nil) {
			return true, nil
		}
		more, err = d.another()
	}
	return false, err
}

// first goes to the first element, if there is any.
func (d *decoder) first() (bool, error) {
	if err := d.open(); err != nil {
		return false, err
	}
	c, err := d.expect()
	if c == ']' {
		d.in.mark++
	}
	return c != ']', err
}

// another goes to the next element, if there is any.
func (d *decoder) another() (bool, error) {
	c, err := d.expect()
	if err != nil {
		return false, err
	}
	if c != ',' && c != ']' {
		return false, d.at(syntaxError(c))
	}
	d.in.mark++
	if c == ',' {
		_, err = d.expect()
	}
	return c == ',', err
}

// next reads one element.
func (d *decoder) next() (audit.Record, error) {
	d.scratch = d.scratch[:0]
	record := audit.Record{Ordinal: d.ordinal}
	d.ordinal++
	value, err := d.element()
	if err != nil {
		return record, err
	}
	record.Raw = value
	if value[0] != '{' {
		record.Malformed = notAnObject
		return record, nil
	}
	d.complete(&record)
	return record, nil
}

// element returns the value that begins at the mark, and goes past it. It stands until the next read.
func (d *decoder) element() ([]byte, error) {
	for {
		d.fields = [audit.FieldCount]span{}
		start := d.in.mark
		end, err := scanValue(d.in.buf, start, d.note)
		if err == nil {
			d.in.mark = end
			return d.in.buf[start:end:end], nil
		}
		if !errors.Is(err, errShort) {
			return nil, d.at(err)
		}
		if err := d.more(); err != nil {
			return nil, err
		}
	}
}

// more reads on. It reads half as much again as there is of the element, since that will be scanned from its start.
func (d *decoder) more() error {
	have := len(d.in.buf) - d.in.mark
	for want := have + have/2; len(d.in.buf)-d.in.mark <= want; d.in.fill() {
		if d.in.err == nil {
			continue
		}
		if len(d.in.buf)-d.in.mark > have {
			return nil
		}
		if d.in.err == io.EOF { //nolint:errorlint // io.EOF is never wrapped by readers
			return io.ErrUnexpectedEOF
		}
		return d.in.err
	}
	return nil
}

// member remembers where a member stands that is asked for; of one that occurs twice the last one counts.
func (d *decoder) member(name, value span) {
	if field, wanted := d.field(d.in.buf[name.start:name.end]); wanted {
		d.fields[field] = value
	}
}

// complete fills in the fields of a record.
func (d *decoder) complete(r *audit.Record) {
	for f, s := range d.fields {
		if s.end > 0 {
			raw := d.in.buf[s.start:s.end:s.end]
			r.Fields[f] = audit.Value{Raw: raw, Text: d.text(raw)}
		}
	}
	created, ok := audit.ParseTime(r.Text(audit.FieldCreationTime))
	switch {
	case len(r.Text(audit.FieldID)) == 0:
		r.Malformed = noID
	case !ok:
		r.Malformed = noCreatedTime
	}
	if ok {
		r.Created = created
	}
}

// text returns a string without quotes and escapes, or a number's digits.
func (d *decoder) text(raw []byte) []byte {
	switch c := raw[0]; {
	case c == '"' && bytes.IndexByte(raw, '\\') < 0:
		return raw[1 : len(raw)-1 : len(raw)-1]
	case c == '"':
		return d.unquote(raw)
	case c == '-' || (c >= '0' && c <= '9'):
		return raw
	}
	return nil
}

// unquote resolves the escapes of a valid JSON string. What it returns stands until the next record: if the scratch
// buffer grows, the old one lives on.
func (d *decoder) unquote(raw []byte) []byte {
	from := len(d.scratch)
	out, err := jsontext.AppendUnquote(d.scratch, raw)
	if err != nil && len(out) < from {
		return nil
	}
	d.scratch = out // bytes that are no UTF-8 have become U+FFFD, which err tells
	return out[from:len(out):len(out)]
}

// field recognizes the members that are asked for, by their exact names.
func (d *decoder) field(quoted []byte) (audit.Field, bool) {
	name := quoted[1 : len(quoted)-1]
	f, wanted := audit.FieldOf(name)
	if !wanted && bytes.IndexByte(name, '\\') >= 0 {
		return audit.FieldOf(d.unquote(quoted))
	}
	return f, wanted
}

// end makes sure that nothing follows the array.
func (d *decoder) end() error {
	_, err := d.peek()
	switch {
	case err == nil:
		return errors.New("something follows the array")
	case err == io.EOF: //nolint:errorlint // io.EOF is never wrapped by readers
		return nil
	}
	return err
}

// object returns the beginning of a body that is a JSON object, for errors that come with a good status.
func (d *decoder) object() []byte {
	if c, err := d.peek(); err != nil || c != '{' {
		return nil
	}
	value, err := d.element()
	if err != nil {
		return nil
	}
	return value[:min(len(value), maxRefusal)]
}

// broken reports an error that came from the body itself and not from what it holds.
func (d *decoder) broken() error {
	if err := d.in.err; err != nil && err != io.EOF && !errors.Is(err, errTooLong) { //nolint:errorlint // never wrapped
		return err
	}
	return nil
}

// truncated reports whether the body is the beginning of a good one.
func (d *decoder) truncated(err error) bool {
	return d.in.err == io.EOF && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)) //nolint:errorlint // never wrapped
}

// describe says what is wrong with a body.
func describe(err error) error {
	if errors.Is(err, errTooLong) {
		return errTooLong
	}
	return fmt.Errorf("the body is no JSON array of records: %w", err)
}
