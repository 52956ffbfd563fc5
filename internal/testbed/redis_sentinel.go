package testbed

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// RedisSentinel starts a sentinel for this test that watches a master under this name and is alone in deciding that
// it is down, after a second.
func RedisSentinel(tb testing.TB, name string, master *Server) *Server {
	tb.Helper()
	settings := fmt.Sprintf("sentinel monitor %[1]s %[2]s %[3]d 1\nsentinel down-after-milliseconds %[1]s 1000\n"+
		"sentinel failover-timeout %[1]s 3000\n", name, host, master.Port)
	file := filepath.Join(tb.TempDir(), "sentinel.conf") // which the sentinel writes to
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		tb.Fatalf("write sentinel's settings: %v", err)
	}
	return RedisServer(tb, file, "--sentinel")
}
