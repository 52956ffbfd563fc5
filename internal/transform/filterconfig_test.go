package transform

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"o365-kafka-connector/internal/audit"
)

func filterConfig(t *testing.T, text string) FilterConfig {
	t.Helper()
	var c FilterConfig
	c.SetDefaults()
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestContentTypesHaveListsOfTheirOwn(t *testing.T) {
	c := filterConfig(t, `
workloads: [Exchange]
operations: [Send, Create]
not: {operations: [Delete], record_types: [1]}
content_types:
  dlp.ALL: {workloads: [], not: {operations: [DlpInfo]}}
  Audit.Exchange: {operations: ["*"]}
`)
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	for ct, want := range map[audit.ContentType]FilterConfig{
		audit.DLP: {
			Match: Match{RecordTypes: List{}, Workloads: List{}, Operations: List{"Send", "Create"}},
			Not:   Match{RecordTypes: List{"1"}, Workloads: List{}, Operations: List{"DlpInfo"}},
		},
		audit.Exchange: {
			Match: Match{RecordTypes: List{}, Workloads: List{"Exchange"}, Operations: List{"*"}},
			Not:   Match{RecordTypes: List{"1"}, Workloads: List{}, Operations: List{"Delete"}},
		},
		audit.General: {Match: c.Match, Not: c.Not},
	} {
		if diff := cmp.Diff(want, c.For(ct)); diff != "" {
			t.Errorf("filter of %s, -want +got:\n%s", ct, diff)
		}
	}
}

func TestFilterOfContentTypesNamesEveryProblem(t *testing.T) {
	err := filterConfig(t, `
content_types:
  DLP.All: {record_types: [DlpSharePoint], operations: [" "]}
  dlp.all: {}
  Audit.Mail: {}
`).Validate()
	if err == nil {
		t.Fatal("a wrong filter is taken")
	}
	for _, want := range []string{
		"content_types.DLP.All.record_types[0]: record type \"DlpSharePoint\" is unknown: did you mean",
		"content_types.DLP.All.operations[0]: is empty",
		"content_types.dlp.all: is given twice",
		"content_types.Audit.Mail: ",
	} {
		if !strings.Contains("\n"+err.Error(), "\n"+want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
}

func TestPrintedFilterReadsBack(t *testing.T) {
	c := filterConfig(t, `content_types: {DLP.All: {workloads: [], operations: [A]}}`)
	text, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, filterConfig(t, string(text))); diff != "" {
		t.Errorf("of\n%s-printed +read:\n%s", text, diff)
	}
}

func TestRulesAreToldByTheirKeys(t *testing.T) {
	f, err := NewFilter(filterConfig(t, `{workloads: [Exchange, MicrosoftTeams], operations: [Send, MemberAdded, Create], not: {record_types: [25], operations: ["cr*"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		mail: "", teams: "filter.not.record_types", entra: "filter.workloads", bare: "filter.workloads", named: "filter.not.operations",
		`{"Workload":"Exchange","Operation":"Delete"}`: "filter.operations",
	} {
		if got := f.DroppedBy(record(text)); got != want {
			t.Errorf("%s is dropped by %q, want %q", text, got, want)
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "x", true},
		{"**", "x", true},
		{"a*", "a", true},
		{"*a", "ba", true},
		{"a*b*c", "aXbYbc", true},
		{"a*b*c", "aXcYb", false},
		{"*ab", "aab", true},
		{"*aab*b", "aaaab", false},
		{"a.b", "axb", false},
		{"a?", "ab", false},
	} {
		set := nameSet{exact: map[string]struct{}{}}
		if err := set.add(test.pattern); err != nil {
			t.Fatal(err)
		}
		if got := set.has([]byte(test.name)); got != test.want {
			t.Errorf("%q describes %q: %v", test.pattern, test.name, got)
		}
	}
}

// TestPatternsAreFast runs the pattern that is the worst for matchers which try every split.
func TestPatternsAreFast(t *testing.T) {
	began := time.Now()
	if wild([]byte(strings.Repeat("a*", 50)+"b"), []byte(strings.Repeat("a", 20_000))) {
		t.Error("a name without b is described")
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("took %s", took)
	}
}

func FuzzPattern(f *testing.F) {
	f.Add("a*b", "axxb")
	f.Add("**", "")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern)+len(name) > 60 {
			t.Skip()
		}
		if got, want := wild([]byte(pattern), []byte(name)), slowWild(pattern, name); got != want {
			t.Errorf("wild(%q, %q) = %v, want %v", pattern, name, got, want)
		}
	})
}

// slowWild tells by the pieces between the stars.
func slowWild(pattern, name string) bool {
	pieces := strings.Split(pattern, "*")
	if len(pieces) == 1 {
		return pattern == name
	}
	last := pieces[len(pieces)-1]
	if !strings.HasPrefix(name, pieces[0]) || len(name) < len(pieces[0])+len(last) || !strings.HasSuffix(name, last) {
		return false
	}
	name = name[len(pieces[0]) : len(name)-len(last)]
	for _, piece := range pieces[1 : len(pieces)-1] {
		at := strings.Index(name, piece)
		if at < 0 {
			return false
		}
		name = name[at+len(piece):]
	}
	return true
}
