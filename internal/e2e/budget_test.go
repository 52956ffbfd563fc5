package e2e

import (
	"context"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/auth"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/secret"
	"o365-kafka-connector/internal/source"
	"o365-kafka-connector/internal/testbed"
)

// pace is what the instances may send in a second.
const pace = 0.95 * 1200 / 60

// budgeted are several instances that read one tenant's log and share its request budget in Redis.
type budgeted struct {
	api     *emulator.Emulator
	redis   *testbed.Server
	clients []*source.Client
	listed  [4]atomic.Int64 // by instance
	refused atomic.Int64    // for want of a budget
}

func newBudgeted(t *testing.T, instances int, faults ...emulator.Fault) *budgeted {
	t.Helper()
	b := &budgeted{redis: testbed.OwnRedis(t), api: emulator.New(emulator.Config{Faults: faults})}
	server := httptest.NewServer(b.api)
	t.Cleanup(server.Close)
	for range instances {
		b.clients = append(b.clients, b.client(t, server.URL))
	}
	return b
}

func (b *budgeted) client(t *testing.T, address string) *source.Client {
	t.Helper()
	var login auth.Config
	login.SetDefaults()
	login.ClientID, login.ClientSecret = emulator.DefaultClientID, secret.String(emulator.DefaultClientSecret)
	tokens, err := auth.New(login, auth.Options{TenantID: emulator.DefaultTenantID, Authority: address, Resource: address})
	if err != nil {
		t.Fatal(err)
	}
	var c checkpoint.Config
	c.SetDefaults()
	c.Redis.Addresses = []string{b.redis.Addr}
	store, err := checkpoint.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	budget, _ := checkpoint.SharedBudget(store)
	var settings source.Config
	settings.SetDefaults()
	settings.RequestsPerMinute = 1200
	client, err := source.New(settings, source.Options{
		Tenant: audit.Tenant{ID: emulator.DefaultTenantID, Name: "contoso"}, BaseURL: address, Tokens: tokens, Budget: budget,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// list has each instance list one stream of its own with several workers, until the returned function is called.
func (b *budgeted) list(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for i, c := range b.clients {
		s := audit.Stream{Tenant: audit.Tenant{ID: emulator.DefaultTenantID}, ContentType: audit.ContentTypes()[i]}
		for range 3 + 3*i {
			group.Go(func() {
				for ctx.Err() == nil {
					b.listOnce(ctx, i, c, s)
				}
			})
		}
	}
	return func() { cancel(); group.Wait() }
}

func (b *budgeted) listOnce(ctx context.Context, i int, c *source.Client, s audit.Stream) {
	now := c.Now().Truncate(time.Second)
	for _, err := range c.List(ctx, s, audit.Window{Start: now.Add(-time.Second), End: now}) {
		if err != nil {
			if audit.AsFault(err, "").Cause == audit.CauseCheckpoint {
				b.refused.Add(1)
			}
			return
		}
	}
	b.listed[i].Add(1)
}

func (b *budgeted) requests() int { return b.api.Stats().Count("", "") }

// TestInstancesShareTheRequestBudget has them ask for more than there is, and stops Redis meanwhile.
func TestInstancesShareTheRequestBudget(t *testing.T) {
	t.Parallel()
	b := newBudgeted(t, 4)
	start := time.Now()
	stop := b.list(t)
	defer stop()
	time.Sleep(6 * time.Second)
	got, took := b.requests(), time.Since(start)
	if most := int(pace*(took.Seconds()+1)) + 1; got > most || got < most/2 {
		t.Errorf("%d requests in %s, at most %d", got, took, most)
	}
	for i := range b.listed {
		if n := int(b.listed[i].Load()); n < got/4/2 {
			t.Errorf("instance %d sent %d of %d requests", i, n, got)
		}
	}

	if err := b.redis.Kill(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond) // what was granted is sent
	before := b.requests()
	time.Sleep(2 * time.Second)
	if sent := b.requests() - before; sent > 0 {
		t.Errorf("%d requests without Redis", sent)
	}
	if err := b.redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); b.requests() < before+20; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d requests since Redis is back", b.requests()-before)
		}
	}
	if n := b.refused.Load(); n > 0 {
		t.Errorf("a short absence of Redis was told %d times", n)
	}
}

// TestRefusalSlowsAllInstancesDown has the API refuse one request: from then on they send half as many. The bound
// lies between half and whole, since a busy machine delivers what it granted before the count in it.
func TestRefusalSlowsAllInstancesDown(t *testing.T) {
	t.Parallel()
	b := newBudgeted(t, 3, emulator.Fault{Kind: emulator.Throttle, First: 1})
	stop := b.list(t)
	defer stop()
	time.Sleep(time.Second)
	before, start := b.requests(), time.Now()
	time.Sleep(4 * time.Second)
	got, took := b.requests()-before, time.Since(start)
	half := pace / 2 * took.Seconds()
	if n := float64(got); n > 1.5*half || n < 0.7*half {
		t.Errorf("%d requests in %s, half the pace is %.0f", got, took, half)
	}
}
