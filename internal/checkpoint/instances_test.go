package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"o365-kafka-connector/internal/audit"
)

func testPartitions(t *testing.T, v vault) {
	store := v.open(t)
	var group sync.WaitGroup
	var mu sync.Mutex
	answers := map[int]int{}
	for n := range 8 {
		group.Go(func() {
			stored, err := store.BindPartitions(t.Context(), "g", n+1)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			answers[stored]++
		})
	}
	group.Wait()
	if len(answers) != 1 {
		t.Errorf("answers %v", answers)
	}
	if n, err := store.BindPartitions(t.Context(), "other", 77); n != 77 || err != nil {
		t.Errorf("another group: %d, %v", n, err)
	}
	if _, err := store.BindPartitions(t.Context(), "none", 0); err == nil {
		t.Error("no partitions are accepted")
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := v.open(t).BindPartitions(t.Context(), "other", 1); n != 77 || err != nil {
		t.Errorf("after reopening: %d, %v", n, err)
	}
}

func TestDamagedNotesAreExplained(t *testing.T) {
	server := miniredis.RunT(t)
	c := redisConfig(server.Addr())
	if err := server.Set(c.KeyPrefix+"group:g:partitions", "-1"); err != nil {
		t.Fatal(err)
	}
	_, err := openStore(t, c).BindPartitions(t.Context(), "g", 3)
	wantFault(t, err, `"-1" is stored`, "key_prefix")

	store := openStore(t, fileConfig(t.TempDir())).(*fileStore)
	path := store.groupPath("partitions", "g")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, []byte("x"))
	_, err = store.BindPartitions(t.Context(), "g", 3)
	wantFault(t, err, "bind control partitions", "delete")
}

// useBudget runs every branch of the budget's scripts: an asker that waits, one that was forgotten, a refusal.
func useBudget(t *testing.T, s Store) error {
	budget, ok := SharedBudget(s)
	if !ok {
		return errors.New("the store has no budget")
	}
	d := audit.Demand{Tenant: exchange.Tenant.ID, PerMinute: 1, Asker: "a", Streams: 2, Requests: 3}
	for range 2 {
		if _, _, err := budget.Take(t.Context(), d); err != nil {
			return err
		}
	}
	return budget.Throttled(t.Context(), d.Tenant, time.Second)
}
