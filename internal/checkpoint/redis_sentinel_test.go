package checkpoint

import (
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2/server"
)

// A failover in which the new master is named before it is one is waited for, and refuses no start.
func TestReplicaThatSentinelsName(t *testing.T) {
	m, err := server.NewServer("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	var role atomic.Value
	role.Store("slave")
	for name, answer := range map[string]server.Cmd{
		"SENTINEL": func(c *server.Peer, _ string, args []string) {
			if len(args) > 0 && args[0] == "get-master-addr-by-name" {
				c.WriteStrings([]string{"127.0.0.1", strconv.Itoa(m.Addr().Port)})
				return
			}
			c.WriteLen(0)
		},
		"INFO": func(c *server.Peer, _ string, _ []string) {
			c.WriteBulk("redis_version:7.0.15\r\nmaxmemory_policy:noeviction\r\nrole:" + role.Load().(string) + "\r\n")
		},
	} {
		if err := m.Register(name, answer); err != nil {
			t.Fatal(err)
		}
	}
	c := redisConfig(m.Addr().String())
	c.Redis.SentinelMaster = "main"
	store := openStore(t, c)
	_, err = store.Check(t.Context())
	wantFault(t, err, "still a replica", "about to make it the master")
	role.Store("master")
	if _, err := store.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
