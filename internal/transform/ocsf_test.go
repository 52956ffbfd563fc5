package transform

import (
	"encoding/json"
	"strings"
	"testing"

	"o365-kafka-connector/internal/audit"
)

func ocsfOptions() Options {
	o := options()
	o.Output = OutputConfig{Format: FormatOCSF}
	return o
}

func TestOCSFIsNamedWithItsVersion(t *testing.T) {
	x := transformer(t, ocsfOptions())
	for _, h := range x.Headers(blob) {
		if h.Name == "format" && string(h.Value) != "ocsf/1.8.0" {
			t.Errorf("header format is %s", h.Value)
		}
	}
	e := event(t, x, record(signIn))
	var got struct {
		Class    int `json:"class_uid"`
		Metadata struct {
			UID       string
			Source    string `json:"log_source"`
			LogName   string `json:"log_name"`
			TenantUID string `json:"tenant_uid"`
		}
		RawData *string `json:"raw_data"`
	}
	if err := json.Unmarshal(e.Value, &got); err != nil {
		t.Fatal(err)
	}
	if got.Class != 3002 || got.Metadata.UID != string(e.Key) || got.Metadata.Source != blob.ID || got.RawData != nil ||
		got.Metadata.LogName != string(stream.ContentType) || got.Metadata.TenantUID != stream.Tenant.ID {
		t.Errorf("event %s", e.Value)
	}
}

func TestRawDataIsTheRecord(t *testing.T) {
	o := ocsfOptions()
	o.Output.RawData = true
	bad := record(`{"Operation":"Set-Mailbox"}`)
	for _, test := range []struct {
		options Options
		record  *audit.Record
	}{{o, record(signIn)}, {ocsfOptions(), bad}, {ocsfOptions(), record(`["no object"]`)}} {
		var got struct {
			RawData string `json:"raw_data"`
			Class   int    `json:"class_uid"`
		}
		e := event(t, transformer(t, test.options), test.record)
		if err := json.Unmarshal(e.Value, &got); err != nil {
			t.Fatal(err)
		}
		if got.RawData != string(test.record.Raw) || test.record.Malformed != "" && got.Class != 6003 {
			t.Errorf("event %s", e.Value)
		}
	}
}

func TestExplain(t *testing.T) {
	build, err := NewOutputs(OutputsOptions{Stream: stream, Outputs: []Output{
		{OutputConfig: OutputConfig{Format: FormatOCSF}, Topic: "a", Key: KeyRecordID},
		{OutputConfig: OutputConfig{Format: FormatRaw}, Topic: "b", Key: KeyRecordID, Filter: FilterConfig{Match: Match{Workloads: List{"Exchange"}}}},
		{OutputConfig: OutputConfig{Format: FormatIncident}, Topic: "c", Key: KeyRecordID},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := [][2]string{
		{"ocsf/1.8.0", `row sign-in: record type 15, operation "UserLoggedIn": class 3002 Authentication, activity 1 Logon`},
		{"raw", "outputs[1].filter.workloads drops it|the record is passed on byte for byte: there is no mapping"},
		{"incident", "the record becomes the incident's rawJSON, its common fields the context record: there is no mapping"},
	}
	for i, x := range build().Explain(blob, record(signIn)) {
		if got := strings.Join(x.Steps, "|"); x.Format != want[i][0] || got != want[i][1] {
			t.Errorf("%s: %s\nwant %s: %s", x.Format, got, want[i][0], want[i][1])
		}
	}
}
