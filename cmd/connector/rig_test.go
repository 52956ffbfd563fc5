package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"o365-kafka-connector/internal/emulator"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// second is a tenant besides the emulator's default one.
const second = "33333333-3333-3333-3333-333333333333"

// rig is what a connector has around it.
type rig struct {
	t     *testing.T
	api   *emulator.Emulator
	url   string
	redis *miniredis.Miniredis
	store string // address of redis, which it keeps over a restart
	kafka *kfake.Cluster
}

func newRig(t *testing.T, c emulator.Config) *rig {
	t.Helper()
	c.Seed = 7
	c.Tenants = []emulator.Tenant{{ID: emulator.DefaultTenantID}, {ID: second}}
	r := &rig{t: t, api: emulator.New(c), redis: miniredis.RunT(t)}
	r.store = r.redis.Addr()
	server := httptest.NewServer(r.api)
	t.Cleanup(server.Close)
	r.url = server.URL
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	r.kafka = kafka
	return r
}

// tenant is the default tenant's entry in the configuration.
func (r *rig) tenant() string {
	return r.entry(emulator.DefaultTenantID, "contoso", emulator.DefaultClientSecret)
}

func (r *rig) entry(id, name, secret string) string {
	return fmt.Sprintf(`  - id: %s
    name: %s
    base_url: %s
    authority: %s
    auth: {client_id: %s, client_secret: %s}
`, id, name, r.url, r.url, emulator.DefaultClientID, secret)
}

// config writes a configuration file.
func (r *rig) config(tenants, rest string) string {
	r.t.Helper()
	text := "tenants:\n" + tenants + "source: {poll_interval: 200ms, proxy: false}\nlog: {level: info}\n" + rest
	if !strings.Contains(rest, "kafka:") {
		text += fmt.Sprintf("kafka: {brokers: [%q], topics: {partitions: 1}}\n", r.kafka.ListenAddrs()[0])
	}
	if !strings.Contains(rest, "checkpoint:") {
		text += fmt.Sprintf("checkpoint: {redis: {addresses: [%q]}}\n", r.store)
	}
	if !strings.Contains(rest, "http:") {
		text += "http: {listen: \"\"}\n"
	}
	path := filepath.Join(r.t.TempDir(), "connector.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// outcome is what a command left behind.
type outcome struct {
	code           int
	stdout, stderr string
}

func call(t *testing.T, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	code := run(ctx, args, &stdout, &stderr)
	return outcome{code: code, stdout: stdout.String(), stderr: stderr.String()}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; rewrite with -update):\n%s", name, diff)
	}
}

// buffer is a writer that may be read while it is written.
type buffer struct {
	mu  sync.Mutex // guards the following
	out bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.String()
}
