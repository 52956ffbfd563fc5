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

// What decoding may meet and pass on: one odd record must not stop a blob. Of a member that occurs twice the last one
// counts, as for most JSON parsers downstream.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// errNotArray is what decoding answers when the body is something else than an array.
var errNotArray = errors.New("the body is no JSON array")

// decoder cuts the records out of a body in one pass, while it arrives.
type decoder struct {
	in      retain
	json    *jsontext.Decoder
	spans   [audit.FieldCount]span
	scratch []byte // texts of the current record whose escapes were resolved
	ordinal int
}

// span is where a value stands in the body; the zero value is none.
type span struct{ start, end int64 }

var decoders = sync.Pool{New: func() any { return &decoder{json: jsontext.NewDecoder(bytes.NewReader(nil))} }}

// newDecoder returns a decoder of a body. With hashed, a malformed body's hash can be told even if it was long.
func newDecoder(body io.Reader, hashed bool) *decoder {
	d := decoders.Get().(*decoder) //nolint:forcetypeassert // the pool holds nothing else
	d.in.reset(body, hashed)
	d.json.Reset(&d.in, lenient...)
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

// open reads the beginning of the array.
func (d *decoder) open() error {
	if kind := d.json.PeekKind(); kind != '[' && kind != jsontext.KindInvalid {
		return errNotArray
	}
	_, err := d.json.ReadToken()
	return err
}

// records yields the elements of the array. An error ends it; none means that the body ended as it should.
func (d *decoder) records() iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		if err := d.open(); err != nil {
			yield(audit.Record{}, err)
			return
		}
		for d.json.PeekKind() != ']' {
			record, err := d.next()
			if !yield(record, err) || err != nil {
				return
			}
		}
		if err := d.end(); err != nil {
			yield(audit.Record{}, err)
		}
	}
}

// next reads one element.
func (d *decoder) next() (audit.Record, error) {
	d.in.mark = d.json.InputOffset()
	d.scratch = d.scratch[:0]
	record := audit.Record{Ordinal: d.ordinal}
	d.ordinal++
	if d.json.PeekKind() != '{' {
		value, err := d.json.ReadValue()
		end := d.json.InputOffset()
		if err == nil {
			record.Raw, record.Malformed = d.in.slice(end-int64(len(value)), end), notAnObject
		}
		return record, err
	}
	if _, err := d.json.ReadToken(); err != nil {
		return record, err
	}
	start := d.json.InputOffset() - 1
	if err := d.members(); err != nil {
		return record, err
	}
	record.Raw = d.in.slice(start, d.json.InputOffset())
	d.complete(&record)
	return record, nil
}

// members reads the members of an object and notes where those stand that are asked for.
func (d *decoder) members() error {
	d.spans = [audit.FieldCount]span{}
	for d.json.PeekKind() != '}' {
		name, err := d.json.ReadValue()
		if err != nil {
			return err
		}
		field, wanted := d.field(name)
		value, err := d.json.ReadValue()
		if err != nil {
			return err
		}
		if wanted {
			end := d.json.InputOffset()
			d.spans[field] = span{end - int64(len(value)), end}
		}
	}
	_, err := d.json.ReadToken()
	return err
}

// complete fills in the fields of a record that stands in the buffer as a whole.
func (d *decoder) complete(r *audit.Record) {
	for f, s := range d.spans {
		if s.end > 0 {
			raw := d.in.slice(s.start, s.end)
			r.Fields[f] = audit.Value{Raw: raw, Text: d.text(raw)}
		}
	}
	created, ok := parseTime(r.Text(audit.FieldCreationTime))
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
	if bytes.IndexByte(name, '\\') >= 0 {
		name = d.unquote(quoted)
	}
	return fieldOf(name)
}

// end reads the end of the array and of the body.
func (d *decoder) end() error {
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	_, err := d.json.ReadToken()
	switch {
	case err == nil:
		return errors.New("something follows the array")
	case err == io.EOF: //nolint:errorlint // io.EOF is never wrapped by the decoder
		return nil
	}
	return err
}

// object returns the beginning of a body that is a JSON object, for errors that come with a good status.
func (d *decoder) object() []byte {
	if d.json.PeekKind() != '{' {
		return nil
	}
	value, err := d.json.ReadValue()
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
