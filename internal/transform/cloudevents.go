package transform

import (
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/facts"
)

// CloudEvents 1.0 in binary mode: the value stays what it is, and attributes become headers beside content-type.
// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
const (
	cloudVersion = "1.0"
	cloudType    = "com.microsoft.office365.audit" // followed by the record type
)

// cloudSource names where events come from: together with the record's id it is different for two different events.
func cloudSource(o Options) string {
	return "/office365/" + o.Stream.Tenant.ID + "/" + string(o.Stream.ContentType) + "/" + o.Output.Format
}

// appendCloud appends the attributes that differ from record to record.
func (t *Transformer) appendCloud(headers []audit.Header, b audit.Blob, r *audit.Record) []audit.Header {
	t.cloudText = t.cloudText[:0]
	add := func(name string, from int) {
		if len(t.cloudText) > from {
			headers = append(headers, audit.Header{Name: name, Value: t.cloudText[from:len(t.cloudText):len(t.cloudText)]})
		}
	}
	t.cloudText = appendAttribute(t.cloudText, t.recordKey(b, r))
	add("ce_id", 0)
	from := len(t.cloudText)
	t.cloudText = append(t.cloudText, cloudType...)
	if n, ok := recordType(r.Text(audit.FieldRecordType)); ok {
		t.cloudText = append(t.cloudText, '.')
		t.cloudText = appendTypeName(t.cloudText, n)
	}
	add("ce_type", from)
	if from = len(t.cloudText); !r.Created.IsZero() {
		t.cloudText = r.Created.UTC().AppendFormat(t.cloudText, time.RFC3339Nano)
		add("ce_time", from)
	}
	from = len(t.cloudText)
	t.cloudText = appendAttribute(t.cloudText, r.Text(audit.FieldWorkload))
	if operation := r.Text(audit.FieldOperation); len(operation) > 0 {
		if len(t.cloudText) > from {
			t.cloudText = append(t.cloudText, '/')
		}
		t.cloudText = appendAttribute(t.cloudText, operation)
	}
	add("ce_subject", from)
	return headers
}

// appendTypeName appends Microsoft's name of a record type, or its number.
func appendTypeName(dst []byte, number int) []byte {
	if name, ok := facts.RecordTypeName(number); ok {
		return append(dst, name...)
	}
	return strconv.AppendInt(dst, int64(number), 10)
}

// appendAttribute appends a text as a CloudEvents string: valid UTF-8 without control characters and noncharacters.
func appendAttribute(dst, text []byte) []byte {
	for len(text) > 0 {
		c, size := utf8.DecodeRune(text)
		text = text[size:]
		if unicode.IsControl(c) || c&0xFFFE == 0xFFFE || 0xFDD0 <= c && c <= 0xFDEF {
			c = utf8.RuneError
		}
		dst = utf8.AppendRune(dst, c)
	}
	return dst
}
