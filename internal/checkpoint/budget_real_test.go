package checkpoint

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/testbed"
)

// TestRealBudget has several clients ask a real Redis in parallel.
func TestRealBudget(t *testing.T) {
	server := testbed.Redis(t)
	c := redisConfig(server.Addr)
	c.KeyPrefix = testbed.Name(t) + ":"
	testRealBudget(t, c)
}

func TestRealBudgetOfCluster(t *testing.T) {
	c := redisConfig()
	for _, s := range testbed.RedisCluster(t) {
		c.Redis.Addresses = append(c.Redis.Addresses, s.Addr)
	}
	c.Redis.Cluster = true
	testRealBudget(t, c)
}

func testRealBudget(t *testing.T, c Config) {
	const quota, seconds = 6000, 3 // 95 a second
	ctx, cancel := context.WithTimeout(t.Context(), seconds*time.Second)
	defer cancel()
	var group sync.WaitGroup
	got := map[string]*[4]int{}
	for _, tenant := range []string{exchange.Tenant.ID, "22222222-2222-2222-2222-222222222222"} {
		each := &[4]int{}
		got[tenant] = each
		for i := range each {
			budget := budgetOf(t, openStore(t, c))
			group.Go(func() {
				each[i] = useUp(ctx, t, budget, audit.Demand{
					Tenant: tenant, PerMinute: quota, Asker: fmt.Sprint(i), Streams: 1, Requests: 3,
				})
			})
		}
	}
	group.Wait()
	for tenant, each := range got {
		sum := 0
		for _, n := range each {
			sum += n
			if n < 50 {
				t.Errorf("shares %v", *each)
			}
		}
		if sum > 95*(seconds+1)+1 || sum < 95*seconds*9/10 {
			t.Errorf("tenant %s: %d requests in %d s at 95 a second: %v", tenant, sum, seconds, *each)
		}
	}
}

// useUp takes what there is until the context ends.
func useUp(ctx context.Context, t *testing.T, b *Budget, d audit.Demand) int {
	sum := 0
	for {
		n, wait, err := b.Take(ctx, d)
		if ctx.Err() != nil {
			return sum
		}
		if err != nil {
			t.Error(err)
			return sum
		}
		sum += n
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func TestBudgetIsAwayWithRedis(t *testing.T) {
	server := testbed.OwnRedis(t)
	budget := budgetOf(t, openStore(t, redisConfig(server.Addr)))
	d := audit.Demand{Tenant: exchange.Tenant.ID, PerMinute: 2000, Asker: "a", Streams: 1, Requests: 1}
	if n, _, err := budget.Take(t.Context(), d); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if err := budget.Throttled(t.Context(), d.Tenant, 0); err != nil {
		t.Fatal(err)
	}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	n, _, err := budget.Take(t.Context(), d)
	wantFault(t, err, "take from request budget", "start Redis")
	if n > 0 {
		t.Error("a request was granted without Redis")
	}
	wantFault(t, budget.Throttled(t.Context(), d.Tenant, 0), "slow request budget down", "start Redis")
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.Requests = 1000
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	// The refusal is remembered: 16 a second instead of 32.
	if got := useUp(ctx, t, budget, d); got < 25 || got > 49 {
		t.Errorf("%d requests in 2 s after the restart", got)
	}
}

// TestClockOfAnInstanceDoesNotCount has an instance that believes in the year 2000 beside one that does not.
func TestClockOfAnInstanceDoesNotCount(t *testing.T) {
	server := testbed.Redis(t)
	c := redisConfig(server.Addr)
	c.KeyPrefix = testbed.Name(t) + ":"
	d := audit.Demand{Tenant: exchange.Tenant.ID, PerMinute: 60, Asker: "right", Streams: 1, Requests: 1}
	wrong := d
	wrong.Asker = "wrong"
	synctest.Test(t, func(t *testing.T) {
		store, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		if year := time.Now().Year(); year != 2000 {
			t.Fatalf("it is %d here", year)
		}
		if n, _, err := budgetOf(t, store).Take(t.Context(), wrong); n != 1 || err != nil {
			t.Errorf("granted %d, %v", n, err)
		}
	})
	budget := budgetOf(t, openStore(t, c))
	n, wait, err := budget.Take(t.Context(), d)
	if n != 0 || wait < 500*time.Millisecond || wait > 1100*time.Millisecond || err != nil {
		t.Errorf("after the wrong clock's request: granted %d, wait %s, %v", n, wait, err)
	}
	time.Sleep(wait + 20*time.Millisecond)
	if n, _, err := budget.Take(t.Context(), d); n != 1 || err != nil {
		t.Errorf("granted %d, %v", n, err)
	}
}

// BenchmarkTake is what a request costs while the budget is ample.
func BenchmarkTake(b *testing.B) {
	store, err := Open(b.Context(), redisConfig(testbed.Redis(b).Addr))
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	budget, _ := SharedBudget(store)
	d := audit.Demand{Tenant: testbed.Name(b), PerMinute: 100_000_000, Asker: "a", Streams: 1, Requests: 1}
	for b.Loop() {
		if _, _, err := budget.Take(b.Context(), d); err != nil {
			b.Fatal(err)
		}
	}
}
