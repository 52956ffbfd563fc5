package scale

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

// TestOthersUseTheBudget has the emulator grant half of what is configured, as it is when other programs read the same
// tenant, and then all of it. Two instances have to give way, together, and come back step by step.
func TestOthersUseTheBudget(t *testing.T) {
	t.Parallel()
	const configured, granted, static = 600, 300, "another-program"
	server := testbed.OwnRedis(t)
	s := stage.New(t, stage.Parts{
		Emulator: emulator.Config{
			Seed: 14, BacklogRecords: 5000, Backlog: 50 * time.Minute, Rate: 10, RecordsPerBlob: 10, StaticToken: static,
			Faults: []emulator.Fault{{Kind: emulator.Quota, Count: granted}},
		},
		Kafka: testbed.Kafka(t).Addresses(), Redis: server.Addr, Control: "session_timeout: 6s",
		Settings: "source: {poll_interval: 2s, timeout: 5s, requests_per_minute: 600}\n",
	})
	const pace = 0.95 * configured / 60
	const tenant = emulator.DefaultTenantID
	c := newCrew(t, s, streamsOf(tenant))
	useUp(t, s, static, granted)
	others := requests(s.API, tenant)
	turnstile := watchRequests(t, s.API, tenant)
	c.start("a", "b")
	c.whole(30*time.Second, "a", "b")
	refused := func() int { return s.API.Stats().Count("", "403 AF429") }
	s.Until(30*time.Second, "a request is refused", func() bool { return refused() > 0 }, nil)

	paced := func(what string, want float64) {
		t.Helper()
		time.Sleep(2 * time.Second) // what was granted before is sent
		from, own := time.Now(), map[string]float64{}
		for name, p := range c.running {
			own[name] = metric(p, "connector_api_requests_total")
		}
		time.Sleep(12 * time.Second)
		got := turnstile.between(tenant, from, time.Now())
		t.Logf("%-45s %.2f requests/s, want %.2f; refused so far: %d", what, got, want, refused())
		if got > want*1.1 || got < want*0.75 {
			t.Errorf("%s: %.2f requests/s, want %.2f", what, got, want)
		}
		for name, p := range c.running {
			if metric(p, "connector_api_requests_total") == own[name] {
				t.Errorf("%s: %s sent none of them", what, name)
			}
		}
	}
	paced("half is granted", pace/2)
	if n := refused(); n > 20 {
		t.Errorf("%d requests were refused until the instances gave way", n)
	}
	if err := s.API.SetFaults(); err != nil {
		t.Fatal(err)
	}
	before := refused()
	store := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer store.Close()
	for _, step := range []struct {
		name string
		rest time.Duration
		want float64
	}{
		{"five quiet minutes later", 5 * time.Minute, pace * 0.75},
		{"ten quiet minutes later", 10 * time.Minute, pace},
	} {
		// Instead of waiting, the end of the minute without growth is moved into the past.
		if err := store.HSet(t.Context(), s.Name+":{"+tenant+"}:budget", "grow", time.Now().Add(-step.rest).UnixMicro()).Err(); err != nil {
			t.Fatal(err)
		}
		paced(step.name, step.want)
	}
	if n := refused() - before; n > 0 {
		t.Errorf("%d requests were refused without a quota", n)
	}
	s.API.StopOffering()
	v := s.Settled(3*settling, c.running["a"], c.running["b"])
	c.stopAll()
	t.Logf("offered %d, repeated %d; %d requests, %d of them of another program", v.Offered, v.Repeated, requests(s.API, tenant), others)
	if v.Repeated > 0 || v.Foreign > 0 {
		t.Errorf("%d repeated, %d never offered", v.Repeated, v.Foreign)
	}
}

// useUp sends requests as another program would, until the quota is used up.
func useUp(t *testing.T, s *stage.Stage, token string, granted int) {
	t.Helper()
	path := "/api/v1.0/" + emulator.DefaultTenantID + "/activity/feed/subscriptions/list?PublisherIdentifier=" + emulator.DefaultTenantID
	for range granted {
		request := httptest.NewRequest(http.MethodGet, path, nil)
		request.Header.Set("Authorization", "Bearer "+token)
		answer := httptest.NewRecorder()
		s.API.ServeHTTP(answer, request)
		if answer.Code != http.StatusOK {
			t.Fatalf("another program is answered %d", answer.Code)
		}
	}
}
