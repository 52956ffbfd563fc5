package audit

import "time"

// Field names a member of an audit record that filters, headers or the incident need.
type Field int

// The fields of the common schema, in the order in which an incident lists them.
// https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema
const (
	FieldCreationTime Field = iota
	FieldID
	FieldRecordType
	FieldOperation
	FieldOrganizationID
	FieldUserType
	FieldUserKey
	FieldWorkload
	FieldResultStatus
	FieldObjectID
	FieldUserID
	FieldClientIP
	FieldScope
	FieldCount
)

// Value is one member of a record. Both slices alias the record's bytes where they can.
type Value struct {
	Raw  []byte // the JSON value as it stands in the record; nil if the member is missing
	Text []byte // a string without quotes and escapes, or a number's digits; nil for anything else
}

// Record is one audit record inside a blob. Its slices are valid until the next record is pulled.
type Record struct {
	Raw       []byte // the element of the blob's array, byte for byte
	Ordinal   int    // position in the blob, from 0
	Fields    [FieldCount]Value
	Created   time.Time // CreationTime in UTC; zero if missing or unreadable
	Malformed string    // why the record is bad: no object, no Id, no readable CreationTime; empty for a good one
}

// Text returns the field's text, empty if it is missing or neither a string nor a number.
func (r *Record) Text(f Field) []byte { return r.Fields[f].Text }
