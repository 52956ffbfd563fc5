package transform

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

type sections struct {
	Filter FilterConfig
	Output OutputConfig
	Dedupe DedupeConfig
	Redact RedactConfig
}

func defaults() (s sections) {
	s.Filter.SetDefaults()
	s.Output.SetDefaults()
	s.Dedupe.SetDefaults()
	s.Redact.SetDefaults()
	return s
}

func (s sections) validate() []error {
	return []error{s.Filter.Validate(), s.Output.Validate(), s.Dedupe.Validate(), s.Redact.Validate()}
}

// load reads a document strictly, as the configuration does.
func (s *sections) load(document string) error {
	d := yaml.NewDecoder(strings.NewReader(document))
	d.KnownFields(true)
	return d.Decode(s)
}

const contract = `
filter: {record_types: [], workloads: [], operations: [], not: {record_types: [], workloads: [], operations: []}, content_types: {}}
output:
  format: incident
  incident_type: ""
dedupe: {records: "off"}
redact: {fields: [], dlp: keep}
`

func TestDefaultsAreTheContracts(t *testing.T) {
	var s sections
	if err := s.load(contract); err != nil {
		t.Fatal(err)
	}
	for _, err := range append(defaults().validate(), s.validate()...) {
		if err != nil {
			t.Error(err)
		}
	}
	got, want := dump(t, s), dump(t, defaults())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-defaults +contract:\n%s", diff)
	}
}

func dump(t *testing.T, s sections) string {
	t.Helper()
	var out bytes.Buffer
	if err := yaml.NewEncoder(&out).Encode(s); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestConfigurationRoundTrip(t *testing.T) {
	s := defaults()
	err := s.load(`
filter: {record_types: [25, "ExchangeItem"], workloads: "Exchange , MicrosoftTeams", not: {operations: ["A, B", C]},
  content_types: {dlp.all: {workloads: [], not: {operations: [D]}}}}
output: {format: raw}
dedupe: {records: off}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := FilterConfig{
		Match: Match{RecordTypes: List{"25", "ExchangeItem"}, Workloads: List{"Exchange", "MicrosoftTeams"}, Operations: List{}},
		Not:   Match{RecordTypes: List{}, Workloads: List{}, Operations: List{"A, B", "C"}},
		ContentTypes: map[string]ContentFilter{
			"dlp.all": {Match: Match{Workloads: List{}}, Not: Match{Operations: List{"D"}}},
		},
	}
	if diff := cmp.Diff(want, s.Filter); diff != "" {
		t.Errorf("filter, -want +got:\n%s", diff)
	}
	for _, err := range s.validate() {
		if err != nil {
			t.Error(err)
		}
	}
	var again sections
	if err := again.load(dump(t, s)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dump(t, s), dump(t, again)); diff != "" {
		t.Errorf("after printing and reading, -want +got:\n%s", diff)
	}
}

func TestConfigurationIsStrict(t *testing.T) {
	for _, document := range []string{
		`filter: {workload: [Exchange]}`,
		`filter: {not: {not: {workloads: [x]}}}`,
		`filter: {workloads: {a: b}}`,
		`filter: {workloads: [[a]]}`,
		`output: {type: x}`,
		`redact: {fields: {a: b}}`,
	} {
		var s sections
		if err := s.load(document); err == nil {
			t.Errorf("%s is taken", document)
		}
	}
}

func TestWhatDoesNotExistIsRefused(t *testing.T) {
	for document, want := range map[string]string{
		`output: {raw_data: true}`:   `raw_data: counts only with format ocsf: leave it out`,
		`output: {format: Incident}`: `format: "Incident" is unknown`,
		`output: {format: ""}`:       `format: "" is unknown`,
		`dedupe: {records: yes}`:     `records: "yes" is unknown`,
		`redact: {dlp: hash}`:        `key: must be set for what is hashed`,
		`redact: {dlp: drop}`:        `dlp: "drop" is unknown`,
	} {
		s := defaults()
		if err := s.load(document); err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, err := range s.validate() {
			if err != nil {
				texts = append(texts, err.Error())
			}
		}
		if len(texts) != 1 || !strings.HasPrefix(texts[0], want) {
			t.Errorf("%s: %q, want %q", document, texts, want)
		}
	}
}
