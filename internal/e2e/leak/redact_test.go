package leak

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

// planter puts marks into the records that the emulator serves.
type planter struct {
	next   http.Handler
	fields map[string]json.RawMessage // members that every record gets
	broken string                     // what makes every eighth blob no JSON
	blobs  atomic.Int64
}

// ServeHTTP changes the blobs, and nothing else.
func (p *planter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.URL.Path, "/activity/feed/audit/") {
		p.next.ServeHTTP(w, r)
		return
	}
	answer := httptest.NewRecorder()
	p.next.ServeHTTP(answer, r)
	body := answer.Body.Bytes()
	var records []map[string]json.RawMessage
	if json.Unmarshal(body, &records) == nil {
		body = p.plant(records, p.blobs.Add(1))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body)
}

// plant marks records; some are made larger than one topic takes, some larger than any.
func (p *planter) plant(records []map[string]json.RawMessage, blob int64) []byte {
	for i, r := range records {
		for name, value := range p.fields {
			r[name] = value
		}
		if size := map[int]int{1: 4000, 2: 12_000}[i]; size > 0 {
			r["Padding"] = json.RawMessage(`"` + strings.Repeat("x", size) + `"`)
		}
	}
	body, _ := json.Marshal(records)
	switch {
	case blob%8 == 7: // the marks before are read, what follows them is not JSON
		return append(bytes.TrimSuffix(body, []byte("}]")), `,"UserId": `+p.broken+`}]`...)
	case blob%8 == 3:
		return append(bytes.TrimSuffix(body, []byte("]")), `,"`+p.broken+`",["`+p.broken+`"]]`...)
	default:
		return body
	}
}

// redacted are the fields of a run, by their paths; %s stands for the mark.
type redacted map[string]string

// people are fields by which no mapping goes.
var people = redacted{
	"UserId":              `"%s@contoso.example"`,
	"UserKey":             `"%s"`,
	"remove:ObjectId":     `"https://contoso.example/%s.docx"`,
	"ClientIP":            `"%s"`,
	"ResultStatus":        `"%s"`,
	"Actor.ID":            `[{"ID":"%s","Type":5}]`,
	"Parameters.Password": `[{"Name":"Password","Value":"%s"}]`,
	"Data.user":           `"{\"user\":\"%s\"}"`,
	"**.Subject":          `{"Deeper":[{"Subject":"%s"}]}`, // of the member Item
}

// place returns the member that a path begins with.
func place(path string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "remove:"), ".")
	if name == "**" {
		return "Item"
	}
	return name
}

// all are those of people, and what decides where an event goes and what it is called.
func all() redacted {
	more := redacted{"Id": `"%s"`, "Operation": `"%s"`, "Workload": `"%s"`, "RecordType": `"%s"`, "OrganizationId": `"%s"`}
	for path, value := range people {
		more[path] = value
	}
	return more
}

// planted is an API with marks in its records.
type planted struct {
	url     string
	section string // redact, of the configuration
	records string // what a file of records may hold
}

// plant starts the API with a mark in each field.
func (s *stand) plant(fields redacted) planted {
	s.t.Helper()
	p := &planter{fields: map[string]json.RawMessage{}, broken: s.shelf.markPlain("text that is no JSON"), next: emulator.New(emulator.Config{
		Seed: 5, Rate: 40, BacklogRecords: 1500, RecordsPerBlob: 6,
	})}
	p.fields["SensitiveInfo"] = json.RawMessage(`{"SensitiveInformationDetections":{"DetectedValues":[{"Name":"` + s.shelf.markPlain("DLP value") + `"}]}}`)
	var paths []string
	for path, value := range fields {
		paths = append(paths, path)
		p.fields[place(path)] = json.RawMessage(fmt.Sprintf(value, s.shelf.markPlain(path)))
	}
	server := httptest.NewServer(p)
	s.t.Cleanup(server.Close)
	list, _ := json.Marshal(paths)
	record, _ := json.Marshal(p.fields)
	return planted{
		url: server.URL, section: fmt.Sprintf("redact: {fields: %s, dlp: hash, key: 0123456789abcdef}", list),
		records: fmt.Sprintf("%s\n%q\n%s is no JSON\n{\"Id\": %[3]s\n", record, p.broken, p.broken),
	}
}

// TestRedactedFieldsAreNowhere plants a mark in each field that is redacted, and looks for it in all that the connector
// publishes, answers, writes and says.
func TestRedactedFieldsAreNowhere(t *testing.T) {
	t.Run("all fields on Kafka", func(t *testing.T) { t.Parallel(); redactedOnKafka(t, all()) })
	t.Run("people on Kafka", func(t *testing.T) { t.Parallel(); redactedOnKafka(t, people) })
	for _, kind := range []string{"stdout", "file"} {
		t.Run(kind, func(t *testing.T) { t.Parallel(); redactedAsLines(t, kind) })
	}
}

// limitedTopic makes a topic that refuses larger messages.
func (s *stand) limitedTopic(b *testbed.Broker, kind, limit string) {
	s.t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(b.Addresses()...)}
	answer, err := client.CreateTopics(s.t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic: s.name + "." + kind, NumPartitions: 1, ReplicationFactor: 1,
		ConfigEntries: []kafka.ConfigEntry{{ConfigName: "max.message.bytes", ConfigValue: limit}},
	}}})
	if err != nil || answer.Errors[s.name+"."+kind] != nil {
		s.t.Fatalf("create topic: %v, %+v", err, answer)
	}
}

func redactedOnKafka(t *testing.T, fields redacted) {
	s := newStand(t)
	api, dedupe := s.plant(fields), "drop"
	if fields["Id"] != "" { // the same one for all, which would be copies
		dedupe = "off"
	}
	broker := testbed.Kafka(t)
	s.limitedTopic(broker, "incident", "3500")
	s.limitedTopic(broker, "dead-letters", "9000")
	config := s.file("connector.yaml", fmt.Sprintf(`
tenants:
  - {id: %[1]s, name: contoso, base_url: %[2]q, authority: %[2]q, auth: {client_id: %[3]s, client_secret: %[4]s}}
source: {poll_interval: 500ms, requests_per_minute: 60000}
outputs:
  - {format: raw, topic: "%[5]s.raw.{workload}.{record_type}", cloudevents: true}
  - {format: incident, topic: %[5]s.incident, key: user}
  - {format: ecs, topic: %[5]s.ecs, key: user}
  - {format: ocsf, topic: %[5]s.ocsf, raw_data: true, cloudevents: true}
kafka:
  brokers: [%[6]q]
  compression: none
  topics: {partitions: 1}
  dead_letter_topic: %[5]s.dead-letters
  status_topic: %[5]s.status
  journal_topic: %[5]s.journal
checkpoint: {key_prefix: "%[5]s:", redis: {addresses: [%[7]q]}}
control: {topic: %[5]s.control, reply_topic: %[5]s.replies, group_id: "%[5]s", instance_id: one, partitions: 1}
dedupe: {records: %[8]q}
http: {listen: %[9]q}
log: {level: debug}
%[10]s
`, emulator.DefaultTenantID, api.url, emulator.DefaultClientID, emulator.DefaultClientSecret, s.name, broker.Address(), testbed.Redis(t).Addr,
		dedupe, s.page, api.section))
	count := s.read(broker.Address())
	end := s.run(config)
	s.until("events in each format, dead letters and blobs that are no JSON", func() bool {
		return count("incident") > 50 && count("ecs") > 50 && count("ocsf") > 50 && count("dead-letters") > 20 &&
			strings.Contains(s.heard("/api/status"), "pending_blobs") && strings.Contains(s.heard("log"), "malformed")
	})
	records := s.file("records.jsonl", api.records)
	for _, command := range [][]string{
		{"status", "--output", "json"},
		{"list-content", "Audit.Exchange", "--output", "json", "--timeout", "10"},
		{"list-content", "Audit.General", "--timeout", "10"},
		{"list-content", "Audit.AzureActiveDirectory", "--via-kafka"},
		{"redrive", "Audit.Exchange"},
		{"checkpoint", "show", "--output", "json"},
		{"diagnose"},
		{"transform", "--format", "raw", records},
		{"transform", "--format", "incident", records},
		{"transform", "--format", "ecs", records},
		{"transform", "--format", "ocsf", records},
		{"transform", "--format", "ecs", "--explain", records},
		{"transform", "--format", "ocsf", "--explain", records},
	} {
		s.call(append(command, "--config", config)...)
	}
	s.visit()
	end(syscall.SIGTERM)
	for where, text := range map[string]string{
		s.name + ".dead-letters": "too-large", "connector list-content Audit.Exchange": "hmac-sha256:", s.name + ".replies": "hmac-sha256:",
		s.name + ".incident": "hmac-sha256:", "connector transform": "hmac-sha256:",
	} {
		if !strings.Contains(s.heard(where), text) {
			t.Errorf("%s does not say %q: the run was not what it should be: %.300s", where, text, s.heard(where))
		}
	}
	s.judge()
}

func redactedAsLines(t *testing.T, kind string) {
	s := newStand(t)
	api := s.plant(all())
	path, setting := filepath.Join(s.dir, "events.jsonl"), ""
	if kind == "file" {
		setting = fmt.Sprintf(", path: %q", path)
	}
	config := s.file("connector.yaml", fmt.Sprintf(`
tenants:
  - {id: %[1]s, name: contoso, base_url: %[2]q, authority: %[2]q, auth: {client_id: %[3]s, client_secret: %[4]s}}
source: {poll_interval: 500ms}
outputs: [{format: raw}, {format: incident}, {format: ecs}, {format: ocsf, raw_data: true}]
sink: {kind: %[5]s%[6]s}
checkpoint: {kind: file, path: %[7]q}
control: {enabled: false}
http: {listen: %[8]q}
log: {level: debug}
%[9]s
`, emulator.DefaultTenantID, api.url, emulator.DefaultClientID, emulator.DefaultClientSecret, kind, setting, filepath.Join(s.dir, "state"), s.page, api.section))
	end := s.run(config)
	s.until("events", func() bool {
		if kind == "stdout" {
			return strings.Count(s.heard("log"), "hmac-sha256:") > 500
		}
		text, _ := os.ReadFile(path)
		return bytes.Count(text, []byte("\n")) > 500
	})
	end(syscall.SIGTERM)
	_ = filepath.WalkDir(s.dir, func(name string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			text, _ := os.ReadFile(name)
			s.hear(name, text)
		}
		return err
	})
	s.judge()
}
