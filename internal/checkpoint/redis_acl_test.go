package checkpoint

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/testbed"
)

// everything calls all that a store has, so that every branch of every script runs.
func everything(t *testing.T, store Store) error {
	t.Helper()
	h, err := store.Acquire(t.Context(), exchange)
	if err != nil {
		return err
	}
	old := audit.Entry{N: 1, Time: base.Add(-2 * LedgerAge), Done: hashes(0, 3)}
	full := audit.Entry{
		N: 2, Time: base, Done: hashes(5, 2), Resolved: hashes(9, 1), Pending: []audit.Pending{pendingBlob("p")},
		Desired: &audit.Desired{State: audit.Paused},
	}
	for i := range maxGaps + 1 {
		full.Gaps = append(full.Gaps, audit.Gap{Count: i, Noted: base})
	}
	opened := audit.Entry{N: 3, Time: base, Gaps: []audit.Gap{{From: base, Noted: base.Add(time.Second)}}}
	closed := audit.Entry{
		N: 4, Time: base, Gaps: []audit.Gap{{From: base, To: base, Noted: base}}, Watermark: &audit.WatermarkMove{To: base},
	}
	for i := range maxBackfills + 1 {
		closed.Backfills = append(closed.Backfills, audit.BackfillProgress{ID: fmt.Sprint(i), Ended: base})
	}
	line, streams := audit.StreamStatus{}, []audit.Stream{exchange, {Tenant: exchange.Tenant, ContentType: audit.DLP}}
	calls := []func() error{
		func() error { return store.Ping(t.Context()) },
		func() error { return store.Bind(t.Context(), Deployment{KafkaClusterID: "k", GroupID: "g"}) },
		func() error { _, _, err := h.Load(t.Context(), 0); return err },
		func() error { return h.Reset(t.Context(), audit.Checkpoint{}) },
		func() error { return h.Apply(t.Context(), old, 1) },
		func() error { return h.Apply(t.Context(), full, 1) },
		func() error { _, err := h.Unseen(t.Context(), 2, hashes(0, 1)); return err },
		func() error { return h.Apply(t.Context(), opened, 1) },
		func() error { return h.Apply(t.Context(), closed, 1) },
		func() error { _, _, err := store.Peek(t.Context(), exchange); return err },
		func() error {
			return store.ChangeWish(t.Context(), exchange, func(w *audit.Wish) { w.By = newToken() })
		},
		func() error { _, err := store.Wish(t.Context(), exchange); return err },
		func() error { return store.PutStatus(t.Context(), exchange, line, time.Minute) },
		func() error { _, err := store.Statuses(t.Context(), streams); return err },
		func() error { return store.PutStatus(t.Context(), exchange, line, 0) },
		func() error { _, _, err := store.BeginAnswer(t.Context(), "id", "a", time.Minute); return err },
		func() error { return store.AbandonAnswer(t.Context(), "id", "a") },
		func() error { return store.FinishAnswer(t.Context(), "id", nil, time.Minute) },
		func() error { return h.Advance(t.Context(), audit.Progress{Watermark: base}) },
		func() error { _, _, err := h.Load(t.Context(), 0); return err },
		func() error { return h.Release(t.Context()) },
		func() error { _, err := store.BindPartitions(t.Context(), "g", 12); return err },
		func() error { return useBudget(t, store) },
		func() error { return useClaims(t, store) },
		func() error { return useDocuments(t, store) },
	}
	for _, call := range calls {
		if err := call(); err != nil {
			return err
		}
	}
	return nil
}

// TestLeastACL proves that the documented rights are enough, and that none of them can be left out.
func TestLeastACL(t *testing.T) {
	server := testbed.OwnRedis(t)
	c := redisConfig(server.Addr)
	c.Redis.DB = 1
	c.Redis.Username, c.Redis.Password = "connector", "right"
	grant := strings.ReplaceAll(LeastACL("connector", c.KeyPrefix, false), "PASSWORD", "right")
	command(t, server, grant)
	store := openStore(t, c)
	if err := everything(t, store); err != nil {
		t.Fatal(err)
	}
	findings, err := store.Check(t.Context())
	if err != nil || !mentions(findings, Note, "Redis 7") && !mentions(findings, Note, "Redis 8") {
		t.Errorf("check: %v, %v", findings, err)
	}
	for _, right := range commands {
		command(t, server, "FLUSHALL")
		command(t, server, "ACL SETUSER connector -"+right)
		err := everything(t, openStore(t, c))
		switch right {
		case "info":
			findings, err := openStore(t, c).Check(t.Context())
			if err != nil || !mentions(findings, Warning, "INFO") {
				t.Errorf("check without info: %v, %v", findings, err)
			}
		case "eval": // needed once, when the server does not know the script yet
			command(t, server, "SCRIPT FLUSH")
			wantFault(t, everything(t, openStore(t, c)), "", "ACL SETUSER")
		default:
			if err == nil {
				t.Errorf("right to %s is not needed", right)
				break
			}
			wantFault(t, err, "", "ACL SETUSER")
		}
		command(t, server, "ACL SETUSER connector +"+right)
	}
	c.KeyPrefix = "other:"
	wantFault(t, everything(t, openStore(t, c)), "", "ACL SETUSER")
}

func TestLeastACLOfCluster(t *testing.T) {
	var addresses []string
	nodes := testbed.RedisCluster(t)
	c := redisConfig()
	for _, n := range nodes {
		addresses = append(addresses, n.Addr)
		command(t, n, strings.ReplaceAll(LeastACL("connector", c.KeyPrefix, true), "PASSWORD", "right"))
	}
	c.Redis.Addresses, c.Redis.Cluster = addresses, true
	c.Redis.Username, c.Redis.Password = "connector", "right"
	store := openStore(t, c)
	if err := everything(t, store); err != nil {
		t.Fatal(err)
	}
	findings, err := store.Check(t.Context())
	if err != nil || len(findings) < 3 {
		t.Errorf("check: %v, %v", findings, err)
	}
	for _, n := range nodes {
		if refused := command(t, n, "ACL LOG"); refused != "*0" {
			t.Errorf("a command was refused: %s", refused)
		}
	}

	for _, n := range nodes {
		command(t, n, "ACL SETUSER connector -cluster|slots")
	}
	wantFault(t, everything(t, openStore(t, c)), "cluster|slots", "ACL SETUSER")
	for _, n := range nodes {
		command(t, n, "ACL SETUSER connector +cluster|slots")
	}
	c.Redis.Addresses, c.Redis.Cluster = addresses[:1], false
	for i, n := range nodes {
		c.Redis.Addresses = []string{n.Addr}
		_, err := openStore(t, c).Acquire(t.Context(), exchange)
		if err != nil {
			wantFault(t, err, "MOVED", "cluster to true")
			break
		}
		if i == len(nodes)-1 {
			t.Error("no node refuses a key of another")
		}
	}
	for _, n := range nodes {
		command(t, n, "CLUSTER DELSLOTSRANGE 0 5460")
	}
	c.Redis.Addresses, c.Redis.Cluster = addresses, true
	wantFault(t, everything(t, openStore(t, c)), "CLUSTERDOWN", "lost nodes")
}
