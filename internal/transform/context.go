package transform

import (
	"strconv"
	"unicode/utf8"

	"o365-kafka-connector/internal/audit"
)

// integers are the fields that are numbers by the schema, and sometimes digits in quotes in a record.
var integers = []audit.Field{audit.FieldRecordType, audit.FieldUserType, audit.FieldScope}

// AppendContextRecord appends the record as an entry of MicrosoftManagement.ContentRecord: an object of up to 13 fields
// under the names of Cortex XSOAR's integration, on one line and in valid UTF-8. A field that is missing, null or empty
// is left out; record type, user type and scope are integers wherever they can be read as such.
func AppendContextRecord(dst []byte, r *audit.Record) []byte {
	record := *r
	for _, f := range integers {
		text := string(r.Text(f))
		if n, err := strconv.Atoi(text); err == nil && strconv.Itoa(n) == text {
			record.Fields[f].Raw = r.Text(f)
		}
	}
	return append(appendFields(append(dst, '{'), &record, utf8.Valid(r.Raw)), '}')
}
