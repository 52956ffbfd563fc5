package transform

import (
	"unicode/utf8"

	"o365-kafka-connector/internal/audit"
)

// AppendContextRecord appends the record as an entry of MicrosoftManagement.ContentRecord: an object of up to 13 fields
// under the names of Cortex XSOAR's integration, on one line and in valid UTF-8. A field that is missing, null or empty
// is left out.
func AppendContextRecord(dst []byte, r *audit.Record) []byte {
	return append(appendFields(append(dst, '{'), r, utf8.Valid(r.Raw)), '}')
}
