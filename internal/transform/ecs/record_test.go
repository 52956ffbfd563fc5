package ecs_test

import (
	"encoding/json"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/ecs"
)

var (
	stream = audit.Stream{
		Tenant:      audit.Tenant{ID: "11111111-1111-1111-1111-111111111111", Name: "contoso"},
		ContentType: audit.General,
	}
	blob = audit.Blob{
		ID: "20261123091500000000001$audit_general$1234", Created: time.Date(2026, 11, 23, 10, 15, 0, 0, time.UTC),
		Listed: "2026-11-23T10:15:00.000Z",
	}
)

func encoder() *ecs.Encoder {
	now := func() time.Time { return time.Date(2026, 11, 23, 10, 16, 0, 123e6, time.UTC) }
	return ecs.NewEncoder(ecs.Options{Stream: stream, Now: now})
}

var fieldNames = [audit.FieldCount]string{
	"CreationTime", "Id", "RecordType", "Operation", "OrganizationId", "UserType", "UserKey", "Workload",
	"ResultStatus", "ObjectId", "UserId", "ClientIP", "Scope",
}

// parse makes of a text what the source would.
func parse(raw []byte) *audit.Record {
	r := &audit.Record{Raw: raw}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		r.Malformed = "not an object"
		return r
	}
	for f, name := range fieldNames {
		var text string
		if value := members[name]; json.Unmarshal(value, &text) == nil {
			r.Fields[f] = audit.Value{Raw: value, Text: []byte(text)}
		} else if len(value) > 0 && (value[0] == '-' || '0' <= value[0] && value[0] <= '9') {
			r.Fields[f] = audit.Value{Raw: value, Text: value}
		}
	}
	r.Created, _ = audit.ParseTime(r.Text(audit.FieldCreationTime))
	switch {
	case len(r.Text(audit.FieldID)) == 0:
		r.Malformed = "no Id"
	case r.Created.IsZero():
		r.Malformed = "no readable CreationTime"
	}
	return r
}
