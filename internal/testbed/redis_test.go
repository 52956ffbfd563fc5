package testbed

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestRedisKeepsAcknowledgedDataOverKill(t *testing.T) {
	t.Parallel()
	s := OwnRedis(t)
	if _, err := s.Command(t.Context(), "SET key value"); err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Command(t.Context(), "GET key"); err != nil || got != "value" {
		t.Errorf("GET key: %q, %v", got, err)
	}
	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Command(t.Context(), "PING"); err == nil {
		t.Error("paused server answers")
	}
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Command(t.Context(), "PING"); err != nil {
		t.Error(err)
	}
}

func TestRedisWithPassword(t *testing.T) {
	s := RedisServer(t, "--requirepass", "secret")
	if _, err := s.Command(t.Context(), "GET key"); err == nil || !strings.Contains(err.Error(), "NOAUTH") {
		t.Errorf("GET without password: %v", err)
	}
}

func TestRedisWithTLS(t *testing.T) {
	dir := t.TempDir()
	ca, err := NewAuthority(dir, "ca")
	if err != nil {
		t.Fatal(err)
	}
	id, err := ca.Issue("redis")
	if err != nil {
		t.Fatal(err)
	}
	s := RedisServer(t, "--port", "0", "--tls-port", "{port}", "--tls-cert-file", id.CertFile,
		"--tls-key-file", id.KeyFile, "--tls-ca-cert-file", ca.CAFile)
	if _, err := s.Command(t.Context(), "PING"); err == nil {
		t.Error("server answers without TLS")
	}
}

func TestRedisClusterSharesTheSlots(t *testing.T) {
	t.Parallel()
	nodes := RedisCluster(t)
	moved := 0
	for _, n := range nodes {
		if _, err := n.Command(t.Context(), "SET key value"); err != nil && strings.Contains(err.Error(), "MOVED") {
			moved++
		}
	}
	if moved != 2 {
		t.Errorf("%d of 3 nodes refer to another, want 2", moved)
	}
}

func TestRedisSentinelKnowsItsMaster(t *testing.T) {
	master := OwnRedis(t)
	sentinel := RedisSentinel(t, "main", master)
	info, err := sentinel.Command(t.Context(), "INFO sentinel")
	if err != nil || !strings.Contains(info, "name=main,status=ok,address="+master.Addr) {
		t.Errorf("INFO sentinel: %q, %v", info, err)
	}
}

// TestServersEndWithTheirOwner kills a test process that has started a server.
func TestServersEndWithTheirOwner(t *testing.T) {
	if os.Getenv("TESTBED_OWNER") != "" {
		s := OwnRedis(t)
		os.Stdout.WriteString(s.Addr + " " + s.Dir() + "\n")
		time.Sleep(time.Minute)
		return
	}
	OwnRedis(t)
	owner := exec.Command(os.Args[0], "-test.run=^TestServersEndWithTheirOwner$")
	owner.Env = append(os.Environ(), "TESTBED_OWNER=1")
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 1000)
	n, err := out.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	addr, dir, _ := strings.Cut(strings.TrimSpace(string(text[:n])), " ")
	if err := ping(t.Context(), addr); err != nil {
		t.Fatal(err)
	}
	if err := owner.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		_, gone := os.Stat(dir)
		if ping(t.Context(), addr) != nil && os.IsNotExist(gone) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("10 s after its owner was killed the server still runs, or its directory %s is there", dir)
		}
	}
}
