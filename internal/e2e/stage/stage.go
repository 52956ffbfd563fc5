// Package stage sets up what tests of the connector as a process need: an emulated Management Activity API, topics on a
// real Kafka, keys in a real Redis, and the connector's binary with a configuration between them.
package stage

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

// Parts are what a stage is made of.
type Parts struct {
	Name     string // of this stage, if a test has several
	Emulator emulator.Config
	Kafka    []string          // brokers
	Access   string            // how the connector reaches Kafka, entries of the section kafka, YAML; default: the brokers, without security
	Redis    string            // host:port
	Tenants  string            // YAML; {url} stands for the emulator's address, {name} for the stage's. Default: Tenant of the emulator's default one
	Settings string            // further sections of the configuration, YAML
	Control  string            // further entries of the section control, as "max_age: 4s, allow: [status]"
	Delivery string            // kafka.delivery; default exactly-once
	Event    func(*kgo.Record) // hears of every event, from one goroutine; may be nil
}

// Stage is an emulator, services, and the configuration between them.
type Stage struct {
	API     *emulator.Emulator
	URL     string // of the emulator
	Name    string // begins the names of all topics, is the group's and the keys' in Redis
	Brokers []string
	Tally   *emulator.Tally // of the events on Kafka

	t      *testing.T
	parts  Parts
	dir    string
	binary string // default: what Binary builds
}

// Tenant is the entry of a tenant in the configuration, with the emulator's default credentials.
func Tenant(id, name string) string {
	return fmt.Sprintf(`
  - id: %s
    name: %s
    base_url: {url}
    authority: {url}
    auth: {client_id: %s, client_secret: %s}
`, id, name, emulator.DefaultClientID, emulator.DefaultClientSecret)
}

// New sets up a stage that nobody plays on yet. What it starts ends with the test.
func New(t *testing.T, p Parts) *Stage {
	t.Helper()
	if p.Tenants == "" {
		p.Tenants = Tenant(emulator.DefaultTenantID, "contoso")
	}
	s := &Stage{
		API: emulator.New(p.Emulator), Name: testbed.Name(t) + p.Name, Brokers: p.Kafka, Tally: emulator.NewTally(),
		t: t, parts: p, dir: t.TempDir(),
	}
	server := httptest.NewServer(s.API)
	t.Cleanup(server.Close)
	s.URL = server.URL
	s.Read(s.Topic("incidents"), s.event)
	return s
}

// In returns the same stage for a part of its test.
func (s *Stage) In(t *testing.T) *Stage {
	part := *s
	part.t = t
	return &part
}

// Topic is the full name of a topic: incidents, dead-letters, status, journal, control or replies.
func (s *Stage) Topic(kind string) string { return s.Name + "." + kind }

// Config writes the configuration of an instance and returns its path. Page is the address of its status page.
func (s *Stage) Config(instance, page, settings string) string {
	s.t.Helper()
	text := fmt.Sprintf(`
tenants:%s
kafka:
  %s
  topic: %s
  dead_letter_topic: %s
  status_topic: %s
  journal_topic: %s
  topics: {partitions: 3}
  transaction: {blobs: 20}
  delivery: %s
checkpoint: {key_prefix: "%s:", redis: {addresses: ["%s"]}}
http: {listen: "%s"}
control: {instance_id: "%s", topic: %s, reply_topic: %s, group_id: "%s", %s}
`, strings.NewReplacer("{url}", s.URL, "{name}", s.Name).Replace(s.parts.Tenants),
		cmp.Or(s.parts.Access, `brokers: ["`+strings.Join(s.Brokers, `","`)+`"]`), s.Topic("incidents"),
		s.Topic("dead-letters"), s.Topic("status"), s.Topic("journal"), cmp.Or(s.parts.Delivery, "exactly-once"), s.Name, s.parts.Redis, page,
		instance, s.Topic("control"), s.Topic("replies"), s.Name, s.parts.Control)
	path := filepath.Join(s.dir, instance+".yaml")
	if err := os.WriteFile(path, []byte(text+s.parts.Settings+settings), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// event counts an event.
func (s *Stage) event(r *kgo.Record) {
	s.Tally.Add(Header(r, "content_id"), Header(r, "record_id"))
	if s.parts.Event != nil {
		s.parts.Event(r)
	}
}

// Settled waits until nothing is owed any more of what was offered and can be read. The connectors have to run on.
func (s *Stage) Settled(limit time.Duration, running ...*Connector) emulator.Verdict {
	s.t.Helper()
	var v emulator.Verdict
	s.Until(limit, "everything is delivered", func() bool {
		for _, c := range running {
			c.MustRun()
		}
		v = s.Tally.Compare(s.API.Truth("", ""), nil)
		return v.Lost == 0
	}, func() string {
		text := fmt.Sprintf("%+v", v)
		for _, c := range running {
			_, page := c.Get("/api/status")
			text += fmt.Sprintf("\n%s\n%s", page, c.Tail())
		}
		return text
	})
	return v
}

// Until waits for a condition; more, which may be nil, says what else is to be known if it never comes true.
func (s *Stage) Until(limit time.Duration, what string, is func() bool, more func() string) {
	s.t.Helper()
	for end := time.Now().Add(limit); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().Before(end) {
			continue
		}
		text := ""
		if more != nil {
			text = ": " + more()
		}
		s.t.Fatalf("not within %s: %s%s", limit, what, text)
	}
}

// FreeAddress is an address that nobody listens on. Its port is none of those that systems choose for connections, so
// that none of the many that tests open takes it before it is used.
func FreeAddress(t *testing.T) string {
	t.Helper()
	const first, ports, tries = 12_000, 18_000, 100
	for try := 0; ; try++ {
		address := fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(ports))
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
		if err == nil {
			_ = l.Close()
			return address
		}
		if try == tries {
			t.Fatal(err)
		}
	}
}
