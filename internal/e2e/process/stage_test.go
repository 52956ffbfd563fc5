// Package process tests the connector as operators run it: its binary as a process, on a real Kafka and a real Redis,
// against an emulated Management Activity API.
package process

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

var binary struct {
	once sync.Once
	path string
	err  error
}

// connectorBinary builds the connector once for all tests.
func connectorBinary(t *testing.T) string {
	t.Helper()
	binary.once.Do(func() {
		dir, err := os.MkdirTemp("", "connector-e2e-")
		if err != nil {
			binary.err = err
			return
		}
		binary.path = filepath.Join(dir, "connector")
		out, err := exec.Command("go", "build", "-o", binary.path, "o365-kafka-connector/cmd/connector").CombinedOutput()
		if err != nil {
			binary.err = fmt.Errorf("build connector: %w\n%s", err, out)
		}
	})
	if binary.err != nil {
		t.Fatal(binary.err)
	}
	return binary.path
}

func TestMain(m *testing.M) {
	code := m.Run()
	if binary.path != "" {
		_ = os.RemoveAll(filepath.Dir(binary.path))
	}
	os.Exit(code)
}

// delivery is one message on the topic of events.
type delivery struct {
	tenant, contentType string
	created             time.Time     // contentCreated
	lag                 time.Duration // contentCreated to the broker's timestamp
}

// stage is an emulator, services and a configuration between them.
type stage struct {
	t      *testing.T
	api    *emulator.Emulator
	url    string
	topic  string
	config string
	tally  *emulator.Tally

	mu         sync.Mutex // guards the following
	deliveries []delivery
}

// parts are what a stage is made of.
type parts struct {
	name     string // of this stage, if a test has several
	page     string // address of the status page; empty: any
	emulator emulator.Config
	kafka    []string
	redis    string
	tenants  string // YAML; {url} stands for the emulator's address
	settings string // further YAML
}

const oneTenant = `
  - id: ` + emulator.DefaultTenantID + `
    name: contoso
    base_url: {url}
    authority: {url}
    auth: {client_id: ` + emulator.DefaultClientID + `, client_secret: ` + emulator.DefaultClientSecret + `}
`

func newStage(t *testing.T, p parts) *stage {
	t.Helper()
	api := emulator.New(p.emulator)
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	name := testbed.Name(t) + p.name
	if p.page == "" {
		p.page = "127.0.0.1:0"
	}
	s := &stage{t: t, api: api, url: server.URL, topic: name + ".incidents", tally: emulator.NewTally()}
	if p.tenants == "" {
		p.tenants = oneTenant
	}
	text := fmt.Sprintf(`
tenants:%s
kafka:
  brokers: ["%s"]
  topic: %s
  dead_letter_topic: %s.dead-letters
  status_topic: %s.status
  topics: {partitions: 3}
  transaction: {blobs: 20}
checkpoint: {key_prefix: "%s:", redis: {addresses: ["%s"]}}
http: {listen: "%s"}
control: {instance_id: %s}
%s`, strings.ReplaceAll(p.tenants, "{url}", s.url), strings.Join(p.kafka, `","`), s.topic, name, name, name, p.redis,
		p.page, name, p.settings)
	s.config = filepath.Join(t.TempDir(), "connector.yaml")
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.consume(p.kafka)
	return s
}

// consume reads the topic of events in the background, with a client of another make.
func (s *stage) consume(brokers []string) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(s.topic), kgo.UnknownTopicRetries(-1),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(200*time.Millisecond))
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var reading sync.WaitGroup
	reading.Go(func() {
		for ctx.Err() == nil {
			client.PollFetches(ctx).EachRecord(s.take)
		}
	})
	s.t.Cleanup(func() {
		cancel()
		client.Close()
		reading.Wait()
	})
}

func (s *stage) take(r *kgo.Record) {
	header := map[string]string{}
	for _, h := range r.Headers {
		header[h.Key] = string(h.Value)
	}
	s.tally.Add(header["content_id"], header["record_id"])
	created, err := time.Parse(time.RFC3339Nano, header["content_created"])
	if err != nil {
		s.t.Errorf("header content_created: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deliveries = append(s.deliveries, delivery{header["tenant"], header["content_type"], created, r.Timestamp.Sub(created)})
}

// connector is a running process.
type connector struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  string
	done chan error
}

func (s *stage) start() *connector {
	s.t.Helper()
	logFile, err := os.CreateTemp(s.t.TempDir(), "connector-*.log")
	if err != nil {
		s.t.Fatal(err)
	}
	c := &connector{t: s.t, cmd: exec.Command(connectorBinary(s.t), "run", "--config", s.config), done: make(chan error, 1)}
	c.log = logFile.Name()
	c.cmd.Stdout, c.cmd.Stderr = logFile, logFile
	if err := c.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		c.done <- c.cmd.Wait()
		_ = logFile.Close()
	}()
	s.t.Cleanup(func() { c.end(syscall.SIGKILL) })
	return c
}

// end sends the signal and waits for the process.
func (c *connector) end(signal syscall.Signal) error {
	if c.cmd.ProcessState != nil {
		return nil
	}
	_ = c.cmd.Process.Signal(signal)
	select {
	case err := <-c.done:
		c.done <- err
		return err
	case <-time.After(30 * time.Second):
		_ = c.cmd.Process.Kill()
		return fmt.Errorf("process still runs 30 s after %s", signal)
	}
}

func (c *connector) tail() string {
	text, _ := os.ReadFile(c.log)
	return string(text[max(0, len(text)-4000):])
}

// settled waits until nothing is owed any more.
func (s *stage) settled(c *connector, limit time.Duration) emulator.Verdict {
	s.t.Helper()
	end := time.Now().Add(limit)
	for {
		v := s.tally.Compare(s.api.Truth("", ""), nil)
		if v.Lost == 0 {
			return v
		}
		select {
		case err := <-c.done:
			c.done <- err
			s.t.Fatalf("connector ended by itself: %v\n%s", err, c.tail())
		case <-time.After(200 * time.Millisecond):
		}
		if time.Now().After(end) {
			s.t.Fatalf("still missing after %s: %+v\n%s", limit, v, c.tail())
		}
	}
}
