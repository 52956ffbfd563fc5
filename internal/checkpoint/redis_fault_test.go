package checkpoint

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/secret"
	"o365-kafka-connector/internal/testbed"
)

// wantFault expects a fault of the checkpoint whose text and hint contain what is given.
func wantFault(t *testing.T, err error, text, hint string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	f := audit.AsFault(err, "none")
	if f.Cause != audit.CauseCheckpoint || f.Scope != audit.OfStream {
		t.Errorf("cause %s, scope %d: %v", f.Cause, f.Scope, err)
	}
	if !strings.Contains(err.Error(), text) {
		t.Errorf("error %q does not contain %q", err, text)
	}
	if !strings.Contains(f.Hint, hint) || strings.Contains(f.Hint, "\n") {
		t.Errorf("hint of %q is %q, want %q", err, f.Hint, hint)
	}
}

// command sends a line to a server and fails the test if it is refused.
func command(t *testing.T, s *testbed.Server, line string) string {
	t.Helper()
	answer, err := s.Command(t.Context(), line)
	if err != nil || strings.HasPrefix(answer, "-") {
		t.Fatalf("%s: %s %v", line, answer, err)
	}
	return answer
}

// TestRefusedWritesAreExplained provokes what a real server refuses with, and expects that the stream goes on as soon
// as the trouble is over, with nothing half done.
func TestRefusedWritesAreExplained(t *testing.T) {
	server := testbed.RedisServer(t, "--appendonly", "no")
	for _, c := range []struct{ name, begin, end, text, hint string }{
		{"OOM", "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "OOM", "maxmemory"},
		{"READONLY", "REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "READONLY", "replica"},
		{"NOREPLICAS", "CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0", "NOREPLICAS", "replicas"},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := openStore(t, redisConfig(server.Addr))
			h := started(t, store)
			command(t, server, c.begin)
			wantFault(t, h.Apply(t.Context(), entry(1), 10), c.text, c.hint)
			wantFault(t, h.Advance(t.Context(), audit.Progress{Watermark: base}), c.text, c.hint)
			command(t, server, c.end)
			if c := load(t, h); c.N != 0 {
				t.Errorf("N is %d", c.N)
			}
			apply(t, h, entry(1))
		})
	}
}

func TestFailedSnapshotIsExplained(t *testing.T) {
	server := testbed.RedisServer(t, "--appendonly", "no", "--save", "3600 1")
	h := started(t, openStore(t, redisConfig(server.Addr)))
	// A directory in the file's place stops a snapshot, also one by root.
	if err := os.MkdirAll(filepath.Join(server.Dir(), "dump.rdb", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, _ = server.Command(t.Context(), "BGSAVE")
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && err == nil; time.Sleep(20 * time.Millisecond) {
		err = h.Advance(t.Context(), audit.Progress{})
	}
	wantFault(t, err, "MISCONF", "disk")
	store := openStore(t, redisConfig(server.Addr))
	findings, err := store.Check(t.Context())
	if err != nil || !mentions(findings, Warning, "could not save") {
		t.Errorf("check: %v, %v", findings, err)
	}
}

func TestUnreachableRedisIsExplained(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for _, c := range []struct{ name, address, hint string }{
		{"refused", closed.Addr().String(), "start Redis"},
		{"silent", silent.Addr().String(), "in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store := openStore(t, redisConfig(c.address))
			start := time.Now()
			_, err := store.Acquire(t.Context(), exchange)
			wantFault(t, err, "", c.hint)
			if took := time.Since(start); took > callTimeout+time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestPausedRedisIsExplainedAndComesBack(t *testing.T) {
	server := testbed.OwnRedis(t)
	h := started(t, openStore(t, redisConfig(server.Addr)))
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	wantFault(t, h.Apply(ctx, entry(1), 10), "", "in time")
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	apply(t, h, entry(1)) // the lost answers may have been of calls that took effect
	apply(t, h, entry(2))
}

func TestRestartKeepsWhatWasAcknowledged(t *testing.T) {
	server := testbed.OwnRedis(t)
	h := started(t, openStore(t, redisConfig(server.Addr)))
	apply(t, h, entry(1))
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	wantFault(t, h.Apply(t.Context(), entry(2), 20), "", "start Redis")
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	apply(t, h, entry(2)) // scripts are loaded anew
	if c := load(t, h); c.N != 2 {
		t.Errorf("N is %d", c.N)
	}
}

func TestCredentials(t *testing.T) {
	server := testbed.OwnRedis(t)
	c := redisConfig(server.Addr)
	line := strings.ReplaceAll(LeastACL("connector", c.KeyPrefix, false), "PASSWORD", "right")
	command(t, server, line)
	command(t, server, "ACL SETUSER default off")
	for _, try := range []struct {
		user       string
		password   secret.String
		text, hint string
	}{
		{"", "", "NOAUTH", "set checkpoint.redis.password"},
		{"connector", "not-the-one", "WRONGPASS", "check checkpoint.redis.username"},
	} {
		c.Redis.Username, c.Redis.Password = try.user, try.password
		_, err := openStore(t, c).Acquire(t.Context(), exchange)
		wantFault(t, err, try.text, try.hint)
		if strings.Contains(err.Error(), "not-the-one") {
			t.Errorf("error tells the password: %v", err)
		}
	}
}

func mentions(findings []Finding, level Level, text string) bool {
	for _, f := range findings {
		if f.Level == level && strings.Contains(f.Text, text) {
			return true
		}
	}
	return false
}
