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

func testMembers(t *testing.T, v vault) {
	store := v.open(t)
	recall := func(group, instance, want string) {
		t.Helper()
		got, err := store.RecallMember(t.Context(), group, instance)
		if err != nil || got != want {
			t.Errorf("%s of %s is member %q, want %q (%v)", instance, group, got, want, err)
		}
	}
	recall("g", "i", "")
	for _, m := range []struct{ group, instance, id string }{
		{"g", "i", "old"}, {"g", "i", "m1"}, {"g", "{other}", "m2"}, {"g:member:i", "i", "m3"}, {"g", "i:member:i", "m4"}, {"", "", "m5"},
	} {
		if err := store.RememberMember(t.Context(), m.group, m.instance, m.id); err != nil {
			t.Fatal(err)
		}
	}
	recall("g", "i", "m1")
	recall("g", "{other}", "m2")
	recall("g:member:i", "i", "m3")
	recall("g", "i:member:i", "m4")
	recall("", "", "m5")
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	store = v.open(t)
	recall("g", "i", "m1")
}

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

func TestMembersAreForgottenAfterADay(t *testing.T) {
	server := miniredis.RunT(t)
	store := openStore(t, redisConfig(server.Addr()))
	directory := openStore(t, fileConfig(t.TempDir())).(*fileStore)
	for _, s := range []Store{store, directory} {
		if err := s.RememberMember(t.Context(), "g", "i", "m"); err != nil {
			t.Fatal(err)
		}
	}
	server.FastForward(memberAge + time.Second)
	writeFile(t, directory.memberPath("g", "i"), []byte(`{"until":"2026-11-01T00:00:00Z","member_id":"m"}`))
	for _, s := range []Store{store, directory} {
		if id, err := s.RecallMember(t.Context(), "g", "i"); id != "" || err != nil {
			t.Errorf("%T recalls %q, %v", s, id, err)
		}
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
	for _, path := range []string{store.memberPath("g", "i"), store.groupPath("partitions", "g")} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, path, []byte("x"))
	}
	_, err = store.RecallMember(t.Context(), "g", "i")
	wantFault(t, err, "recall group member", "delete")
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
