package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/transform"
)

// forms writes outputs as format, topic, key and workloads.
func forms(outputs []transform.Output) (out []string) {
	for _, o := range outputs {
		out = append(out, strings.TrimSpace(strings.Join([]string{o.Format, o.Topic, string(o.Key), strings.Join(o.Filter.Workloads, "+")}, " ")))
	}
	return out
}

func TestOutputsAndTheirShortForm(t *testing.T) {
	c := parse(t, `
outputs:
  - {format: raw, topic: o365.raw}
  - {topic: "o365.{workload}", key: user, filter: {workloads: "Exchange, SharePoint"}}
tenants:
  - id: aaaaaaaa-1111-1111-1111-111111111111
    auth: {client_id: app, client_secret: hush}
  - id: bbbbbbbb-1111-1111-1111-111111111111
    auth: {client_id: app, client_secret: hush}
    outputs: [{format: raw, topic: own}]
  - id: cccccccc-1111-1111-1111-111111111111
    auth: {client_id: app, client_secret: hush}
    outputs: []
    output: {format: raw}
`)
	for i, want := range [][]string{
		{"raw o365.raw record_id", "incident o365.{workload} user Exchange+SharePoint"},
		{"raw own record_id"},
		{"raw o365.incidents record_id"},
	} {
		if diff := cmp.Diff(want, forms(c.OutputsOf(c.Tenant(i)))); diff != "" {
			t.Errorf("outputs of tenant %d, -want +got:\n%s", i, diff)
		}
	}
	if diff := cmp.Diff([]string{"o365.raw", "own", "o365.incidents"}, c.SinkSettings().Topics); diff != "" {
		t.Errorf("topics to look at, -want +got:\n%s", diff)
	}
	short := parse(t, minimal+"kafka: {topic: t, key: none}\noutput: {format: raw}\noutputs: []\n")
	if diff := cmp.Diff([]string{"raw t none"}, forms(short.OutputsOf(short.Tenant(0)))); diff != "" {
		t.Errorf("short form, -want +got:\n%s", diff)
	}
}

// TestRedactionOfOutputs sees that no output of a list escapes what a tenant redacts, unless it says so itself.
func TestRedactionOfOutputs(t *testing.T) {
	c := parse(t, `
redact: {fields: [UserId], dlp: remove}
outputs:
  - {format: raw, topic: a}
  - {format: raw, topic: b, redact: {fields: [], key: 0123456789abcdef}}
tenants:
  - id: aaaaaaaa-1111-1111-1111-111111111111
    auth: {client_id: app, client_secret: hush}
  - id: bbbbbbbb-1111-1111-1111-111111111111
    auth: {client_id: app, client_secret: hush}
    redact: {fields: [ClientIP, ObjectId]}
  - id: cccccccc-1111-1111-1111-111111111111
    auth: {client_id: app, client_secret: hush}
    redact: {dlp: keep}
    outputs: [{topic: own}, {topic: other, redact: {fields: [Id]}}]
  - id: dddddddd-1111-1111-1111-111111111111
    auth: {client_id: app, client_secret: hush}
    redact: {fields: [Operation]}
    outputs: []
`)
	for i, want := range [][]string{
		{"UserId remove", " remove"}, {"ClientIP,ObjectId remove", " remove"}, {"UserId keep", "Id keep"}, {"Operation remove"},
	} {
		var got []string
		for _, o := range c.OutputsOf(c.Tenant(i)) {
			got = append(got, strings.Join(o.Redact.Fields, ",")+" "+o.Redact.DLP)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("redaction of tenant %d, -want +got:\n%s", i, diff)
		}
	}
}

func TestOutputsThatGoToNoTopicNeedNone(t *testing.T) {
	c := parse(t, minimal+"sink: {kind: stdout}\ncheckpoint: {kind: file, path: /tmp/x}\noutputs: [{format: raw}, {format: incident}]\n")
	if diff := cmp.Diff([]string{"raw o365.raw record_id", "incident o365.incident record_id"}, forms(c.OutputsOf(c.Tenant(0)))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestProblemsOfOutputs(t *testing.T) {
	const list = "outputs:\n  - {format: raw, topic: a}\n"
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"no list": {minimal + "outputs: {format: raw}\n", []string{"line 5: outputs: must be a list: begin each output with a dash"}},
		"values": {minimal + "outputs:\n  - {format: raw}\n  - {topic: o365.journal, key: id, fromat: raw}\n", []string{
			"line 6: outputs[0].topic: topic is empty: write a name, e.g. o365.incidents",
			"line 7: outputs[1].fromat: unknown key: did you mean format?",
			`line 7: outputs[1].key: key "id" is unknown: use record_id, user, tenant or none`,
			"line 7: outputs[1].topic: o365.journal is kafka.journal_topic already: choose another",
		}},
		"filters": {minimal + "outputs:\n  - topic: a\n    filter:\n      record_types: [1, Exchang]\n      content_types:\n        DLP: {}\n", []string{
			`line 8: outputs[0].filter.record_types[1]: record type "Exchang" is unknown: did you mean ExchangeItem, ExchangeAdmin, ExchangeSearch? A number is taken too`,
			`line 10: outputs[0].filter.content_types.DLP: content type "DLP" is unknown: use one of Audit.AzureActiveDirectory, Audit.Exchange, Audit.SharePoint, Audit.General, DLP.All`,
		}},
		"redaction that is taken over": {minimal + "redact: {dlp: drop}\noutputs:\n  - {topic: a}\n  - {topic: b, redact: {dlp: all}}\n", []string{
			`line 5: redact.dlp: "drop" is unknown: use keep, hash or remove`,
			`line 8: outputs[1].redact.dlp: "all" is unknown: use keep, hash or remove`,
		}},
		"headers without Kafka": {minimal + "sink: {kind: stdout}\noutput: {cloudevents: true}\n", []string{
			"line 6: output.cloudevents: only messages in Kafka have headers: leave it out, or set sink.kind: kafka",
		}},
		"both": {minimal + list + "output: {incident_type: x}\n", []string{
			"line 7: output: counts only without outputs: move it into the entries of outputs, or leave outputs out",
		}},
		"both, by the key": {minimal + list + "kafka: {key: none}\n", []string{
			"line 7: kafka.key: counts only without outputs: move it into the entries of outputs, or leave outputs out",
		}},
		"both in a tenant": {minimal + "    outputs: [{topic: a}]\n    kafka: {topic: b}\n", []string{
			"line 6: tenants[0].kafka.topic: counts only without the tenant's outputs: move it into their entries, or leave them out",
		}},
		"a tenant's short form": {minimal + "    output: {format: raw}\n" + list, []string{
			"line 5: tenants[0].output: counts only without outputs: give this tenant outputs of its own; an empty list returns to the short form",
		}},
		"a tenant's outputs": {minimal + "    outputs: [{topic: a}, {topic: a, format: raw}]\n", []string{
			"line 5: tenants[0].outputs[1].topic: outputs[0] has the same, in another form: only the filters of two outputs to one topic may differ",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, problems(t, tc.text)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// TestExamplesOfDocs reads the configurations that the documents show.
func TestExamplesOfDocs(t *testing.T) {
	for _, name := range []string{"filters.md"} {
		data, err := os.ReadFile(filepath.Join("..", "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		shown := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(data), -1)
		if len(shown) < 3 {
			t.Errorf("%s shows %d configurations", name, len(shown))
		}
		for _, s := range shown {
			if p := problems(t, minimal+s[1]); p != nil {
				t.Errorf("%s: %q in\n%s", name, p, s[1])
			}
		}
	}
}

// TestExampleOfOutputs reads what the example shows in a comment.
func TestExampleOfOutputs(t *testing.T) {
	var shown strings.Builder
	inside := false
	for line := range strings.Lines(string(readExample(t))) {
		if inside = inside && strings.HasPrefix(line, "# ") || strings.HasPrefix(line, "outputs: []"); !inside {
			continue
		}
		shown.WriteString(strings.TrimPrefix(strings.Replace(line, "[]", "", 1), "# "))
	}
	c, err := config.Parse([]byte(minimal + shown.String()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, shown.String())
	}
	if len(c.Outputs) != 2 {
		t.Errorf("%d outputs in\n%s", len(c.Outputs), shown.String())
	}
}
