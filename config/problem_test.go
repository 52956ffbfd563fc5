package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/config"
)

func problems(t *testing.T, text string) []string {
	t.Helper()
	_, err := config.Parse([]byte(text))
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*config.Error](err)
	if !ok {
		t.Fatalf("error %T is no *config.Error: %v", err, err)
	}
	var out []string
	for _, p := range e.Problems {
		out = append(out, p.String())
	}
	return out
}

func TestProblems(t *testing.T) {
	t.Setenv("SECRET", "hush")
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"nothing at all": {"", []string{
			"tenants: must name at least one tenant: its id, and its auth with client_id and client_secret",
		}},
		"no mapping": {"[1, 2]", []string{
			"line 1: must be a section with keys of its own, not a list",
			"tenants: must name at least one tenant: its id, and its auth with client_id and client_secret",
		}},
		"no YAML": {"tenants: [", []string{"line 1: no YAML: did not find expected node content"}},
		"password without quotes": {minimal + "checkpoint: {redis: {password: *hunter2}}\n", []string{
			"no YAML: a value that begins with * stands for an anchor, and there is none of that name: put it in quotes",
		}},
		"two documents": {minimal + "---\na: 1\n", []string{
			"line 5: only one YAML document is read: remove the line --- and what follows",
		}},
		"tenants are no list": {"tenants: {id: a}", []string{"line 1: tenants: must be a list: begin each tenant with a dash"}},
		"similar key": {minimal + "source:\n  timout: 15s\n  retries: 3\n", []string{
			"line 6: source.timout: unknown key: did you mean timeout?",
			"line 7: source.retries: unknown key: use one of timeout, first_fetch, catch_up_after, poll_interval, overlap, sweep, workers, buffer, " +
				"blob_buffer, spool, spool_max, requests_per_minute, insecure, ca_file, proxy",
		}},
		"key in a tenant's override": {minimal + "    source: {sweep: {intervall: 1m}}\n", []string{
			"line 5: tenants[0].source.sweep.intervall: unknown key: did you mean interval?",
		}},
		"settings of the process in a tenant": {minimal + "    source: {buffer: 1MiB, spool_max: 1GiB}\n    kafka: {brokers: [a:1]}\n", []string{
			"line 5: tenants[0].source.buffer: is shared by all tenants: set source.buffer instead",
			"line 5: tenants[0].source.spool_max: is shared by all tenants: set source.spool_max instead",
			"line 6: tenants[0].kafka.brokers: unknown key: use one of topic",
		}},
		"wrong kinds": {minimal + "fetch: maybe\nsource:\n  workers: four\n  timeout: soon\n  sweep: 3\n  insecure: [true]\nkafka: {topics: {config: 1, partitions: {}}}\n", []string{
			`line 5: fetch: must be true or false, not "maybe"`,
			`line 7: source.workers: must be a whole number, not "four"`,
			`line 8: source.timeout: "soon" is no duration: write 15s, 30m, 1h, a number of seconds, or "30 minutes"`,
			"line 9: source.sweep: must be a section with keys of its own, not a single value",
			"line 10: source.insecure: must be a single value, not a list",
			"line 11: kafka.topics.config: must be keys and values, as {key: value}, not a single value",
			"line 11: kafka.topics.partitions: must be a single value, not a section",
		}},
		"key given twice": {minimal + "fetch: true\nfetch: true\n", []string{
			"line 6: fetch: is given twice, first in line 5: keep one",
		}},
		"environment": {minimal + "log: {level: \"${NOWHERE}\"}\nkafka: {topic: \"a${b\", key: \"${}\"}\nsource: {timeout: \"${SECRET}\", workers: \"${SECRET}\"}\n", []string{
			"line 5: log.level: the environment variable NOWHERE is not set: set it, or give a default with ${NOWHERE:-default}",
			"line 6: kafka.topic: ${b is no reference: write ${NAME} or ${NAME:-default}, where the default holds no other, or $${ for ${ itself",
			"line 6: kafka.key: ${} is no reference: write ${NAME} or ${NAME:-default}, where the default holds no other, or $${ for ${ itself",
			`line 7: source.timeout: "${SECRET}" is no duration: write 15s, 30m, 1h, a number of seconds, or "30 minutes"`,
			`line 7: source.workers: must be a whole number, not "${SECRET}"`,
		}},
		"default in a default": {minimal + "log: {level: \"${A:-${B}}\"}\n", []string{
			"line 5: log.level: ${A:-${B} is no reference: write ${NAME} or ${NAME:-default}, where the default holds no other, or $${ for ${ itself",
		}},
		"setting given twice": {minimal + "kafka: {topics: {config: {a: 1, b: 2, a: 3}}}\n", []string{
			"line 5: kafka.topics.config.a: is given twice, first in line 5: keep one",
		}},
		"password that begins with an exclamation mark": {minimal + "checkpoint:\n  redis:\n    password: !hunter2\n", []string{
			"line 7: checkpoint.redis.password: begins with !, which YAML takes for a type: put it in quotes",
		}},
		"no end of workers": {minimal + "source: {workers: 1000000000, requests_per_minute: 99999999999999999999}\n", []string{
			`line 5: source.requests_per_minute: must be a whole number, not "99999999999999999999"`,
			"line 5: source.workers: must be from 1 to 100, e.g. 4",
		}},
		"duplicates and ids": {`
tenants:
  - {id: aaaaaaaa-1111-1111-1111-111111111111, name: a, auth: {client_id: a, client_secret: b}}
  - {id: AAAAAAAA-1111-1111-1111-111111111111, name: b, auth: {client_id: a, client_secret: b}}
  - {id: bbbbbbbb-1111-1111-1111-111111111111, name: a, auth: {client_id: a, client_secret: b}}
  - {id: contoso.com, cloud: germany, base_url: manage.office.com, authority: "https://u:p@x", content_types: [Audit.Mail, dlp.all, DLP.All], auth: {method: static, token: t}}
`, []string{
			"line 4: tenants[1].id: tenants[0] has the same: join the two, or correct one",
			"line 5: tenants[2].name: tenants[0] has the same: names tell tenants apart",
			"line 6: tenants[3].id: must be the tenant's GUID, as 11111111-1111-1111-1111-111111111111",
			`line 6: tenants[3].cloud: cloud "germany" is unknown: use one of enterprise, gcc, gcc-high, dod, china`,
			"line 6: tenants[3].base_url: must be scheme and host, as https://manage.office.com",
			"line 6: tenants[3].authority: must hold no user, query or fragment, as https://login.microsoftonline.com",
			`line 6: tenants[3].content_types[0]: content type "Audit.Mail" is unknown: use one of Audit.AzureActiveDirectory, Audit.Exchange, Audit.SharePoint, Audit.General, DLP.All`,
			"line 6: tenants[3].content_types[2]: DLP.All is named twice: keep one",
		}},
		"a general problem is told once": {minimal + "dedupe: {records: some}\n", []string{
			`line 5: dedupe.records: "some" is unknown: use "off" or drop`,
		}},
		"nobody remembers what was published": {minimal + "checkpoint: {kind: file, path: x}\ndedupe: {records: drop}\n", []string{
			"line 6: dedupe.records: drop needs checkpoint.kind: redis, where it is kept which records were published",
		}},
		"a tenant's own problem": {minimal + "    output: {format: elastic}\n", []string{
			`line 5: tenants[0].output.format: "elastic" is unknown: use one of incident, raw, ecs, ocsf`,
		}},
		"the process": {minimal + "http: {listen: 8080}\nlog: {level: loud, format: xml}\nshutdown: {grace: 0s}\nfetch: false\ncontrol: {enabled: false}\n", []string{
			`line 5: http.listen: "8080" is no address: write :8080 or 127.0.0.1:8080, or nothing to serve no pages`,
			`line 6: log.level: "loud" is unknown: use one of debug, info, warn, error`,
			`line 6: log.format: "xml" is unknown: use json or text`,
			"line 7: shutdown.grace: must be more than 0 and at most 1h, e.g. 20s",
			"line 8: fetch: false needs control.enabled: true: there would be nothing to do",
		}},
		"aliases that hold themselves": {"a: &a [*a]", []string{"line 1: the anchor a holds itself"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, problems(t, tc.text)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// The group needs Kafka and Redis: a configuration that has no use for one of them runs alone unless it asks.
func TestGroupWhereItCanBeShared(t *testing.T) {
	for text, want := range map[string]bool{
		"":                                      true,
		"sink: {kind: stdout}":                  false,
		"checkpoint: {kind: file, path: state}": false,
		"sink: {kind: stdout}\ncontrol: {enabled: true}":            true,
		"control: {enabled: false}":                                 false,
		"control: {group_id: another}\nsink: {kind: file, path: x}": false,
	} {
		c, err := config.Parse([]byte(minimal + text + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		if c.Control.Enabled != want {
			t.Errorf("%q: control.enabled is %t", text, c.Control.Enabled)
		}
	}
	got := problems(t, minimal+"checkpoint: {kind: file, path: state}\ncontrol: {enabled: true}\n")
	if len(got) != 1 || !strings.HasPrefix(got[0], "line 6: control.enabled: true needs checkpoint.kind: redis") {
		t.Errorf("a group with a directory: %q", got)
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "connector.yaml")
	if _, err := config.Load(path); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("missing file: %v", err)
	}
	if err := os.WriteFile(path, []byte(minimal), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte(minimal+"fetsch: true"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(path)
	want := "configuration " + path + " is not usable:\n  line 5: fetsch: unknown key: did you mean fetch?"
	if err == nil || err.Error() != want {
		t.Errorf("error = %v\nwant %s", err, want)
	}
}

func FuzzParse(f *testing.F) {
	example, err := os.ReadFile("connector.example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	for _, seed := range []string{
		"", minimal, "a: &a [*a]", "? {a: b}\n: c", "{<<: 1}", "{<<: [1, {a: b}]}", "tenants: [null, 1, {}]", "${A}: ${B}",
		"source: !!binary aGk=", "fetch: !!bool x", "kafka: {topics: {config: {a: {b: c}}}}", "filter: {record_types: {a: 1}}", "---\n...\n---",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		began := time.Now()
		c, err := config.Parse(data)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("took %s", took)
		}
		if err == nil && len(c.Tenants) == 0 {
			t.Error("no error and no tenant")
		}
	})
}
