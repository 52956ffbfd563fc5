package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"o365-kafka-connector/internal/audit"
)

// notJSON is why a line is bad that holds no record.
const notJSON = "not JSON"

// Line is a record as it stands in a text, or what stands there in the place of one.
type Line struct {
	audit.Record
	Number int   // of the line, from 1; of a record in an array its place among the records
	Blank  bool  // nothing stands there
	Err    error // why it is no JSON; the record then has the text as it is, and is malformed
}

// Lines reads the records of a text: one on each line, or, if the text begins with [, those of blobs, arrays one after
// the other. A record stands until the next one is pulled. Of lines that are no JSON the next ones are read all the same;
// an error ends the text: it cannot be read, an array is broken, or a record is longer than 64 MiB.
func Lines(text io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		d := newDecoder(text, false)
		defer d.release()
		d.in.skipBOM()
		read := d.lines
		if d.ahead() == '[' {
			read = d.arrays
		}
		read(yield)
	}
}

// ahead returns the next byte that is no white space and does not go there; 0 if there is none.
func (d *decoder) ahead() byte {
	for at := 0; ; d.in.fill() {
		for ; d.in.mark+at < len(d.in.buf); at++ {
			if c := d.in.buf[d.in.mark+at]; !isSpace(c) {
				return c
			}
		}
		if d.in.err != nil {
			return 0
		}
	}
}

func (d *decoder) lines(yield func(Line, error) bool) {
	for number := 1; ; number++ {
		end, err := d.lineEnd()
		if err == io.EOF { //nolint:errorlint // io.EOF is never wrapped by readers
			return
		}
		if err != nil {
			yield(Line{Number: number}, fmt.Errorf("read line %d: %w", number, err))
			return
		}
		line := d.line(end)
		line.Number = number
		d.in.mark = end + 1
		if !yield(line, nil) {
			return
		}
	}
}

// lineEnd returns where the line feed stands that ends the next line. A last line without one gets it.
func (d *decoder) lineEnd() (int, error) {
	for seen := 0; ; d.in.fill() {
		if i := bytes.IndexByte(d.in.buf[d.in.mark+seen:], '\n'); i >= 0 {
			return d.in.mark + seen + i, nil
		}
		seen = len(d.in.buf) - d.in.mark
		if d.in.err == nil {
			continue
		}
		if d.in.err == io.EOF && seen > 0 { //nolint:errorlint // io.EOF is never wrapped by readers
			d.in.buf = append(d.in.buf, '\n')
			continue
		}
		return 0, d.in.err
	}
}

// line reads the line that ends at a line feed.
func (d *decoder) line(end int) Line {
	start := d.in.mark
	for start < end && isSpace(d.in.buf[start]) {
		start++
	}
	if start == end {
		return Line{Blank: true}
	}
	d.scratch, d.fields = d.scratch[:0], [audit.FieldCount]span{}
	line := Line{Record: audit.Record{Ordinal: d.ordinal}}
	d.ordinal++
	at, err := scanValue(d.in.buf[:end+1], start, d.note)
	if err == nil {
		line.Raw = d.in.buf[start:at:at]
		for at < end && isSpace(d.in.buf[at]) {
			at++
		}
		if at < end {
			err = errors.New("something follows the record")
		}
	}
	if err != nil {
		line.Raw = bytes.TrimRight(d.in.buf[start:end:end], " \t\r")
		line.Malformed, line.Err = notJSON, onOneLine(err)
		return line
	}
	if line.Raw[0] != '{' {
		line.Malformed = notAnObject
		return line
	}
	d.complete(&line.Record)
	return line
}

// onOneLine says what an error means for a text of which the line is all there is.
func onOneLine(err error) error {
	if errors.Is(err, errShort) || errors.Is(err, syntaxError('\n')) {
		return errors.New("the line ends within a record: each has to stand on a line of its own")
	}
	return err
}

func (d *decoder) arrays(yield func(Line, error) bool) {
	number := 0
	for d.ahead() != 0 {
		stopped, err := d.array(func(r audit.Record, _ error) bool {
			number++
			return yield(Line{Record: r, Number: number}, nil)
		})
		if err != nil {
			yield(Line{Number: number + 1}, fmt.Errorf("read record %d: %w", number+1, err))
		}
		if stopped || err != nil {
			return
		}
	}
	if err := d.in.err; err != nil && err != io.EOF { //nolint:errorlint // io.EOF is never wrapped by readers
		yield(Line{Number: number + 1}, fmt.Errorf("read records: %w", err))
	}
}
