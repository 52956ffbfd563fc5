package sink

import (
	"bytes"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"o365-kafka-connector/internal/audit"
)

// chunk is how much is encoded before it is written.
const chunk = 64 << 10

// lineWriter writes lines in chunks of whole lines.
type lineWriter struct {
	out io.Writer
	buf []byte
}

// end is called after each line.
func (w *lineWriter) end() error {
	if len(w.buf) < chunk {
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
	return err
}

// writeEvents writes the values of all events.
func writeEvents(out io.Writer, c audit.Commit) error {
	w := lineWriter{out: out, buf: make([]byte, 0, 2*chunk)}
	for _, b := range c.Batches {
		for e, err := range b.Events() {
			if err != nil {
				return &audit.Fault{Cause: audit.CauseSpool, Scope: audit.OfStream, Err: err, Hint: "check the directory that source.spool names"}
			}
			w.buf = appendEvent(w.buf, e)
			if err := w.end(); err != nil {
				return err
			}
		}
	}
	return w.flush()
}

// writeDeadLetters writes the dead letters.
func writeDeadLetters(out io.Writer, c audit.Commit, version string) error {
	w := lineWriter{out: out}
	for _, d := range c.DeadLetters {
		w.buf = appendDeadLetter(w.buf, d, version)
		if err := w.end(); err != nil {
			return err
		}
	}
	return w.flush()
}

// writeStatus writes the status messages.
func writeStatus(out io.Writer, c audit.Commit, instance string) error {
	w := lineWriter{out: out}
	for _, m := range c.Status {
		w.buf = appendStatus(w.buf, m, instance)
		if err := w.end(); err != nil {
			return err
		}
	}
	return w.flush()
}

// appendEvent appends an event's value as one line. Line ends become spaces: JSON has them only between its tokens.
func appendEvent(dst []byte, e audit.Event) []byte {
	start := len(dst)
	dst = append(dst, e.Value...)
	for _, end := range []byte{'\n', '\r'} {
		rest := dst[start:]
		for i := bytes.IndexByte(rest, end); i >= 0; i = bytes.IndexByte(rest, end) {
			rest[i] = ' '
			rest = rest[i+1:]
		}
	}
	return append(dst, '\n')
}

// appendDeadLetter appends a dead letter as one line of JSON:
//
//	{"kind":"dead_letter","key":"…","headers":{…},"value":…}
//
// The value is a string if it is no JSON.
func appendDeadLetter(dst []byte, d audit.DeadLetter, version string) []byte {
	dst = append(dst, `{"kind":"dead_letter","key":`...)
	dst = appendText(dst, deadLetterKey(d))
	dst = appendHeaders(dst, deadLetterHeaders(d, version))
	return appendValue(dst, deadLetterValue(d))
}

// appendStatus appends a status message as one line of JSON, with "kind":"status".
func appendStatus(dst []byte, m audit.StatusMessage, instance string) []byte {
	dst = append(dst, `{"kind":"status","key":`...)
	dst = appendText(dst, statusKey(m))
	return appendValue(dst, statusJSON(m, instance))
}

func appendHeaders(dst []byte, headers []audit.Header) []byte {
	dst = append(dst, `,"headers":{`...)
	for i, h := range headers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, h.Name)
		dst = append(dst, ':')
		dst = appendText(dst, h.Value)
	}
	return append(dst, '}')
}

func appendValue(dst, value []byte) []byte {
	dst = append(dst, `,"value":`...)
	raw := jsontext.Value(value)
	switch {
	case !raw.IsValid(jsontext.AllowDuplicateNames(true)):
		dst = appendText(dst, value)
	case bytes.ContainsAny(value, "\r\n"): // only between tokens: inside of a string they are escaped
		raw = raw.Clone()
		_ = raw.Compact(jsontext.AllowDuplicateNames(true)) // valid, as we just saw
		dst = append(dst, raw...)
	default:
		dst = append(dst, value...)
	}
	return append(dst, '}', '\n')
}

// appendText appends a JSON string; what is no UTF-8 is replaced.
func appendText[T ~string | ~[]byte](dst []byte, s T) []byte {
	out, _ := jsontext.AppendQuote(dst, s) // it fails for invalid UTF-8 only, and has replaced it then
	return out
}
