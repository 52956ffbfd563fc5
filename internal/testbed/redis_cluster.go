package testbed

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// RedisCluster starts three masters for this test that share the slots, and returns when each knows all others.
func RedisCluster(tb testing.TB) []*Server {
	tb.Helper()
	var nodes []*Server
	for range 3 {
		nodes = append(nodes, RedisServer(tb, "--cluster-enabled", "yes", "--cluster-announce-ip", host))
	}
	for i, slots := range []string{"0 5460", "5461 10922", "10923 16383"} {
		for _, line := range []string{
			fmt.Sprintf("CLUSTER SET-CONFIG-EPOCH %d", i+1),
			"CLUSTER ADDSLOTSRANGE " + slots,
			fmt.Sprintf("CLUSTER MEET %s %d", host, nodes[0].Port),
		} {
			if _, err := nodes[i].Command(tb.Context(), line); err != nil {
				tb.Fatalf("join Redis cluster: %v", err)
			}
		}
	}
	for _, n := range nodes {
		awaitCluster(tb, n)
	}
	return nodes
}

func awaitCluster(tb testing.TB, n *Server) {
	tb.Helper()
	var info string
	for end := time.Now().Add(startTimeout); time.Now().Before(end); wait(tb.Context(), 50*time.Millisecond) {
		var err error
		if info, err = n.Command(tb.Context(), "CLUSTER INFO"); err != nil {
			tb.Fatalf("ask Redis cluster: %v", err)
		}
		if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3") {
			return
		}
	}
	tb.Fatalf("join Redis cluster: it is not complete after %s: %s", startTimeout, info)
}
