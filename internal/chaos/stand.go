package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"o365-kafka-connector/internal/emulator"
)

// name begins the names of all topics, and is the group's.
const name = "chaos"

// The topics that are read.
const (
	eventTopic   = name + ".incidents"
	letterTopic  = name + ".dead-letters"
	statusTopic  = name + ".status"
	journalTopic = name + ".journal"
	controlTopic = name + ".control"
	replyTopic   = name + ".replies"
)

const sessionTimeout = 3 * time.Second

// stand is everything that a run needs, and harms.
type stand struct {
	options  Options
	told     *timeline
	dir      string
	api      *emulator.Emulator
	apiLinks []*Link // by instance
	kafka    *brokers
	redis    *pair
	all      []*connector
	checker  *Checker
	reader   *reader
	server   *http.Server
	serving  sync.WaitGroup
}

// mix are the emulator's faults: Mix with pages that are not so tiny that sweeps cost more than all the rest, blobs that
// have expired, and elements that are no records.
func mix() []emulator.Fault {
	var all []emulator.Fault
	for _, f := range emulator.Mix() {
		if f.Kind == emulator.PageSize {
			f.Count = 40
		}
		all = append(all, f)
	}
	return append(all,
		emulator.Fault{Kind: emulator.ExpiredListed, Probability: 0.01},
		emulator.Fault{Kind: emulator.BadRecord, Probability: 0.02})
}

func newStand(ctx context.Context, o Options, told *timeline) (s *stand, err error) {
	s = &stand{options: o, told: told, checker: NewChecker()}
	s.checker.Drop = o.Drop
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "connector-chaos-"); err != nil {
		return s, fmt.Errorf("make directory: %w", err)
	}
	if s.kafka, err = startBrokers(ctx, o.Connectors); err != nil {
		return s, err
	}
	if s.redis, err = startPair(ctx, s.dir); err != nil {
		return s, err
	}
	if err := s.startAPI(); err != nil {
		return s, err
	}
	s.reader, err = newReader(s.kafka.Addresses(), s.take, eventTopic, letterTopic, statusTopic)
	if err != nil {
		return s, err
	}
	return s, s.startConnectors(ctx)
}

func (s *stand) startAPI() error {
	s.api = emulator.New(emulator.Config{
		Seed: s.options.Seed, BacklogRecords: s.options.Backlog, Backlog: 40 * time.Minute, Rate: s.options.Rate,
		RecordsPerBlob: 15, Faults: mix(),
	})
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // answers at once
	if err != nil {
		return fmt.Errorf("listen for the API: %w", err)
	}
	s.server = &http.Server{Handler: s.api, ReadHeaderTimeout: time.Minute}
	s.serving.Go(func() { _ = s.server.Serve(l) }) // until close
	for range s.options.Connectors {
		k, err := NewLink()
		if err != nil {
			return err
		}
		k.Lead(l.Addr().String())
		s.apiLinks = append(s.apiLinks, k)
	}
	return nil
}

func (s *stand) startConnectors(ctx context.Context) error {
	program := s.options.Connector
	if program == "" {
		program = filepath.Join(s.dir, "connector")
		out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "o365-kafka-connector/cmd/connector").CombinedOutput()
		if err != nil {
			return fmt.Errorf("build connector: %w: %s", err, out)
		}
	}
	for i := range s.options.Connectors {
		c := &connector{name: instanceName(i), program: program, dir: s.dir, told: s.told}
		c.config = filepath.Join(s.dir, c.name+".yaml")
		if err := os.WriteFile(c.config, []byte(s.settings(i)), 0o600); err != nil {
			return fmt.Errorf("write configuration: %w", err)
		}
		s.all = append(s.all, c)
		if err := c.start(); err != nil {
			return err
		}
	}
	return nil
}

// settings writes the configuration of an instance.
func (s *stand) settings(i int) string {
	var brokers []string
	for _, k := range s.kafka.links[i] {
		brokers = append(brokers, k.Addr())
	}
	dedupe := "off"
	if s.options.Drop {
		dedupe = "drop"
	}
	return fmt.Sprintf(`
tenants:
  - id: %[1]s
    name: contoso
    base_url: http://%[2]s
    authority: http://%[2]s
    auth: {client_id: %[3]s, client_secret: %[4]s}
source: {poll_interval: 1s, timeout: 5s, sweep: {interval: 10s}, requests_per_minute: 60000}
kafka:
  brokers: ["%[5]s"]
  topic: %[6]s
  dead_letter_topic: %[7]s
  status_topic: %[8]s
  journal_topic: %[9]s
  topics: {partitions: 3, replication_factor: 3}
  transaction: {blobs: 10, timeout: 15s}
  delivery: %[10]s
checkpoint: {key_prefix: "%[11]s:", redis: {addresses: ["%[12]s"], sentinel_master: %[13]s}}
dedupe: {records: %[18]q}
http: {listen: ""}
shutdown: {grace: 10s}
control: {instance_id: "%[14]s", topic: %[15]s, reply_topic: %[16]s, group_id: %[11]s, partitions: 6, session_timeout: %[17]s, heartbeat_interval: 300ms}
`, emulator.DefaultTenantID, s.apiLinks[i].Addr(), emulator.DefaultClientID, emulator.DefaultClientSecret,
		strings.Join(brokers, `","`), eventTopic, letterTopic, statusTopic, journalTopic, s.options.Delivery, name,
		s.redis.sentinel.Addr, masterName, instanceName(i), controlTopic, replyTopic, sessionTimeout, dedupe)
}

func instanceName(i int) string { return string(rune('a' + i)) }

// take hears of every committed record.
func (s *stand) take(r *kgo.Record) {
	switch r.Topic {
	case eventTopic:
		s.checker.Delivered(header(r, "content_id"), header(r, "record_id"), placeOf(r))
	case letterTopic:
		s.checker.Letter(header(r, "content_id"), placeOf(r))
	case statusTopic:
		s.takeStatus(r)
	}
}

// takeStatus hears of every status message.
func (s *stand) takeStatus(r *kgo.Record) {
	var m struct {
		Kind        string
		ContentType string `json:"content_type"`
		From, To    time.Time
		Count       int
		Instance    string
		Message     string
	}
	if err := json.Unmarshal(r.Value, &m); err != nil || m.Kind != "gap" {
		return
	}
	s.checker.Gap(Gap{ContentType: m.ContentType, From: m.From, To: m.To, Count: m.Count})
	s.told.note("%s tells of a gap in %s: %s", m.Instance, m.ContentType, m.Message)
}

func (s *stand) verdict() Verdict { return s.checker.Compare(s.api.Truth("", "")) }

// close ends everything. The directory stays.
func (s *stand) close() error {
	var errs []error
	for _, c := range s.all {
		c.close()
	}
	if s.reader != nil {
		s.reader.close()
	}
	for _, k := range s.apiLinks {
		errs = append(errs, k.Close())
	}
	if s.server != nil {
		errs = append(errs, s.server.Close())
		s.serving.Wait()
	}
	if s.redis != nil {
		errs = append(errs, s.redis.close())
	}
	if s.kafka != nil {
		errs = append(errs, s.kafka.close())
	}
	return errors.Join(errs...)
}
