package control

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"o365-kafka-connector/internal/audit"
)

var update = flag.Bool("update", false, "write the golden files anew")

const tenantID = "11111111-1111-1111-1111-111111111111"

var from = Origin{Topic: "o365.control", Partition: 3, Offset: 42, Time: now}

func schema(t testing.TB, name string) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(filepath.Join("..", "..", "docs", "schemas", name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func conforms(t testing.TB, s *jsonschema.Schema, text string) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s, -want +got:\n%s", name, diff)
	}
}

// TestParserAndSchemaAgree reads messages by both; what only the parser can know is marked.
func TestParserAndSchemaAgree(t *testing.T) {
	s := schema(t, "command.schema.json")
	for _, tc := range []struct{ text, want string }{ // empty: both take it; "!": only the schema does
		{`{"command":"status"}`, ""},
		{`{"command":"status","arguments":{}}`, ""},
		{`{"command":"redrive","arguments":{"content_type":"DLP.All","cause":"malformed","since":"2026-11-22","dry_run":"yes"}}`, ""},
		{`{"command":"status","arguments":null,"tenant":null}`, ""},
		{`{"command":"status","expires":"","reply_to":""}`, ""},
		{`{"command":"list-subscriptions","tenant":"contoso"}`, ""},
		{`{"command":"!ms-management-activity-list-subscriptions"}`, ""},
		{`{"id":"a","command":"start-subscription","tenant":"` + tenantID + `","arguments":{"content_type":"Audit.Exchange"},"expires":"2026-11-23T13:00:00Z","issued_by":"me","reply_to":"o365.replies"}`, ""},
		{`{"command":"stop-subscription","arguments":{"content_type":"dlp.all","now":true}}`, ""},
		{`{"command":"list-content","arguments":{"content_type":"DLP.All","start_time":"2026-11-23","end_time":"2026-11-23T10:00","record_types_filter":[15,"X"],"timeout":15}}`, ""},
		{`{"command":"backfill","arguments":{"content_type":"DLP.All","start_time":"2026-11-23","end_time":"2026-11-23T10:00","mode":"republish","topic":"t","dry_run":false}}`, ""},
		{`{"command":"cancel","arguments":{"backfill_id":"b"}}`, ""},
		{`{"command":"checkpoint-set","arguments":{"content_type":"DLP.All","watermark":"2026-11-22T10:00:00.123Z"}}`, ""},
		{`{"command":"checkpoint-reset","arguments":{"content_type":"DLP.All","dry_run":true}}`, ""},

		{`{}`, `command "" is unknown`},
		{`{"command":7}`, "command: must be a string"},
		{`{"command":"format-disk"}`, `command "format-disk" is unknown`},
		{`{"Command":"status"}`, `a command has no field "Command"`},
		{`{"command":"status","expire":"2026"}`, `a command has no field "expire"`},
		{`{"command":"status","expires":"tonight"}`, "expires: "},
		{`{"command":"status","tenant":5}`, "tenant: must be a string"},
		{`{"command":"status","reply_to":"a b"}`, "reply_to: "},
		{`{"command":"status","arguments":[]}`, "arguments: must be an object"},
		{`{"command":"status","arguments":{"x":1}}`, `status has no argument "x"`},
		{`{"command":"pause","arguments":{"content_type":"DLP.All","now":true}}`, `pause has no argument "now"`},
		{`{"command":"pause","arguments":{"content_type":"Mail"}}`, "content_type: "},
		{`{"command":"list-content","arguments":{"content_type":"DLP.All","start_time":"2026-11-23"}}`, "start_time and end_time go together"},
		{`{"command":"list-content","arguments":{"content_type":"DLP.All","start_time":"2026-11-23 10:00","end_time":"2026-11-23"}}`, "start_time: "},
		{`{"command":"list-content","arguments":{"content_type":"DLP.All","timeout":-5}}`, "timeout: "},
		{`{"command":"backfill","arguments":{"content_type":"DLP.All"}}`, "backfill needs the argument start_time"},
		{`{"command":"cancel"}`, "cancel needs the argument backfill_id"},
		{`{"command":"status"`, "the message is no JSON object"},
		{`{"command":"status"}}`, "the message is no JSON object"},

		{`{"command":"pause"}`, "!pause needs the argument content_type"},
		{`{"command":"list-content","arguments":{"content_type":"DLP.All","start_time":"2026-11-23","end_time":"2026-11-22"}}`, "!start_time must be before end_time"},
		{`{"command":"status","tenant":"` + strings.Repeat("x", 1025) + `"}`, "tenant: has more than 1024 bytes"},
	} {
		text, want := tc.text, tc.want
		_, err := Parse([]byte(text), from, now)
		parserOnly := strings.HasPrefix(want, "!")
		want = strings.TrimPrefix(want, "!")
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", text, err, want)
		}
		if byForm := conforms(t, s, text); (byForm == nil) != (want == "" || parserOnly) {
			t.Errorf("%s: the schema says %v", text, byForm)
		}
	}
}

func TestParseLine(t *testing.T) {
	exchange := Arguments{ContentType: audit.Exchange, Typed: "Audit.Exchange"}
	timed := exchange
	timed.Start, timed.End = now.Add(-2*time.Hour), now.Add(-time.Hour)
	filtered := exchange
	filtered.Operations = []string{"Add member", `a "b"`, "c"}
	for text, want := range map[string]Command{
		`!ms-management-activity-start-subscription content_type=Audit.Exchange`:                                                  {Name: StartSubscription, Arguments: exchange},
		`ms-management-activity-start-subscription content_type="Audit.Exchange"`:                                                 {Name: StartSubscription, Arguments: exchange},
		`"!start-subscription content_type=\"Audit.Exchange\""`:                                                                   {Name: StartSubscription, Arguments: exchange},
		"  !list-content\tcontent_type='Audit.Exchange'\nstart_time=\"2026-11-23T10:00:00\" end_time=`2026-11-23T11:00:00Z` ":     {Name: ListContent, Arguments: timed},
		`!list-content content_type=Audit.Exchange operations_filter="Add member,a \"b\",c" using="instance 1" raw-response=true`: {Name: ListContent, Arguments: filtered},
		`!pause content_type=Audit.Exchange tenant=contoso id="my id" expires=2026-11-24 issued_by=me reply_to=other`: {
			Name: Pause, Arguments: exchange, Tenant: "contoso", ID: "my id", IssuedBy: "me", ReplyTo: "other", Expires: now.Add(12 * time.Hour),
		},
		`!list-content content_type=Audit.Exchange start_time=`: {Name: ListContent, Arguments: exchange},
		`checkpoint show content_type=Audit.Exchange`:           {Name: CheckpointShow, Arguments: exchange},
		`!status`: {Name: ShowStatus},
	} {
		got, err := Parse([]byte(text), from, now)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if want.ID == "" {
			want.ID = "o365.control/3/42"
		}
		want.Origin, want.Typed = from, got.Typed
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, -want +got:\n%s", text, diff)
		}
	}
	for text, want := range map[string]string{
		"":                                      "the message is empty",
		" \n":                                   "the message is empty",
		"!pause Audit.Exchange":                 `word "Audit.Exchange" has no name: write key=value`,
		"!pause content_type=Audit Exchange":    `word "Exchange" has no name`,
		`!pause content_type="Audit.Exchange`:   `the quote " before "Audit.Exchange" is not closed`,
		`!pause content_type="DLP.All"now=true`: `a space is missing after the quoted value "DLP.All"`,
		"!pause content_type=a content_type=b":  `argument "content_type" is given twice`,
		"!pause contenttype=DLP.All":            `pause has no argument "contenttype"`,
		"hello":                                 `command "hello" is unknown`,
		"[1,2]":                                 `command "[1,2]" is unknown`,
		"\x00\xff\xfe":                          "command ",
		"!pause content_type=DLP.All expires=bad": "expires: ",
		"'' x=1": "a value has no name",
	} {
		got, err := Parse([]byte(text), from, now)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
		if got.ID != "o365.control/3/42" {
			t.Errorf("%q: id %q", text, got.ID)
		}
	}
}

func TestWhatIsLeftOutComesFromTheKey(t *testing.T) {
	upper := strings.ToUpper("aaaaaaaa-1111-1111-1111-111111111111")
	for _, tc := range []struct{ key, value, tenant, contentType string }{
		{tenantID + "/Audit.Exchange", `{"command":"pause"}`, tenantID, "Audit.Exchange"},
		{upper + "/audit.exchange", `!pause`, strings.ToLower(upper), "Audit.Exchange"},
		{tenantID, `{"command":"list-subscriptions"}`, tenantID, ""},
		{tenantID + "/Audit.Exchange", `{"command":"status"}`, tenantID, ""},
		{tenantID + "/Audit.Exchange", `{"command":"pause","arguments":{"content_type":"DLP.All"}}`, tenantID, "DLP.All"},
		{tenantID + "/Audit.Exchange", `{"command":"status","tenant":"fabrikam"}`, "fabrikam", ""},
		{"whatever", `{"command":"status"}`, "", ""},
	} {
		o := from
		o.Key = tc.key
		c, err := Parse([]byte(tc.value), o, now)
		if err != nil || c.Tenant != tc.tenant || string(c.Arguments.ContentType) != tc.contentType {
			t.Errorf("key %q, %s: tenant %q, content type %q, %v", tc.key, tc.value, c.Tenant, c.Arguments.ContentType, err)
		}
	}
	o := from
	o.Key = tenantID + "/Audit.Exchange"
	if c, err := Parse([]byte(`{"command":"pause","tenant":"fabrikam"}`), o, now); err == nil {
		t.Errorf("a content type of another tenant's key is taken: %+v", c)
	}
}

func TestARefusedCommandKeepsItsSender(t *testing.T) {
	for _, text := range []string{
		`{"id":"a","command":"nonsense","reply_to":"other"}`,
		`{"id":"a","command":"pause","arguments":{"x":1},"reply_to":"other"}`,
		`{"id":"a","command":"pause","arguments":5,"reply_to":"other"}`,
		`{"id":"a","commands":"pause","reply_to":"other"}`,
		`!nonsense id=a reply_to=other`,
	} {
		c, err := Parse([]byte(text), from, now)
		if err == nil || c.ID != "a" || c.ReplyTo != "other" {
			t.Errorf("%s: %v, id %q, reply to %q", text, err, c.ID, c.ReplyTo)
		}
	}
	if _, err := Parse(slices.Repeat([]byte("x"), MaxCommand+1), from, now); err == nil || AsRefusal(err).Code != "too_large" {
		t.Errorf("too large: %v", err)
	}
}

func TestGoldenCommands(t *testing.T) {
	s := schema(t, "command.schema.json")
	a := Arguments{
		ContentType: audit.Exchange, Typed: "audit.exchange", Start: now.Add(-time.Hour), End: now,
		RecordTypes: []string{"15", "ExchangeItem"}, Workloads: []string{"Exchange"}, Operations: []string{"Set-Mailbox"},
	}
	full := Command{ID: "c-1", Name: ListContent, Tenant: tenantID, Arguments: a, Expires: now.Add(time.Hour), IssuedBy: "playbook", ReplyTo: "o365.replies"}
	full.Arguments.Timeout = 1500 * time.Millisecond
	backfill := Command{ID: "c-2", Name: Backfill, Tenant: tenantID, Arguments: a}
	backfill.Arguments.Mode, backfill.Arguments.DryRun, backfill.Arguments.Topic = ModeRepublish, true, "o365.again"
	var out []byte
	for _, c := range []Command{
		{Name: ShowStatus},
		full, backfill,
		{ID: "c-3", Name: StopSubscription, Tenant: tenantID, Arguments: Arguments{ContentType: audit.DLP, Now: true}},
		{ID: "c-4", Name: Cancel, Arguments: Arguments{BackfillID: "b-1"}},
		{ID: "c-6", Name: Redrive, Arguments: Arguments{ContentType: audit.DLP, Cause: audit.CauseMalformed, Since: now, ContentID: "b", DryRun: true}},
		{ID: "c-5", Name: CheckpointSet, Arguments: Arguments{ContentType: audit.DLP, Watermark: now}},
	} {
		line, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := conforms(t, s, string(line)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if _, err := Parse(line, from, now); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		out = append(append(out, line...), '\n')
	}
	golden(t, "commands.jsonl", out)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"id":"a","command":"list-content","tenant":"x","arguments":{"content_type":"DLP.All","start_time":"2026-11-23","end_time":"2026-11-23T10:00","record_types_filter":[15,"X"],"timeout":1.5},"expires":"2026-11-23T13:00:00Z"}`))
	f.Add([]byte("!backfill content_type=DLP.All start_time=2026-11-23 end_time=2026-11-23T10:00 mode=republish dry_run=yes topic=`t`"))
	f.Add([]byte(`"!checkpoint set content_type='DLP.All' watermark=\"2026-11-22\""`))
	f.Add([]byte(`{"command":"stop-subscription","arguments":{"content_type":"dlp.all","now":"true"}}`))
	s := schema(f, "command.schema.json")
	f.Fuzz(func(t *testing.T, value []byte) {
		c, err := Parse(value, from, now)
		if c.ID == "" {
			t.Fatal("a command without id")
		}
		if err != nil {
			if r := AsRefusal(err); r.Outcome != OutcomeInvalid && r.Outcome != OutcomeUnknown || len(r.Error()) > 4096 {
				t.Fatalf("refusal %+v", r)
			}
			return
		}
		wire, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(wire, from, now)
		if err != nil {
			t.Fatalf("%s: %v", wire, err)
		}
		again.Typed = c.Typed
		if diff := cmp.Diff(c, again); diff != "" {
			t.Fatalf("%s, -want +got:\n%s", wire, diff)
		}
		if c.Arguments.Typed == string(c.Arguments.ContentType) {
			if err := conforms(t, s, string(wire)); err != nil {
				t.Fatalf("%s: %v", wire, err)
			}
		}
	})
}
