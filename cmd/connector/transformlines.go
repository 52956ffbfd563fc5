package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/source"
	"o365-kafka-connector/internal/transform"
)

// maxToldLines is how many lines that are no JSON are named.
const maxToldLines = 20

// lineTransformer turns each record of a text into a line.
type lineTransformer struct {
	outputs *transform.Outputs
	explain bool
	out     lineWriter
	aside   io.Writer
	broken  int // lines that are no JSON
}

// run transforms a text up to its end. What is finished is written before it waits for more.
func (t *lineTransformer) run(text io.Reader) error {
	for line, err := range source.Lines(&flushing{text: text, out: &t.out}) {
		if err != nil {
			return fmt.Errorf("read records: %w", err)
		}
		if err := t.line(&line); err != nil {
			return err
		}
	}
	if err := t.out.flush(); err != nil {
		return err
	}
	if t.broken > 0 {
		return fmt.Errorf("lines that are no JSON: %d; they were passed on as malformed records", t.broken)
	}
	return nil
}

func (t *lineTransformer) line(line *source.Line) error {
	if line.Err != nil {
		if t.broken++; t.broken <= maxToldLines {
			fmt.Fprintf(t.aside, "connector: line %d is no JSON: %v\n", line.Number, line.Err)
		}
	}
	switch {
	case line.Blank && t.explain:
		return nil
	case line.Blank:
		return t.out.write(nil)
	case t.explain:
		return t.explanation(line)
	}
	events, _, err := t.outputs.Events(audit.Blob{}, &line.Record)
	if err != nil {
		return fmt.Errorf("transform line %d: %w", line.Number, err)
	}
	for _, e := range events {
		if err := t.out.write(e.Value); err != nil {
			return err
		}
	}
	return nil
}

// explanation prints what becomes of a record and why.
func (t *lineTransformer) explanation(line *source.Line) error {
	var out []byte
	for _, x := range t.outputs.Explain(audit.Blob{}, &line.Record) {
		out = fmt.Appendf(out, "record %d: %s\n  %s\n", line.Number, printable(x.Record), x.Format)
		for _, step := range x.Steps {
			out = fmt.Appendf(out, "    %s\n", printable(step))
		}
	}
	return t.out.text(out)
}

// printable takes out of a text what a terminal would obey.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '\uFFFD'
		}
		return r
	}, text)
}

// lineWriter writes whole lines, many at a time.
type lineWriter struct {
	out io.Writer
	buf []byte
}

// enough is how much is collected before it is written.
const enough = 64 << 10

// write adds a line. Line ends within a value become spaces: JSON has them only between its tokens.
func (w *lineWriter) write(value []byte) error {
	start := len(w.buf)
	w.buf = append(w.buf, value...)
	for _, end := range []byte{'\n', '\r'} {
		rest := w.buf[start:]
		for i := bytes.IndexByte(rest, end); i >= 0; i = bytes.IndexByte(rest, end) {
			rest[i] = ' '
			rest = rest[i+1:]
		}
	}
	return w.text([]byte{'\n'})
}

// text adds what already has its line ends.
func (w *lineWriter) text(text []byte) error {
	w.buf = append(w.buf, text...)
	if len(w.buf) < enough {
		return nil
	}
	return w.flush()
}

func (w *lineWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	_, err := w.out.Write(w.buf)
	w.buf = w.buf[:0]
	if err != nil {
		return fmt.Errorf("print events: %w", err)
	}
	return nil
}

// flushing reads a text; what is to be written is, before it waits.
type flushing struct {
	text io.Reader
	out  *lineWriter
}

// Read implements io.Reader.
func (f *flushing) Read(p []byte) (int, error) {
	if err := f.out.flush(); err != nil {
		return 0, err
	}
	return f.text.Read(p)
}
