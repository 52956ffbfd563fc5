package transform

import (
	"testing"

	"o365-kafka-connector/internal/audit"
)

func TestContextRecord(t *testing.T) {
	value := func(raw, text string) audit.Value { return audit.Value{Raw: []byte(raw), Text: []byte(text)} }
	r := audit.Record{Raw: []byte(`{}`)}
	r.Fields[audit.FieldID] = value(`"1234"`, "1234")
	r.Fields[audit.FieldRecordType] = value(`"50"`, "50")
	r.Fields[audit.FieldUserType] = value(`"Regular"`, "Regular")
	r.Fields[audit.FieldScope] = value(`0`, "0")
	r.Fields[audit.FieldResultStatus] = value(`""`, "")
	got := string(AppendContextRecord([]byte("x"), &r))
	if want := `x{"ID":"1234","RecordType":50,"UserType":"Regular","Scope":0}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if string(r.Fields[audit.FieldRecordType].Raw) != `"50"` {
		t.Error("the record was changed")
	}
}
