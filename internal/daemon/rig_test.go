package daemon

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/emulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is what a daemon has around it.
type rig struct {
	t     *testing.T
	api   *emulator.Emulator
	url   string
	redis *miniredis.Miniredis
	store string // address of redis, which it keeps over a restart
	kafka *kfake.Cluster
	log   *buffer
}

func newRig(t *testing.T, c emulator.Config) *rig {
	t.Helper()
	c.Seed = 3
	r := &rig{t: t, api: emulator.New(c), redis: miniredis.RunT(t), log: &buffer{}}
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

// daemon makes a daemon; more are keys of its tenant, rest is other sections.
func (r *rig) daemon(more, rest string) *Daemon {
	r.t.Helper()
	c, err := config.Parse([]byte(fmt.Sprintf(`
tenants:
  - {id: %s, name: contoso, base_url: %s, authority: %s, auth: {client_id: %s, client_secret: %s}%s}
source: {poll_interval: 200ms, proxy: false}
kafka: {brokers: [%q], topics: {partitions: 1}}
checkpoint: {redis: {addresses: [%q]}}
http: {listen: ""}
%s`, emulator.DefaultTenantID, r.url, r.url, emulator.DefaultClientID, emulator.DefaultClientSecret, more,
		r.kafka.ListenAddrs()[0], r.store, rest)))
	if err != nil {
		r.t.Fatal(err)
	}
	d, err := New(c, Options{Log: slog.New(slog.NewTextHandler(r.log, nil)), Version: "test"})
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

// start runs a daemon; the function returned ends it and returns its error.
func (r *rig) start(d *Daemon) (end func() error) {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	var once sync.Once
	var err error
	end = func() error {
		once.Do(func() {
			cancel()
			err = <-done
		})
		return err
	}
	r.t.Cleanup(func() { _ = end() })
	return end
}

// await asks until the streams satisfy.
func (r *rig) await(d *Daemon, good func([]audit.StreamStatus) bool) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); !good(d.Status()); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("streams are %+v; log:\n%s", d.Status(), r.log)
		}
	}
}

// records is the number of records that all streams published.
func records(streams []audit.StreamStatus) (sum int64) {
	for _, s := range streams {
		sum += s.RecordsTotal
	}
	return sum
}

// buffer is a log that may be read while it is written.
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

func (b *buffer) count(text string) int { return strings.Count(b.String(), text) }
