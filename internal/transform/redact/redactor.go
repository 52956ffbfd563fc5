package redact

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"o365-kafka-connector/internal/audit"
)

// keepBuffer is the largest buffer that is kept for the next record.
const keepBuffer = 1 << 20

// Redactor takes fields out of records. One goroutine at a time may use it; it reuses its buffers.
type Redactor struct {
	*rewriter

	record  audit.Record
	scratch []byte // texts of fields whose escapes were resolved
}

// Redactor returns a redactor; nil, which passes every record on, if there are no rules.
func (r *Rules) Redactor() *Redactor {
	if !r.any {
		return nil
	}
	return &Redactor{rewriter: newRewriter(r, 0)}
}

// Record returns the record as it may be seen: the record itself if it has nothing to hide, or one whose bytes and fields
// are valid until the next call. What is no JSON object, or cannot be taken apart, is replaced by a reference to its
// place in the blob and the SHA-256 of its bytes.
func (x *Redactor) Record(b audit.Blob, r *audit.Record) *audit.Record {
	if x == nil {
		return r
	}
	if start := bytes.TrimLeft(r.Raw, " \t\r\n"); len(start) == 0 || start[0] != '{' {
		return x.refer(b, r)
	}
	out, changed, err := x.rewrite(r.Raw, x.rules.root, true)
	switch {
	case err != nil:
		return x.refer(b, r)
	case !changed:
		return r
	}
	x.record = *r
	x.record.Raw = out
	x.scratch = x.scratch[:0]
	for f, c := range x.fields {
		switch c.what {
		case same:
		case gone:
			x.record.Fields[f] = audit.Value{}
		case other:
			raw := out[c.start:c.end:c.end]
			x.record.Fields[f] = audit.Value{Raw: raw, Text: x.textOf(raw)}
		}
	}
	if x.fields[audit.FieldCreationTime].what != same {
		x.record.Created = time.Time{}
	}
	return &x.record
}

// textOf returns a string without quotes and escapes; nothing of anything else: no number is new.
func (x *Redactor) textOf(raw []byte) []byte {
	if len(raw) == 0 || raw[0] != '"' {
		return nil
	}
	start := len(x.scratch)
	x.scratch, _ = jsontext.AppendUnquote(x.scratch, raw) // we have just written it
	return x.scratch[start:len(x.scratch):len(x.scratch)]
}

// reference is what can be told of a record that cannot be redacted.
type reference struct {
	ContentID string `json:"content_id"`
	Ordinal   int    `json:"ordinal"`
	Size      int    `json:"size"`
	SHA256    string `json:"sha256"`
}

// refer replaces a record by a reference to it.
func (x *Redactor) refer(b audit.Blob, r *audit.Record) *audit.Record {
	sum := sha256.Sum256(r.Raw)
	value, _ := json.Marshal(reference{
		ContentID: b.ID, Ordinal: r.Ordinal, Size: len(r.Raw), SHA256: hex.EncodeToString(sum[:]),
	}, jsontext.AllowInvalidUTF8(true)) // nothing else can be wrong with it
	x.record = audit.Record{Raw: value, Ordinal: r.Ordinal, Malformed: cmp.Or(r.Malformed, notRedactable)}
	return &x.record
}

// notRedactable is why a record is bad that could be read, but not be taken apart.
const notRedactable = "too many values to be redacted"
