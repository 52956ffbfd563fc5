// Package commands tests the commands end to end: sent by the command line, by the command line over Kafka, and by a
// plain Kafka producer, to processes of the connector that share a group on a real Kafka and a real Redis.
package commands

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/twmb/franz-go/pkg/kgo"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

func TestMain(m *testing.M) { stage.Main(m) }

const (
	first  = emulator.DefaultTenantID
	second = "33333333-3333-3333-3333-333333333333"
)

// quick has streams and the group notice everything soon.
const (
	quick = `
source: {poll_interval: 500ms, timeout: 5s, sweep: {interval: 5s}, requests_per_minute: 60000, proxy: false}
shutdown: {grace: 10s}
`
	quickGroup = "session_timeout: 3s, heartbeat_interval: 200ms"
)

// reply is a part of an answer, as it stands on the reply topic.
type reply struct {
	ID            string          `json:"id"`
	Command       string          `json:"command"`
	Tenant        string          `json:"tenant"`
	Status        string          `json:"status"`
	Outcome       string          `json:"outcome"`
	HumanReadable string          `json:"human_readable"`
	Context       json.RawMessage `json:"context"`
	Error         *problem        `json:"error"`
	Part          int             `json:"part"`
	Last          bool            `json:"last"`

	value string // the whole message
}

type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// told is a message on the status topic.
type told struct {
	key         string
	Instance    string `json:"instance"`
	Tenant      string `json:"tenant"`
	ContentType string `json:"content_type"`
	Kind        string `json:"kind"`
	From        string `json:"from"`
	To          string `json:"to"`
	Cause       string `json:"cause"`
	Message     string `json:"message"`
}

// rig is a stage, and what its connectors write.
type rig struct {
	*stage.Stage
	t        *testing.T
	cli      string // configuration for the command line
	producer *kgo.Client
	commands *jsonschema.Schema
	*seen
}

// seen is what was read from Kafka.
type seen struct {
	mu       sync.Mutex         // guards the following
	replies  map[string][]reply // by id
	statuses []told
	letters  map[string]bool           // content ids of dead letters
	control  []*kgo.Record             // everything on the control topic
	again    map[string]map[string]int // events of a back-fill: record ids
}

// in returns the same rig for a part of its test.
func (r *rig) in(t *testing.T) *rig {
	part := *r
	part.Stage, part.t = r.In(t), t
	return &part
}

// newRig sets up a stage with the shared Kafka. Without a Redis it gets one of its own.
func newRig(t *testing.T, p stage.Parts) *rig {
	t.Helper()
	r := &rig{
		t: t, commands: schema(t, "command.schema.json"),
		seen: &seen{replies: map[string][]reply{}, letters: map[string]bool{}, again: map[string]map[string]int{}},
	}
	p.Kafka, p.Event = testbed.Kafka(t).Addresses(), r.event
	if p.Redis == "" {
		p.Redis = testbed.Redis(t).Addr
	}
	p.Settings += quick
	p.Control = quickGroup + ", " + p.Control
	r.Stage = stage.New(t, p)
	r.cli = r.Config("cli", "", "")
	r.producer = r.Client(kgo.ProducerBatchMaxBytes(4 << 20))
	answers := schema(t, "reply.schema.json")
	r.Read(r.Topic("replies"), func(k *kgo.Record) { r.takeReply(answers, k) })
	r.Read(r.Topic("status"), r.takeStatus)
	r.Read(r.Topic("control"), func(k *kgo.Record) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.control = append(r.control, k)
	})
	r.Read(r.Topic("dead-letters"), func(k *kgo.Record) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.letters[stage.Header(k, "content_id")] = true
	})
	return r
}

func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(filepath.Join("..", "..", "..", "docs", "schemas", name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (r *rig) event(k *kgo.Record) {
	id := stage.Header(k, "backfill")
	if id == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.again[id] == nil {
		r.again[id] = map[string]int{}
	}
	r.again[id][stage.Header(k, "record_id")]++
}

// takeReply keeps a reply; each that is ever seen has to keep to the schema.
func (r *rig) takeReply(s *jsonschema.Schema, k *kgo.Record) {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(k.Value)))
	if err == nil {
		err = s.Validate(v)
	}
	one := reply{value: string(k.Value)}
	if err == nil {
		err = json.Unmarshal(k.Value, &one)
	}
	if err != nil || one.ID != string(k.Key) {
		r.t.Errorf("reply with key %s: %v: %.500s", k.Key, err, k.Value)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.replies[one.ID] = append(r.replies[one.ID], one)
}

func (r *rig) takeStatus(k *kgo.Record) {
	one := told{key: string(k.Key)}
	if err := json.Unmarshal(k.Value, &one); err != nil {
		r.t.Errorf("status message %s: %v", k.Value, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statuses = append(r.statuses, one)
}

// statusesOf returns the status messages of a kind that a test picks.
func (r *rig) statusesOf(kind string, pick func(told) bool) []told {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []told
	for _, s := range r.statuses {
		if s.Kind == kind && pick(s) {
			out = append(out, s)
		}
	}
	return out
}

// produce writes a message to the control topic, with Kafka's own choice of its partition, and returns where it stands.
func (r *rig) produce(key, value string, headers ...kgo.RecordHeader) *kgo.Record {
	r.t.Helper()
	k := &kgo.Record{Topic: r.Topic("control"), Value: []byte(value), Headers: headers}
	if key != "" {
		k.Key = []byte(key)
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	if err := r.producer.ProduceSync(ctx, k).FirstErr(); err != nil {
		r.t.Fatalf("produce command: %v", err)
	}
	return k
}

// message is a command, with a new id if it has none, and that id.
func (r *rig) message(fields map[string]any) (id, value string) {
	r.t.Helper()
	id, _ = fields["id"].(string)
	if id == "" {
		id = "e2e-" + strings.ToLower(rand.Text()[:10])
		fields["id"] = id
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		r.t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
	if err == nil {
		err = r.commands.Validate(v)
	}
	if err != nil {
		r.t.Errorf("%s does not keep to the schema: %v", raw, err)
	}
	return id, string(raw)
}

// answer waits for the n-th whole answer to a command, from 1.
func (r *rig) answer(id string, n int) []reply {
	r.t.Helper()
	var out []reply
	r.Until(time.Minute, fmt.Sprintf("answer %d to command %s", n, id), func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		out = nil
		seen := 0
		for _, one := range r.replies[id] {
			if one.Part == 1 {
				out, seen = nil, seen+1
			}
			out = append(out, one)
			if one.Last && seen == n {
				return true
			}
		}
		return false
	}, nil)
	return out
}

// ask sends a command and waits for its answer, which has to come in one part.
func (r *rig) ask(key string, fields map[string]any, headers ...kgo.RecordHeader) reply {
	r.t.Helper()
	id, value := r.message(fields)
	r.produce(key, value, headers...)
	parts := r.answer(id, 1)
	if len(parts) != 1 {
		r.t.Fatalf("command %s was answered in %d parts", id, len(parts))
	}
	return parts[0]
}

// want fails the test if a reply has another outcome.
func (a reply) want(t *testing.T, outcome string) reply {
	t.Helper()
	if a.Outcome != outcome {
		t.Errorf("%s is answered %s, want %s: %s", a.Command, a.Outcome, outcome, a.HumanReadable)
	}
	return a
}

// member and line are what /api/status tells.
type member struct {
	ID, Host string
	Since    time.Time
	Streams  []string
}

type line struct {
	Tenant      string     `json:"tenant"`
	ContentType string     `json:"content_type"`
	State       string     `json:"state"`
	Owner       string     `json:"owner"`
	Watermark   *time.Time `json:"watermark"`
	Gaps        []gapLine  `json:"gaps"`
}

type gapLine struct {
	From  time.Time  `json:"from"`
	To    *time.Time `json:"to"`
	Cause string     `json:"cause"`
}

func (l line) key() string { return l.Tenant + "/" + l.ContentType }

type page struct {
	Instance string
	Members  []member
	Streams  []line
}

// pageOf is what an instance tells of the whole group; it is empty if the instance does not answer.
func pageOf(c *stage.Connector) (p page) {
	code, body := c.Get("/api/status")
	if code != 200 || json.Unmarshal(body, &p) != nil {
		return page{}
	}
	return p
}

// lineOf is what an instance tells of a stream.
func lineOf(c *stage.Connector, key string) line {
	for _, l := range pageOf(c).Streams {
		if l.key() == key {
			return l
		}
	}
	return line{}
}

// settled waits until the instances agree on who runs every stream, each at least one, and returns the owners by
// stream.
func (r *rig) settled(streams int, instances ...*stage.Connector) map[string]string {
	r.t.Helper()
	owners := map[string]string{}
	r.Until(time.Minute, "the instances agree on the owners", func() bool {
		clear(owners)
		var names []string
		for _, c := range instances {
			c.MustRun()
			p := pageOf(c)
			if len(p.Members) != len(instances) || len(p.Streams) != streams {
				return false
			}
			for _, l := range p.Streams {
				if l.Owner == "" || owners[l.key()] != "" && owners[l.key()] != l.Owner {
					return false
				}
				owners[l.key()] = l.Owner
			}
			names = append(names, c.Instance)
		}
		for _, owner := range owners {
			if !slices.Contains(names, owner) {
				return false
			}
		}
		return true
	}, func() string {
		var text strings.Builder
		for _, c := range instances {
			fmt.Fprintf(&text, "%s: %+v\n%s\n", c.Instance, pageOf(c), c.Tail())
		}
		return text.String()
	})
	return owners
}

// delivered is how many records a back-fill has delivered.
func (r *rig) delivered(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.again[id])
}

// fault adds a fault to the emulator's.
func (r *rig) fault(f emulator.Fault) {
	raw, err := f.MarshalJSON()
	if err != nil {
		r.t.Fatal(err)
	}
	answer, err := http.Post(r.URL+"/faults", "application/json", bytes.NewReader(append(append([]byte("["), raw...), ']')))
	if err != nil {
		r.t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode >= 300 {
		r.t.Fatalf("emulator: %s", answer.Status)
	}
}
