package transform

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
)

// fieldNames are the members of a record as Microsoft spells them.
var fieldNames = [audit.FieldCount]string{
	"CreationTime", "Id", "RecordType", "Operation", "OrganizationId", "UserType", "UserKey", "Workload",
	"ResultStatus", "ObjectId", "UserId", "ClientIP", "Scope",
}

var (
	stream = audit.Stream{
		Tenant:      audit.Tenant{ID: "11111111-1111-1111-1111-111111111111", Name: "contoso"},
		ContentType: audit.General,
	}
	blob = audit.Blob{
		ID: "20200227005740000000001$audit_general$1234", URI: "https://manage.office.com/x",
		Created: time.Date(2020, 2, 27, 1, 2, 3, 456e6, time.UTC), Listed: "2020-02-27T01:02:03.456Z",
	}
)

// parse takes a record apart, slowly. What is no object becomes a malformed record.
func parse(raw []byte) *audit.Record {
	r := &audit.Record{Raw: raw}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		r.Malformed = "no object"
		return r
	}
	for f, name := range fieldNames {
		value, ok := members[name]
		if !ok {
			continue
		}
		r.Fields[f].Raw = value
		var s string
		if json.Unmarshal(value, &s) == nil {
			r.Fields[f].Text = []byte(s)
		} else if c := value[0]; c == '-' || '0' <= c && c <= '9' {
			r.Fields[f].Text = value
		}
	}
	text := string(r.Text(audit.FieldCreationTime))
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if created, err := time.Parse(layout, text); err == nil {
			r.Created = created.UTC()
		}
	}
	switch {
	case len(r.Text(audit.FieldID)) == 0:
		r.Malformed = "no Id"
	case r.Created.IsZero():
		r.Malformed = "no readable CreationTime"
	}
	return r
}

func record(text string) *audit.Record { return parse([]byte(text)) }

// fixture reads the records of a blob.
func fixture(t testing.TB, name string) []*audit.Record {
	t.Helper()
	var raw []json.RawMessage
	load(t, name, &raw)
	var records []*audit.Record
	for i, one := range raw {
		r := parse(one)
		r.Ordinal = i
		records = append(records, r)
	}
	return records
}

func load(t testing.TB, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// now is when all events are made.
func now() time.Time { return time.Date(2020, 2, 27, 1, 5, 0, 0, time.UTC) }

// options are incidents without a filter.
func options() Options {
	return Options{
		Stream: stream, Output: OutputConfig{Format: FormatIncident}, Topic: "o365.incidents", Key: KeyRecordID,
		Now: now,
	}
}

func transformer(t testing.TB, o Options) *Transformer {
	t.Helper()
	make, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return make()
}

func event(t testing.TB, x *Transformer, r *audit.Record) audit.Event {
	t.Helper()
	e, ok, err := x.Event(blob, r)
	if err != nil || !ok {
		t.Fatalf("Event() = %v, %v; want an event", ok, err)
	}
	return e
}
