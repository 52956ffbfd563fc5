package config_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/secret"
)

var update = flag.Bool("update", false, "write the golden files")

const minimal = `
tenants:
  - id: AAAAAAAA-1111-1111-1111-111111111111
    auth: {client_id: app, client_secret: hush}
`

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func readExample(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile("connector.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// credentials makes the example usable: it leaves them empty.
func credentials(data []byte) []byte {
	data = bytes.Replace(data, []byte(`client_id: ""`), []byte(`client_id: app`), 1)
	return bytes.Replace(data, []byte(`client_secret: ""`), []byte(`client_secret: hush`), 1)
}

func TestExampleEqualsTheDefaults(t *testing.T) {
	example := parse(t, string(credentials(readExample(t))))
	defaults := parse(t, `
tenants:
  - id: 11111111-1111-1111-1111-111111111111
    name: contoso
    auth: {client_id: app, client_secret: hush}
`)
	if diff := cmp.Diff(printed(t, defaults), printed(t, example)); diff != "" {
		t.Errorf("example differs from the defaults (-default +example):\n%s", diff)
	}
}

func printed(t *testing.T, c *config.Config) string {
	t.Helper()
	var out strings.Builder
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// overrides are the keys of a tenant that the example shows in the sections for all.
var overrides = []string{"source", "filter", "output", "outputs", "dedupe", "redact", "kafka"}

func TestExampleHasEveryKeyWithAComment(t *testing.T) {
	var doc yaml.Node
	if err := yaml.Unmarshal(readExample(t), &doc); err != nil {
		t.Fatal(err)
	}
	got := keysOfTree("", doc.Content[0])
	want := keysOfType("", reflect.TypeFor[config.Config]())
	want = slices.DeleteFunc(want, func(key string) bool {
		if strings.HasPrefix(key, "outputs.") || strings.HasPrefix(key, "kafka.sasl.oauth.auth.") {
			return true // the example tells of them in a comment
		}
		rest, ok := strings.CutPrefix(key, "tenants.")
		section, _, _ := strings.Cut(rest, ".")
		return ok && slices.Contains(overrides, section)
	})
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys of the example (-want +got):\n%s", diff)
	}
}

func keysOfTree(path string, n *yaml.Node) []string {
	var keys []string
	switch {
	case n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			if item.Kind == yaml.MappingNode {
				keys = append(keys, keysOfTree(path, item)...)
			}
		}
	case n.Kind == yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			key := strings.TrimPrefix(path+"."+n.Content[i].Value, ".")
			keys = append(keys, key)
			keys = append(keys, keysOfTree(key, n.Content[i+1])...)
		}
	}
	return keys
}

func keysOfType(path string, typ reflect.Type) []string {
	var keys []string
	eachKey(path, typ, func(key string, f reflect.StructField) {
		if f.Tag.Get("yaml") == "" {
			key += ": field " + f.Name + " has no yaml key"
		}
		keys = append(keys, key)
	})
	return keys
}

// eachKey visits the keys of a section and of those within, each before its own.
func eachKey(path string, typ reflect.Type, visit func(key string, f reflect.StructField)) {
	if typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct {
		return
	}
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		key := strings.Trim(path+"."+name, ".")
		if options != "inline" {
			visit(key, f)
		}
		if options == "inline" || name != "" {
			eachKey(key, f.Type, visit)
		}
	}
}

// Beside each key that holds a secret there is one that names a file with it.
func TestEverySecretMayBeInAFile(t *testing.T) {
	keys := keysOfType("", reflect.TypeFor[config.Config]())
	secrets := 0
	eachKey("", reflect.TypeFor[config.Config](), func(key string, f reflect.StructField) {
		if f.Type != reflect.TypeFor[secret.String]() {
			return
		}
		secrets++
		if !slices.Contains(keys, key+"_file") {
			t.Errorf("%s has no %[1]s_file", key)
		}
	})
	if secrets < 10 {
		t.Errorf("only %d secrets are found", secrets)
	}
}

func TestTenantOverridesOnlyWhatItNames(t *testing.T) {
	c := parse(t, `
source: {poll_interval: 1m, workers: 8}
filter: {workloads: [Exchange]}
kafka: {topic: all}
tenants:
  - id: AAAAAAAA-1111-1111-1111-111111111111
    auth: {client_id: app, client_secret: hush}
  - id: bbbbbbbb-1111-1111-1111-111111111111
    name: second
    content_types: audit.exchange, dlp.all
    auth: {client_id: app, client_secret: hush}
    source: {workers: 2, sweep: {interval: 10m}}
    filter: {workloads: []}
    output: {format: raw}
    kafka: {topic: "{tenant_name}"}
`)
	first, second := c.Tenant(0), c.Tenant(1)
	if first.Name != "aaaaaaaa-1111-1111-1111-111111111111" || first.ID != first.Name || first.PublisherIdentifier != first.ID {
		t.Errorf("names of the first = %q, %q, %q", first.ID, first.Name, first.PublisherIdentifier)
	}
	if first.Source.Workers != 8 || first.Output.Format != "incident" || first.Kafka.Topic != "all" || len(first.Filter.Workloads) != 1 {
		t.Errorf("first tenant has settings of the second: %+v", first)
	}
	if second.Source.Workers != 2 || second.Source.PollInterval.D() != time.Minute || second.Source.Sweep.Depth.D() != 24*time.Hour ||
		second.Source.Sweep.Interval.D() != 10*time.Minute || second.Output.Format != "raw" || len(second.Filter.Workloads) != 0 ||
		second.Kafka.Topic != "{tenant_name}" {
		t.Errorf("second tenant: %+v", second)
	}
	if diff := cmp.Diff([]string{"Audit.Exchange", "DLP.All"}, second.ContentTypes); diff != "" {
		t.Error(diff)
	}
	if c.Source.Workers != 8 || c.Source.Sweep.Interval.D() != 30*time.Minute {
		t.Errorf("a tenant changed the settings for all: %+v", c.Source)
	}
}

func TestEnvironmentIsExpandedInValues(t *testing.T) {
	t.Setenv("GIVEN", "from: the # environment")
	t.Setenv("EMPTY", "")
	t.Setenv("NUMBER", "7")
	t.Setenv("NULL", "null")
	t.Setenv("BROKERS", "one:9092, two:9092")
	c := parse(t, `
# ${NOT_SET} in a comment is nothing
source:
  workers: "${NUMBER}"
  requests_per_minute: ${NUMBER}00
kafka:
  brokers: ${BROKERS}
  dead_letter_topic: a${EMPTY}b${NOT_SET:-c}${EMPTY:-d}
  topics: {config: {"${KEY}": "pa$$word $${x} $1 $"}}
tenants:
  - id: AAAAAAAA-1111-1111-1111-111111111111
    auth:
      client_id: "${NULL}"
      client_secret: ${GIVEN}
`)
	if c.Source.Workers != 7 || c.Source.RequestsPerMinute != 700 {
		t.Errorf("numbers = %d, %d", c.Source.Workers, c.Source.RequestsPerMinute)
	}
	if diff := cmp.Diff([]string{"one:9092", "two:9092"}, c.Kafka.Brokers); diff != "" {
		t.Error(diff)
	}
	if c.Kafka.DeadLetterTopic != "abcd" {
		t.Errorf("text = %q", c.Kafka.DeadLetterTopic)
	}
	if diff := cmp.Diff(map[string]string{"${KEY}": "pa$$word ${x} $1 $"}, c.Kafka.Topics.Config); diff != "" {
		t.Error(diff)
	}
	auth := c.Tenant(0).Auth
	if auth.ClientSecret.Reveal() != "from: the # environment" || auth.ClientID != "null" {
		t.Errorf("credentials = %q, %q", auth.ClientID, auth.ClientSecret.Reveal())
	}
}

func TestAnchorsAndMergeKeys(t *testing.T) {
	c := parse(t, `
tenants:
  - &first
    id: aaaaaaaa-1111-1111-1111-111111111111
    auth: &app {client_id: app, client_secret: hush}
    source: {workers: 3}
  - <<: *first
    id: bbbbbbbb-1111-1111-1111-111111111111
    name: second
    auth: {<<: *app, client_id: other}
`)
	second := c.Tenant(1)
	if second.Source.Workers != 3 || second.Auth.ClientID != "other" || second.Auth.ClientSecret.Reveal() != "hush" {
		t.Errorf("second tenant = %+v", second)
	}
}

func TestPrintMasksSecretsAndShowsEachTenant(t *testing.T) {
	t.Setenv("SECRET", "hush-hush")
	c := parse(t, `
tenants:
  - id: aaaaaaaa-1111-1111-1111-111111111111
    auth: {client_id: app, client_secret: "${SECRET}"}
    source: {poll_interval: 90s}
kafka: {tls: {enabled: true}, sasl: {mechanism: plain, username: u, password: hush-hush}}
checkpoint: {redis: {username: u, password: hush-hush}}
`)
	out := printed(t, c)
	if strings.Contains(out, "hush") {
		t.Errorf("a secret is printed:\n%s", out)
	}
	golden := filepath.Join("testdata", "print.golden.yaml")
	if *update {
		if err := os.WriteFile(golden, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out); diff != "" {
		t.Errorf("(-want +got; rewrite with -update):\n%s", diff)
	}
	if diff := cmp.Diff(out, printed(t, parse(t, out))); diff != "" {
		t.Errorf("what is printed, read again and printed: %s", diff)
	}
}

func TestPrintedOutputsCanBeReadAgain(t *testing.T) {
	out := printed(t, parse(t, `
tenants:
  - {id: aaaaaaaa-1111-1111-1111-111111111111, name: a, auth: {client_id: app, client_secret: s}}
  - id: bbbbbbbb-1111-1111-1111-111111111111
    name: b
    auth: {client_id: app, client_secret: s}
    outputs: []
    kafka: {topic: own}
outputs: [{format: raw, topic: raw}, {format: ecs, topic: ecs}]
kafka: {brokers: [a:1]}
`))
	if diff := cmp.Diff(out, printed(t, parse(t, out))); diff != "" {
		t.Errorf("what is printed, read again and printed: %s", diff)
	}
}
