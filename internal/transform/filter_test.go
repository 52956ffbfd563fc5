package transform

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"o365-kafka-connector/internal/audit"
)

const (
	teams = `{"Id":"t","RecordType":25,"Workload":"MicrosoftTeams","Operation":"MemberAdded"}`
	mail  = `{"Id":"m","RecordType":"2","Workload":"Exchange","Operation":"Send"}`
	entra = `{"Id":"e","RecordType":8,"Workload":"AzureActiveDirectory","Operation":"Update application – Certificates and secrets management "}`
	bare  = `{"Id":"b"}`
	named = `{"Id":"n","RecordType":"exchangeitem","Workload":"Exchange","Operation":"Create"}`
	array = `[1]`
)

func kept(t *testing.T, c FilterConfig) string {
	t.Helper()
	f, err := NewFilter(c)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for name, text := range map[string]string{"t": teams, "m": mail, "e": entra, "b": bare, "n": named, "a": array} {
		if f.Keep(record(text)) {
			out.WriteString(name)
		}
	}
	return out.String()
}

func TestFilterKeeps(t *testing.T) {
	for name, test := range map[string]struct {
		yaml string
		want string
	}{
		"everything":                   {`{}`, "temban"},
		"empty lists":                  {`{record_types: [], workloads: "", operations: [], not: {workloads: []}}`, "temban"},
		"a number":                     {`{record_types: [25]}`, "t"},
		"a number in quotes":           {`{record_types: ["2"]}`, "mn"},
		"a name in any case":           {`{record_types: [" exchangeITEM "]}`, "mn"},
		"names and numbers":            {`{record_types: "MicrosoftTeams, 8"}`, "te"},
		"a number nobody knows":        {`{record_types: [99999]}`, ""},
		"a workload":                   {`{workloads: [" exchange"]}`, "mn"},
		"an operation with a dash":     {`{operations: ["update APPLICATION – certificates and secrets management"]}`, "e"},
		"two operations":               {`{operations: "Send , memberadded"}`, "mt"},
		"lists are ANDed":              {`{workloads: [Exchange, MicrosoftTeams], operations: [Send, MemberAdded], record_types: [2]}`, "m"},
		"not":                          {`{not: {workloads: [EXCHANGE]}}`, "teba"},
		"not drops what matches any":   {`{not: {workloads: [Exchange], record_types: [25], operations: [Delete]}}`, "eba"},
		"not is stronger":              {`{workloads: [Exchange], not: {operations: [Send]}}`, "n"},
		"a part of a name is no match": {`{operations: [Sen], workloads: [Exchange]}`, ""},
		"a beginning":                  {`{operations: ["MEMBER*"]}`, "t"},
		"an end":                       {`{operations: ["*d"]}`, "mt"},
		"any text between":             {`{operations: ["*–*management"]}`, "e"},
		"anything that has one":        {`{operations: ["*"]}`, "temn"},
		"nothing that has one":         {`{not: {workloads: ["*"]}}`, "ba"},
		"names and patterns":           {`{workloads: ["micro*teams", Exchange]}`, "tmn"},
	} {
		t.Run(name, func(t *testing.T) {
			var c FilterConfig
			if err := yaml.Unmarshal([]byte(test.yaml), &c); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(sorted(test.want), sorted(kept(t, c))); diff != "" {
				t.Errorf("kept, -want +got:\n%s", diff)
			}
		})
	}
}

func sorted(s string) string {
	var out strings.Builder
	for _, c := range "abemnt" {
		if strings.ContainsRune(s, c) {
			out.WriteRune(c)
		}
	}
	return out.String()
}

func TestFilterOnTheOriginalsRecords(t *testing.T) {
	records := fixture(t, "xsoar/incidents_mocked.b725b550.json")
	f, err := NewFilter(FilterConfig{Match: Match{Operations: ParseList("UserLoggedIn, usercreated")}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range records {
		if f.Keep(r) {
			got = append(got, string(r.Text(audit.FieldID)))
		}
	}
	want := []string{"OLD_EVENT_001", "NEW_EVENT_001", "NEW_EVENT_001"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kept, -want +got:\n%s", diff)
	}
}

func TestFilterNamesEveryProblem(t *testing.T) {
	c := FilterConfig{
		Match: Match{RecordTypes: List{"ExchangeAdmim", "25", "-1"}, Workloads: List{"Exchange", " "}},
		Not:   Match{RecordTypes: List{""}, Operations: List{""}},
	}
	err := c.Validate()
	if err == nil {
		t.Fatal("a wrong filter is taken")
	}
	for _, want := range []string{
		`record_types[0]: record type "ExchangeAdmim" is unknown: did you mean ExchangeAdmin`,
		`record_types[2]: "-1" is no record type`,
		`workloads[1]: is empty`,
		`not.record_types[0]: is empty`,
		`not.operations[0]: is empty`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != 5 {
		t.Errorf("%d problems told, want 5:\n%v", lines, err)
	}
	if err := (FilterConfig{Match: Match{Workloads: ParseList("A,,B")}}).Validate(); err == nil {
		t.Error("an empty entry of a comma text is taken")
	}
}

func TestNearRecordTypes(t *testing.T) {
	for in, want := range map[string]string{
		"MicrosoftTeam":       "MicrosoftTeams",
		"sharepointfileop":    "SharePointFileOperation",
		"AzureActiveDirectry": "AzureActiveDirectory",
	} {
		near := nearRecordTypes(in)
		if len(near) == 0 || len(near) > 3 || near[0] != want {
			t.Errorf("near %q: %v, want %s first", in, near, want)
		}
	}
	if near := nearRecordTypes("qqqqqqqqqq"); near != nil {
		t.Errorf("near nonsense: %v", near)
	}
	if err := (FilterConfig{Match: Match{RecordTypes: List{"qqqqqqqqqq"}}}).Validate(); err == nil ||
		!strings.Contains(err.Error(), "AuditLogRecordType") {
		t.Errorf("error without a hint: %v", err)
	}
}
