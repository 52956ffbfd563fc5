package transform

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"o365-kafka-connector/internal/audit"

	"o365-kafka-connector/internal/transform/redact"
)

// marked is a record that has a mark in every field that redacted names.
const marked = `{"CreationTime":"2026-01-05T08:00:00","Id":"mark-Id","RecordType":8,"Operation":"mark-Operation","OrganizationId":"mark",
"UserType":"mark","UserKey":"mark","Workload":"mark-Workload","ResultStatus":"mark","ObjectId":"mark","UserId":"mark@contoso.com",
"ClientIP":"mark","Scope":"mark","Actor":[{"ID":"mark","Type":5}],"Target":[{"ID":"mark"}],"Parameters":[{"Name":"Password","Value":"mark"}],
"ExtendedProperties":[{"Name":"additionalDetails","Value":"{\"User-Agent\":\"mark\"}"}],"Item":{"Subject":"mark"},"Data":"{\"ip\":\"mark\"}",
"ModifiedProperties":[{"Name":"SignIn","NewValue":"\"{\\\"ip\\\":\\\"mark\\\"}\"","OldValue":"\ufeff [{\"ip\":\"mark\"}]"}],
"Matches":"\"{\\\"DetectedValues\\\":[{\\\"Value\\\":\\\"mark\\\"}]}\"",
"PolicyDetails":[{"Rules":[{"ConditionsMatched":{"SensitiveInformation":[{"SensitiveInformationDetections":{"DetectedValues":[{"Name":"mark","Value":"mark"}]}}]}}]}]}`

var redacted = []string{
	"Id", "Operation", "OrganizationId", "UserType", "UserKey", "Workload", "ResultStatus", "ObjectId", "UserId", "ClientIP",
	"Scope", "Actor.ID", "Target.ID", "Parameters.Password", "ExtendedProperties.additionalDetails.User-Agent", "Item.Subject", "**.ip",
}

func known() (out []string) {
	for _, f := range []string{"incident", "raw", "ecs", "ocsf"} {
		if (OutputConfig{Format: f}).Validate() == nil {
			out = append(out, f)
		}
	}
	return out
}

// TestRedactedFieldsShowNowhere looks for a mark in everything of an event, in each format and with each key.
func TestRedactedFieldsShowNowhere(t *testing.T) {
	settings := map[string]redact.Config{
		"hashed":  {Fields: redacted, DLP: redact.Hash, Key: "0123456789abcdef"},
		"removed": {Fields: redacted, DLP: redact.Remove},
	}
	for name, c := range settings {
		for _, format := range known() {
			for _, key := range []Key{KeyRecordID, KeyUser} {
				t.Run(fmt.Sprint(name, "/", format, "/", key), func(t *testing.T) {
					build, err := NewOutputs(OutputsOptions{Stream: stream, Outputs: []Output{{
						OutputConfig: OutputConfig{Format: format, RawData: format == "ocsf"}, Topic: "o365.{workload}.{record_type}", Key: key, Redact: c,
					}}, Filter: FilterConfig{Match: Match{Operations: List{"mark-Operation"}}}})
					if err != nil {
						t.Fatal(err)
					}
					for _, raw := range []string{marked, `"mark"`, `["mark"]`} {
						r := record(raw)
						if raw != marked { // nothing that a filter could go by
							r.Fields[audit.FieldOperation].Text = []byte("mark-Operation")
						}
						lookForMark(t, build(), r)
					}
				})
			}
		}
	}
}

func lookForMark(t *testing.T, o *Outputs, r *audit.Record) {
	t.Helper()
	events, _, err := o.Events(blob, r)
	if err != nil || len(events) != 1 {
		t.Fatalf("%d events, %v: the filter sees a record as it is", len(events), err)
	}
	e := events[0]
	shown := []string{"value " + string(e.Value), "key " + string(e.Key), "topic " + e.Topic}
	for _, h := range append(e.Headers, o.Headers(blob)...) {
		shown = append(shown, "header "+h.Name+" "+string(h.Value))
	}
	for _, x := range o.Explain(blob, r) {
		shown = append(shown, x.Steps...)
	}
	for _, text := range shown {
		if strings.Contains(text, "mark") {
			t.Errorf("the mark shows: %s", text)
		}
	}
	if context := AppendContextRecord(nil, r); !bytes.Contains(context, []byte("mark")) && r.Raw[0] == '{' {
		t.Error("the record itself was changed")
	}
}

// TestRawOutsideOfRedactedFields checks that raw stays byte for byte.
func TestRawOutsideOfRedactedFields(t *testing.T) {
	build, err := New(Options{
		Stream: stream, Output: OutputConfig{Format: FormatRaw}, Topic: "t", Key: KeyNone,
		Redact: redact.Config{Fields: []string{"ClientIP"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	e, _, err := build().Event(blob, record("{ \"Id\":\"1\",\n \"n\" : 1.50 ,\"ClientIP\":\"192.0.2.1\", \"x\":\"\\u0061\"}"))
	if want := "{ \"Id\":\"1\",\n \"n\" : 1.50, \"x\":\"\\u0061\"}"; err != nil || string(e.Value) != want {
		t.Errorf("%s, want %s (%v)", e.Value, want, err)
	}
}
