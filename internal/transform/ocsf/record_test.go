package ocsf_test

import (
	"encoding/json"

	"o365-kafka-connector/internal/audit"
)

var fieldNames = [audit.FieldCount]string{
	"CreationTime", "Id", "RecordType", "Operation", "OrganizationId", "UserType", "UserKey", "Workload",
	"ResultStatus", "ObjectId", "UserId", "ClientIP", "Scope",
}

// parse makes a record of its text, slowly, as the source does.
func parse(raw []byte) *audit.Record {
	r := &audit.Record{Raw: raw}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || members == nil {
		r.Malformed = "not an object"
		return r
	}
	for f, name := range fieldNames {
		value, ok := members[name]
		if !ok {
			continue
		}
		r.Fields[f].Raw = value
		var s string
		if json.Unmarshal(value, &s) == nil && value[0] == '"' {
			r.Fields[f].Text = []byte(s)
		} else if c := value[0]; c == '-' || '0' <= c && c <= '9' {
			r.Fields[f].Text = value
		}
	}
	var ok bool
	r.Created, ok = audit.ParseTime(r.Text(audit.FieldCreationTime))
	switch {
	case len(r.Text(audit.FieldID)) == 0:
		r.Malformed = "no Id"
	case !ok:
		r.Malformed = "no readable CreationTime"
	}
	return r
}
