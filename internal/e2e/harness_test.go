// Package e2e tests the connector from the outside: a whole daemon on one side, what it asked for and what it
// delivered on the other.
package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/daemon"
	"o365-kafka-connector/internal/emulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(complete{m}) }

// complete runs all tests and fails if there is a switch of the emulator that none of them turned on.
type complete struct{ *testing.M }

// Run implements goleak.TestingM.
func (c complete) Run() int {
	// Most of the time these tests wait, so more of them run at once than there are processors.
	if err := flag.Set("test.parallel", "32"); err != nil {
		panic(err)
	}
	end := inEnvironment()
	code := c.M.Run()
	end()
	if code != 0 || testing.Short() || flag.Lookup("test.run").Value.String() != "" || flag.Lookup("test.list").Value.String() != "" {
		return code
	}
	for _, kind := range emulator.Kinds() {
		if _, used := turnedOn.Load(emulator.Kind(kind)); !used {
			fmt.Println("no test turns this switch of the emulator on:", kind)
			code = 1
		}
	}
	return code
}

// turnedOn holds the kinds of all faults that were set.
var turnedOn sync.Map

// setup says in what a scene differs from the ordinary one: two content types of one tenant with six blobs of 20
// records each, read once a fifth of a second, swept twice a second, and written to a file.
type setup struct {
	api      emulator.Config
	faults   []emulator.Fault
	settings map[string]any            // of the configuration, by key path, as "source.timeout"
	tenant   map[string]map[string]any // of a tenant's entry, by its id and key
	wait     bool                      // the daemon is started later, by run
}

// scene is an emulator and a daemon that reads from it.
type scene struct {
	t        *testing.T
	api      *emulator.Emulator
	url      string
	requests *requestLog
	out      *deliveries
	log      *logbook
	config   *config.Config
	daemon   *daemon.Daemon
	stop     func() // ends the daemon and waits for it; may be called again
}

// play starts an emulator and a daemon. Both end with the test.
func play(t *testing.T, s setup) *scene {
	t.Helper()
	defaults(&s.api)
	api := emulator.New(s.api)
	c := &scene{t: t, api: api, requests: &requestLog{next: api}, log: &logbook{}, stop: func() {}}
	c.faults(s.faults...)
	server := httptest.NewServer(c.requests)
	t.Cleanup(server.Close)
	c.url = server.URL
	c.out = newDeliveries(filepath.Join(t.TempDir(), "events.jsonl"))

	text := c.compose(s)
	parsed, err := config.Parse(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	c.config = parsed
	t.Cleanup(c.explain)
	if !s.wait {
		c.run()
	}
	return c
}

func defaults(c *emulator.Config) {
	if c.Seed == 0 {
		c.Seed = 1
	}
	if c.BacklogRecords == 0 && c.Rate == 0 {
		c.BacklogRecords = 240
	}
	if c.Backlog == 0 {
		c.Backlog = 50 * time.Minute
	}
	if c.RecordsPerBlob == 0 {
		c.RecordsPerBlob = 20
	}
	if c.ContentTypes == nil {
		c.ContentTypes = []string{emulator.Exchange, emulator.General}
	}
	if c.Tenants == nil {
		c.Tenants = []emulator.Tenant{{ID: emulator.DefaultTenantID}}
	}
}

// compose writes the configuration that an operator would write.
func (c *scene) compose(s setup) []byte {
	root := map[string]any{}
	for _, settings := range []map[string]any{{
		"source.poll_interval": "200ms", "source.sweep.interval": "500ms", "source.timeout": "5s",
		"source.requests_per_minute": 60_000, "source.proxy": false,
		"sink.kind": "file", "sink.path": c.out.events.path,
		"checkpoint.kind": "file", "checkpoint.path": c.t.TempDir(),
		"http.listen": "", "shutdown.grace": "1s",
	}, s.settings} {
		for path, value := range settings {
			put(root, path, value)
		}
	}
	var tenants []any
	for _, t := range s.api.Tenants {
		entry := map[string]any{
			"id": t.ID, "name": "tenant-" + t.ID[:1], "base_url": c.url, "authority": c.url,
			"content_types": s.api.ContentTypes,
		}
		put(entry, "auth.method", "client_secret")
		put(entry, "auth.client_id", emulator.DefaultClientID)
		put(entry, "auth.client_secret", emulator.DefaultClientSecret)
		for path, value := range s.tenant[t.ID] {
			put(entry, path, value)
		}
		tenants = append(tenants, entry)
	}
	root["tenants"] = tenants
	text, err := yaml.Marshal(root)
	if err != nil {
		c.t.Fatal(err)
	}
	return text
}

// put sets a value at a path of nested maps.
func put(m map[string]any, path string, value any) {
	first, rest, nested := strings.Cut(path, ".")
	if !nested {
		m[first] = value
		return
	}
	inner, ok := m[first].(map[string]any)
	if !ok {
		inner = map[string]any{}
		m[first] = inner
	}
	put(inner, rest, value)
}

// run runs a daemon until the test ends or stop is called. After stop it may be called again: the next daemon finds
// what the last one left.
func (c *scene) run() {
	c.t.Helper()
	made, err := daemon.New(c.config, daemon.Options{Log: slog.New(slog.NewJSONHandler(c.log, nil)), Version: "test"})
	if err != nil {
		c.t.Fatal(err)
	}
	c.daemon = made
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- made.Run(ctx) }()
	c.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil && !errors.Is(err, context.Canceled) {
				c.t.Errorf("daemon ended: %v", err)
			}
		case <-time.After(20 * time.Second):
			c.t.Error("daemon does not end")
		}
	})
	c.t.Cleanup(c.stop)
}

// explain shows what happened if the test failed.
func (c *scene) explain() {
	if c.t.Failed() {
		c.t.Logf("log of the daemon:\n%s", c.log.tail(40))
		c.t.Logf("requests: %v", c.api.Stats().Requests)
	}
}

// faults replaces the emulator's faults.
func (c *scene) faults(faults ...emulator.Fault) {
	c.t.Helper()
	for _, f := range faults {
		turnedOn.Store(f.Kind, true)
	}
	if err := c.api.SetFaults(faults...); err != nil {
		c.t.Fatal(err)
	}
}

// fired returns how often the faults of a kind that are in force hit a request. Those about blobs are not counted.
func (c *scene) fired(kind emulator.Kind) int {
	c.t.Helper()
	answer := httptest.NewRecorder()
	c.api.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/faults", nil))
	var faults []struct {
		Kind  emulator.Kind
		Fired int
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &faults); err != nil {
		c.t.Fatal(err)
	}
	n := 0
	for _, f := range faults {
		if f.Kind == kind {
			n += f.Fired
		}
	}
	return n
}

// offersFor lets the emulator go on offering for a while, and then no more.
func (c *scene) offersFor(d time.Duration) {
	time.Sleep(d)
	c.api.StopOffering()
}

// slack is how much longer than expected a busy machine may take. Nobody waits for it when all is well.
const slack = 3

// await waits until the condition holds and fails the test if it takes much longer than expected.
func (c *scene) await(what string, expected time.Duration, holds func() bool) {
	c.t.Helper()
	for end := time.Now().Add(slack * expected); !holds(); time.Sleep(look) {
		if time.Now().After(end) {
			c.t.Fatalf("waited %s for: %s", slack*expected, what)
		}
	}
}

// look is the pause between two looks at what has been delivered.
const look = 50 * time.Millisecond

// verdict holds what was delivered until now against what was offered until now.
func (c *scene) verdict() emulator.Verdict {
	c.t.Helper()
	if err := c.out.read(); err != nil {
		c.t.Fatal(err)
	}
	return c.out.tally.Compare(c.api.Truth("", ""), c.daemon.Pending())
}

// delivers waits until everything that was offered is delivered, then watches some more polls and sweeps for what
// must not come.
func (c *scene) delivers(expected time.Duration) {
	c.t.Helper()
	c.catchesUp(expected)
	time.Sleep(1200 * time.Millisecond)
	c.flawless()
}

// catchesUp waits until nothing is owed any more.
func (c *scene) catchesUp(expected time.Duration) {
	c.t.Helper()
	var v emulator.Verdict
	end := time.Now().Add(slack * expected)
	for v = c.verdict(); v.Lost+v.Pending > 0; v = c.verdict() {
		if time.Now().After(end) {
			c.t.Fatalf("after %s %d of %d records are delivered, %d lost, %d pending: %q", slack*expected, v.Delivered, v.Offered,
				v.Lost, v.Pending, v.LostIDs)
		}
		time.Sleep(look)
	}
	if v.Offered == 0 {
		c.t.Fatal("nothing was offered")
	}
}

// flawless fails the test unless exactly what was offered is delivered.
func (c *scene) flawless() {
	c.t.Helper()
	v := c.verdict()
	if v.Lost+v.Pending+v.Repeated+v.Foreign > 0 {
		c.t.Errorf("of %d records %d are lost %q, %d pending; %d are repeated, %d foreign", v.Offered, v.Lost, v.LostIDs,
			v.Pending, v.Repeated, v.Foreign)
	}
}

// delivered counts the records of a tenant's content type that were delivered; empty arguments stand for all.
func (c *scene) delivered(tenant, contentType string) int {
	c.t.Helper()
	if err := c.out.read(); err != nil {
		c.t.Fatal(err)
	}
	return c.out.count(tenant, contentType)
}

// offered counts the records that can be read.
func (c *scene) offered(tenant, contentType string) int {
	n := 0
	for b := range c.api.Truth(tenant, contentType) {
		if b.Unavailable == "" {
			n += len(b.Records) + b.Bad
		}
	}
	return n
}

// streams returns the status of all streams by tenant and content type.
func (c *scene) streams() map[audit.Stream]audit.StreamStatus {
	all := map[audit.Stream]audit.StreamStatus{}
	for _, s := range c.daemon.Status() {
		all[audit.Stream{Tenant: audit.Tenant{ID: s.Tenant}, ContentType: s.ContentType}] = s
	}
	return all
}

// stream returns the status of one stream of the default tenant.
func (c *scene) stream(contentType string) audit.StreamStatus {
	return c.streamOf(emulator.DefaultTenantID, contentType)
}

// streamOf returns the status of one stream.
func (c *scene) streamOf(tenant, contentType string) audit.StreamStatus {
	return c.streams()[audit.Stream{Tenant: audit.Tenant{ID: tenant}, ContentType: audit.ContentType(contentType)}]
}

// awaitState waits until all streams named are in a state, with an advice that holds the words.
func (c *scene) awaitState(want audit.State, advice string, contentTypes ...string) {
	c.t.Helper()
	for _, ct := range contentTypes {
		var got audit.StreamStatus
		for end := time.Now().Add(slack * 10 * time.Second); ; time.Sleep(look) {
			got = c.stream(ct)
			if got.State == want && got.LastError != nil && strings.Contains(got.LastError.Hint, advice) {
				break
			}
			if time.Now().After(end) {
				c.t.Fatalf("%s is %s (%+v), want %s with a hint that holds %q", ct, got.State, got.LastError, want, advice)
			}
		}
	}
}

// states returns the states of all streams, sorted and each once.
func (c *scene) states() []audit.State {
	set := map[audit.State]bool{}
	for _, s := range c.daemon.Status() {
		set[s.State] = true
	}
	return slices.Sorted(maps.Keys(set))
}
