package checkpoint

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/testbed"
)

// TestSentinelFailover kills the master: the stream goes on at the replica, or learns that it has to be taken again.
func TestSentinelFailover(t *testing.T) {
	master := testbed.OwnRedis(t)
	replica := testbed.RedisServer(t, "--replicaof", fmt.Sprintf("127.0.0.1 %d", master.Port))
	settings := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("sentinel monitor o365 127.0.0.1 %d 1\nsentinel down-after-milliseconds o365 500\n"+
		"sentinel failover-timeout o365 5000\n", master.Port)
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel := testbed.RedisServer(t, settings, "--sentinel")
	c := redisConfig(sentinel.Addr)
	c.Redis.SentinelMaster = "o365"
	c.Redis.SentinelUsername, c.Redis.SentinelPassword = "connector", "right"
	command(t, sentinel, strings.ReplaceAll(LeastSentinelACL("connector"), "PASSWORD", "right"))
	store := openStore(t, c)
	h := started(t, store)
	apply(t, h, entry(1))
	awaitReplica(t, sentinel, replica)
	if err := master.Kill(); err != nil {
		t.Fatal(err)
	}

	err := h.Apply(t.Context(), entry(2), 20)
	wantFault(t, err, "", "Redis")
	for end := time.Now().Add(30 * time.Second); err != nil && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		err = h.Apply(t.Context(), entry(2), 20)
	}
	if err != nil {
		t.Fatalf("after the failover: %v", err)
	}
	if got := unseen(t, h, 2, append(entry(1).Done, entry(2).Done...)); got != 0 {
		t.Errorf("%d blobs lost", got)
	}
	if err := master.Start(t.Context()); err != nil { // it comes back as a replica
		t.Fatal(err)
	}
	apply(t, h, entry(3))

	if refused := command(t, sentinel, "ACL LOG"); refused != "*0" {
		t.Errorf("sentinel refused a command: %s", refused)
	}
	c.Redis.SentinelMaster = "other"
	_, err = openStore(t, c).Acquire(t.Context(), exchange)
	wantFault(t, err, "sentinel", "sentinel_master")
}

// awaitReplica waits until the replica holds the checkpoint and the sentinel knows the replica.
func awaitReplica(t *testing.T, sentinel, replica *testbed.Server) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		known := command(t, sentinel, "SENTINEL REPLICAS o365")
		held, _ := replica.Command(t.Context(), "EXISTS o365:{"+exchange.Key()+"}:state")
		if known == "*1" && held == "1" {
			return
		}
	}
	known, _ := sentinel.Command(t.Context(), "SENTINEL REPLICAS o365")
	held, _ := replica.Command(t.Context(), "KEYS *")
	t.Fatalf("replica did not join: sentinel knows %q, it holds %q", known, held)
}

// TestReplicaIsRefused proves that Check notices an address that takes no writes.
func TestReplicaIsRefused(t *testing.T) {
	master := testbed.OwnRedis(t)
	replica := testbed.RedisServer(t, "--replicaof", fmt.Sprintf("127.0.0.1 %d", master.Port))
	findings, err := openStore(t, redisConfig(replica.Addr)).Check(t.Context())
	if err != nil || !mentions(findings, Refuse, "replica") {
		t.Errorf("check: %v, %v", findings, err)
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	authority, err := testbed.NewAuthority(dir, "ca")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := testbed.NewAuthority(dir, "stranger")
	if err != nil {
		t.Fatal(err)
	}
	id, err := authority.Issue("redis")
	if err != nil {
		t.Fatal(err)
	}
	server := testbed.RedisServer(t, "--port", "0", "--tls-port", "{port}", "--tls-cert-file", id.CertFile,
		"--tls-key-file", id.KeyFile, "--tls-ca-cert-file", authority.CAFile)
	good := TLSConfig{Enabled: true, CAFile: authority.CAFile, CertFile: id.CertFile, KeyFile: id.KeyFile}
	change := func(f func(c *TLSConfig)) Config {
		c := redisConfig(server.Addr)
		c.Redis.TLS = good
		f(&c.Redis.TLS)
		return c
	}
	for _, c := range []Config{change(func(*TLSConfig) {}), change(func(c *TLSConfig) { c.CAFile, c.Insecure = "", true })} {
		store := openStore(t, c)
		apply(t, started(t, store), entry(1))
	}
	for _, c := range []struct {
		config Config
		hint   string
	}{
		{change(func(c *TLSConfig) { c.CAFile = stranger.CAFile }), "ca_file"},
		{change(func(c *TLSConfig) { c.CertFile, c.KeyFile = "", "" }), "cert_file"},
		{change(func(c *TLSConfig) { *c = TLSConfig{} }), "tls.enabled"},
	} {
		_, err := openStore(t, c.config).Acquire(t.Context(), exchange)
		wantFault(t, err, "", c.hint)
	}
	plain := testbed.OwnRedis(t)
	c := change(func(*TLSConfig) {})
	c.Redis.Addresses = []string{plain.Addr}
	_, err = openStore(t, c).Acquire(t.Context(), exchange)
	wantFault(t, err, "", "tls.enabled")

	for _, broken := range []TLSConfig{
		{Enabled: true, CAFile: filepath.Join(dir, "none")},
		{Enabled: true, CAFile: id.KeyFile},
		{Enabled: true, CertFile: id.CertFile, KeyFile: authority.CAFile},
	} {
		c.Redis.TLS = broken
		if _, err := Open(t.Context(), c); err == nil {
			t.Errorf("%+v is accepted", broken)
		}
	}
}

func TestCheckOfRealServer(t *testing.T) {
	server := testbed.OwnRedis(t)
	c := redisConfig(server.Addr)
	store := openStore(t, c)
	findings, err := store.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if f.Level != Note {
			t.Errorf("finding about a good server: %+v", f)
		}
	}
	for _, line := range []string{
		"CONFIG SET maxmemory-policy allkeys-lru", "CONFIG SET appendonly no", "CONFIG SET maxmemory 1500000",
	} {
		command(t, server, line)
	}
	findings, err = store.Check(t.Context())
	if err != nil || !mentions(findings, Refuse, "allkeys-lru") || !mentions(findings, Warning, "append-only") ||
		!mentions(findings, Warning, "of 1 MiB") && !mentions(findings, Note, "of 1 MiB") {
		t.Errorf("check: %v, %v", findings, err)
	}
	c.Redis.AllowEviction = true
	findings, err = openStore(t, c).Check(t.Context())
	if err != nil || !mentions(findings, Warning, "allkeys-lru") {
		t.Errorf("check with allow_eviction: %v, %v", findings, err)
	}
	for _, f := range findings {
		if f.Level == Refuse || f.Level == Warning && f.Hint == "" {
			t.Errorf("finding %+v", f)
		}
	}
}

func TestOverdueSnapshotIsTold(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	info := map[string]string{"aof_enabled": "0", "rdb_changes_since_last_save": "5", "rdb_last_save_time": "1799990000"}
	if f := persistenceFindings(info, now); !mentions(f, Warning, "none since 2027-01-15T05:13:20Z") {
		t.Errorf("findings: %v", f)
	}
	if f := persistenceFindings(info, time.Unix(1799990600, 0)); mentions(f, Warning, "none since") {
		t.Errorf("findings: %v", f)
	}
	if f := persistenceFindings(map[string]string{}, now); !mentions(f, Note, "does not tell") {
		t.Errorf("findings: %v", f)
	}
}

// TestLateCallsOfAnOwnerDoNothing runs the scripts again that a client gave up on, after later ones took effect.
func TestLateCallsOfAnOwnerDoNothing(t *testing.T) {
	server := testbed.OwnRedis(t)
	store := openStore(t, redisConfig(server.Addr)).(*redisStore)
	h := acquire(t, store).(*redisHandle)
	token := newToken()
	reset := func() {
		t.Helper()
		if _, err := h.run(t.Context(), resetScript, h.epoch.Load(), token, "", 0, "", 0, 0, 0, 0, "schema", 1, "position", -1,
			"first_start", 0, "watermark", 0, "swept", 0, "swept_fully", 0, "subscribe_tried", 0); err != nil {
			t.Fatal(err)
		}
	}
	reset()
	apply(t, h, entry(1))
	reset()
	if c := load(t, h); c.N != 1 {
		t.Fatalf("N is %d after a late reset", c.N)
	}
	wantError(t, func() error { _, err := h.run(t.Context(), releaseScript, h.epoch.Load()-1); return err }(), nil)
	apply(t, h, entry(2))

	first, err := h.run(t.Context(), acquireScript, token)
	if err != nil {
		t.Fatal(err)
	}
	second, err := h.run(t.Context(), acquireScript, token)
	if err != nil || text(first, 0) != text(second, 0) {
		t.Errorf("repeated acquire answers %v, then %v, %v", first, second, err)
	}
	wantError(t, h.Advance(t.Context(), audit.Progress{}), audit.ErrFenced)
}

// TestEpochRisesWhenTheClockIsBehind takes a stream whose epoch was given by a clock that is ahead.
func TestEpochRisesWhenTheClockIsBehind(t *testing.T) {
	server := testbed.OwnRedis(t)
	store := openStore(t, redisConfig(server.Addr))
	started(t, store)
	const ahead = 4_000_000_000_000_000
	command(t, server, fmt.Sprintf("HSET o365:{%s}:state epoch %d", exchange.Key(), int64(ahead)))
	for i := range int64(2) {
		if got := load(t, acquire(t, store)).Epoch; got != ahead+2+2*i { // taking raises it, and loading
			t.Errorf("epoch is %d, want %d", got, ahead+2+2*i)
		}
	}
}

// TestCallUnderWayIsFencedByRelease sends a call that a handle had begun before it was released.
func TestCallUnderWayIsFencedByRelease(t *testing.T) {
	store := openStore(t, redisConfig(testbed.OwnRedis(t).Addr))
	h := started(t, store).(*redisHandle)
	late := &redisHandle{store: h.store, stream: h.stream, keys: h.keys}
	late.epoch.Store(h.epoch.Load())
	if err := h.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantError(t, late.Apply(t.Context(), entry(1), 10), audit.ErrFenced)
}
