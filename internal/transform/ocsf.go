package transform

import (
	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/ocsf"
)

// version names the format in the header format: one that has versions with its version.
func (c OutputConfig) version() string {
	if c.Format == FormatOCSF {
		return FormatOCSF + "/" + ocsf.Version
	}
	return c.Format
}

// appendOCSF returns the record as an event of OCSF, in a buffer that lives until the next call.
func (t *Transformer) appendOCSF(b audit.Blob, r *audit.Record) []byte {
	if cap(t.value) > keepBuffer {
		t.value = nil
	}
	t.value = t.ocsf.Append(t.value[:0], b, r)
	return t.value
}
