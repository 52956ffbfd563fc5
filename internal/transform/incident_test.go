package transform

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
)

var update = flag.Bool("update", false, "write the golden files")

func TestIncidentsAreAsBefore(t *testing.T) {
	inputs, err := filepath.Glob("testdata/incident/*.in")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no inputs: %v", err)
	}
	o := options()
	o.Output.IncidentType = `O365 "audit"`
	for _, input := range inputs {
		t.Run(filepath.Base(input), func(t *testing.T) {
			raw, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			r := parse(raw)
			r.Ordinal = 7
			got := append(bytes.Clone(event(t, transformer(t, o), r).Value), '\n')
			golden := strings.TrimSuffix(input, ".in") + ".golden"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("incident changed, -want +got:\n%s", diff)
			}
			checkIncident(t, r, got)
		})
	}
}

// incident is what a consumer reads.
type incident struct {
	Name                string `json:"name"`
	Occurred            string `json:"occurred"`
	Type                string `json:"type"`
	RawJSON             string `json:"rawJSON"`
	MicrosoftManagement struct {
		ContentRecord map[string]json.RawMessage
		Normalized    map[string]string
		Source        map[string]string
	}
}

func decode(t testing.TB, value []byte) incident {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(value))
	d.DisallowUnknownFields()
	var i incident
	if err := d.Decode(&i); err != nil {
		t.Fatalf("incident does not decode: %v\n%s", err, value)
	}
	return i
}

// checkIncident checks what holds for the incident of any record.
func checkIncident(t testing.TB, r *audit.Record, value []byte) {
	t.Helper()
	if !json.Valid(value) || !utf8.Valid(value) {
		t.Fatalf("incident is no valid JSON: %q", value)
	}
	if line := bytes.TrimSuffix(value, []byte("\n")); bytes.ContainsAny(line, "\r\n") {
		t.Errorf("incident has more than one line: %q", line)
	}
	i := decode(t, value)
	want := string(r.Raw)
	if !utf8.ValidString(want) {
		var b strings.Builder
		for _, c := range want { // one U+FFFD for each bad byte
			b.WriteRune(c)
		}
		want = b.String()
	}
	if i.RawJSON != want {
		t.Errorf("rawJSON = %q, want %q", i.RawJSON, want)
	}
	if !strings.HasPrefix(i.Name, "Microsoft Management Activity: ") {
		t.Errorf("name = %q", i.Name)
	}
	if i.MicrosoftManagement.ContentRecord == nil {
		t.Error("incident has no ContentRecord")
	}
}

func TestIncidentOfTheOriginal(t *testing.T) {
	var vectors struct {
		Incident struct {
			Want struct{ Name, Occurred string }
		}
		Fields map[string]string `json:"record_field_map"`
	}
	load(t, "xsoar/vectors.json", &vectors)
	r := fixture(t, "xsoar/blob_audit_general_1.json")[0]
	got := decode(t, event(t, transformer(t, options()), r).Value)
	if want := vectors.Incident.Want; got.Name != want.Name || got.Occurred != want.Occurred {
		t.Errorf("name, occurred = %q, %q; want %q, %q", got.Name, got.Occurred, want.Name, want.Occurred)
	}
	if got.RawJSON != string(r.Raw) {
		t.Errorf("rawJSON = %s", got.RawJSON)
	}
	if got.Type != "" || bytes.Contains(event(t, transformer(t, options()), r).Value, []byte(`"type"`)) {
		t.Error("an empty incident type is written")
	}

	all := map[string]any{}
	want := map[string]json.RawMessage{}
	for member, name := range vectors.Fields {
		all[member] = "value of " + member
		want[name] = json.RawMessage(`"value of ` + member + `"`)
	}
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	got = decode(t, event(t, transformer(t, options()), parse(raw)).Value)
	if diff := cmp.Diff(want, got.MicrosoftManagement.ContentRecord); diff != "" || len(want) != 13 {
		t.Errorf("ContentRecord of %d fields, -want +got:\n%s", len(want), diff)
	}
}

func TestContentRecordLeavesOutWhatIsEmpty(t *testing.T) {
	x := transformer(t, options())
	got := decode(t, event(t, x, record(
		`{"Id":"1","UserType":0,"Scope":false,"UserKey":"","Workload":null,"ObjectId":[],"ClientIP":{},"UserId":"0"}`)).Value)
	want := map[string]json.RawMessage{"ID": []byte(`"1"`), "UserType": []byte(`0`), "Scope": []byte(`false`), "UserID": []byte(`"0"`)}
	if diff := cmp.Diff(want, got.MicrosoftManagement.ContentRecord); diff != "" {
		t.Errorf("ContentRecord, -want +got:\n%s", diff)
	}
}

func TestSourceFollowsTheBlob(t *testing.T) {
	x := transformer(t, options())
	r := record(signIn)
	first := decode(t, event(t, x, r).Value).MicrosoftManagement.Source
	want := map[string]string{
		"Tenant": stream.Tenant.ID, "TenantName": "contoso", "ContentType": "Audit.General",
		"ContentID": blob.ID, "ContentCreated": blob.Listed, "Published": "2020-02-27T01:05:00Z",
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("Source, -want +got:\n%s", diff)
	}
	e, _, _ := x.Event(audit.Blob{ID: "other\"blob"}, r)
	want["ContentID"] = "other\"blob"
	delete(want, "ContentCreated")
	if diff := cmp.Diff(want, decode(t, e.Value).MicrosoftManagement.Source); diff != "" {
		t.Errorf("Source of the second blob, -want +got:\n%s", diff)
	}
}

func TestOccurred(t *testing.T) {
	x := transformer(t, options())
	for in, want := range map[string]string{
		"2020-02-27T00:57:40":              "2020-02-27T00:57:40Z",
		"2020-02-27T00:57:40Z":             "2020-02-27T00:57:40Z",
		"2020-02-27T00:57:40.1":            "2020-02-27T00:57:40.1Z",
		"2020-02-27T00:57:40.1200000Z":     "2020-02-27T00:57:40.1200000Z",
		"2020-02-27T00:57:40.250+01:30":    "2020-02-26T23:27:40.250Z",
		"2020-02-27T00:57:40-08:00":        "2020-02-27T08:57:40Z",
		"2020-02-27":                       "",
		"2020-02-30T00:00:00":              "",
		"":                                 "",
		"\\u0032020-02-27T00:57:40":        "2020-02-27T00:57:40Z",
		"2020-02-27T00:57:40.123456789123": "2020-02-27T00:57:40.123456789123Z",
	} {
		got := decode(t, event(t, x, record(fmt.Sprintf(`{"Id":"1","CreationTime":"%s"}`, in))).Value)
		if got.Occurred != want {
			t.Errorf("occurred of %q = %q, want %q", in, got.Occurred, want)
		}
	}
	e := event(t, x, record(`{"Id":"1"}`))
	if bytes.Contains(e.Value, []byte("occurred")) {
		t.Errorf("an unknown time is written: %s", e.Value)
	}
}

func FuzzIncident(f *testing.F) {
	inputs, _ := filepath.Glob("testdata/incident/*.in")
	for _, input := range inputs {
		raw, err := os.ReadFile(input)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, "id", uint16(0))
	}
	f.Add([]byte(signIn), "\xff\"", uint16(9))
	f.Add([]byte(`{"Id":"\ud800","UserId":"`+"\xc3"+`"}`), "", uint16(1))
	make, err := New(options())
	if err != nil {
		f.Fatal(err)
	}
	x := make()
	f.Fuzz(func(t *testing.T, raw []byte, contentID string, ordinal uint16) {
		r := parse(raw)
		r.Ordinal = int(ordinal)
		e, ok, err := x.Event(audit.Blob{ID: contentID}, r)
		if err != nil || !ok {
			t.Fatalf("Event() = %v, %v", ok, err)
		}
		checkIncident(t, r, e.Value)
	})
}

func TestIncidentTellsMoreThanTheOriginal(t *testing.T) {
	x := transformer(t, options())
	for text, want := range map[string]map[string]string{
		`{"Id":"1","RecordType":50,"UserType":0,"ClientIPAddress":"[2001:db8::1]:443","ClientIP":""}`: {
			"RecordTypeName": "ExchangeItemAggregated", "UserTypeName": "Regular", "ClientAddress": "2001:db8::1",
		},
		`{"Id":"1","RecordType":"40","UserType":"4","Severity":"high","ClientIP":"203.0.113.7:50123"}`: {
			"RecordTypeName": "SecurityComplianceAlerts", "UserTypeName": "System", "Severity": "High", "ClientAddress": "203.0.113.7",
		},
		`{"Id":"1","RecordType":13,"PolicyDetails":[{"Rules":[{"Severity":"Low"},{"Severity":"Medium"}]}]}`: {
			"RecordTypeName": "ComplianceDLPExchange", "Severity": "Medium",
		},
		`{"Id":"1","RecordType":2,"ClientIPAddress":"EXCH01 (10.9000.0.1)"}`:                         {"RecordTypeName": "ExchangeItem", "ClientAddress": "EXCH01"},
		`{"Id":"1","RecordType":9999,"UserType":99,"ClientIP":"<null>"}`:                             nil,
		`{"Id":"1","RecordType":9998,"Severity":{"a":1},"ActorIpAddress":["x"],"ClientIP":"a\"b c"}`: nil,
	} {
		if diff := cmp.Diff(want, decode(t, event(t, x, record(text)).Value).MicrosoftManagement.Normalized); diff != "" {
			t.Errorf("%s, -want +got:\n%s", text, diff)
		}
	}
}
