package scale

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

// streamsOf are the keys of a tenant's streams, sorted.
func streamsOf(tenant string) []string {
	var keys []string
	for _, ct := range emulator.ContentTypes {
		keys = append(keys, tenant+"/"+ct)
	}
	slices.Sort(keys)
	return keys
}

// listings counts what the emulator was asked for, stream by stream.
func listings(api *emulator.Emulator) map[string]int {
	n := map[string]int{}
	for _, r := range api.Stats().Requests {
		if r.Operation == "content" {
			n[r.Tenant+"/"+r.ContentType] += r.Count
		}
	}
	return n
}

// TestNoRequestWithoutRedis takes Redis away for longer than instances wait for their turn.
func TestNoRequestWithoutRedis(t *testing.T) {
	t.Parallel()
	redis := testbed.OwnRedis(t)
	s := stage.New(t, stage.Parts{
		Emulator: emulator.Config{Seed: 12, Rate: 50, BacklogRecords: 2000, Backlog: 50 * time.Minute, RecordsPerBlob: blobRecords},
		Kafka:    testbed.Kafka(t).Addresses(), Redis: redis.Addr, Control: "session_timeout: 6s",
		Settings: "source: {poll_interval: 1s, timeout: 5s, requests_per_minute: 1200}\n",
	})
	c := newCrew(t, s, streamsOf(emulator.DefaultTenantID))
	c.start("a", "b")
	c.whole(30*time.Second, "a", "b")
	if err := redis.Kill(); err != nil {
		t.Fatal(err)
	}
	sent := c.quiet()
	time.Sleep(20 * time.Second)
	if diff := cmp.Diff(sent, s.API.Stats().Requests); diff != "" {
		t.Errorf("requests were sent without Redis (-before +after): %s", diff)
	}
	for name, p := range c.running {
		told, ok := statusOf(p)
		if states := states(told); !ok || states["unowned"] > 0 {
			t.Errorf("%s tells without Redis: %v", name, states)
		}
		if code, _ := p.Get("/readyz"); code != 503 {
			t.Errorf("/readyz of %s is %d without Redis", name, code)
		}
	}
	before := listings(s.API)
	began := time.Now()
	if err := redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.await(30*time.Second, "all streams list again", func() bool {
		now := listings(s.API)
		return !slices.ContainsFunc(c.streams, func(key string) bool { return now[key] == before[key] })
	}, func() string { return fmt.Sprint(before, listings(s.API)) })
	c.tell("all streams list again after Redis is back", time.Since(began), 10*time.Second)
	c.whole(noticed, "a", "b")
	s.API.StopOffering()
	v := s.Settled(settling, c.running["a"], c.running["b"])
	c.stopAll()
	t.Logf("offered %d, repeated %d", v.Offered, v.Repeated)
	if most := len(c.streams) * groupBlobs * blobRecords; v.Repeated > most || v.Foreign > 0 {
		t.Errorf("%d repeated, at most %d can be in hand; %d never offered", v.Repeated, most, v.Foreign)
	}
}

// quiet returns what the emulator was asked for when nothing has come for 3 seconds: what was granted has been sent then,
// on a busy machine, too.
func (c *crew) quiet() []emulator.RequestCount {
	c.t.Helper()
	sent, since := c.API.Stats().Requests, time.Now()
	c.await(8*time.Second, "requests end", func() bool {
		if now := c.API.Stats().Requests; !slices.Equal(sent, now) {
			sent, since = now, time.Now()
		}
		return time.Since(since) > 3*time.Second
	}, func() string { return fmt.Sprint(c.API.Stats().Requests) })
	return sent
}

// states counts the streams of each state.
func states(s status) map[string]int {
	n := map[string]int{}
	for _, one := range s.Streams {
		n[one.State]++
	}
	return n
}

// TestCoordinatorDies kills the broker that coordinates the group.
func TestCoordinatorDies(t *testing.T) {
	t.Parallel()
	redis := testbed.OwnRedis(t).Addr
	brokers := replicatedKafka(t)
	s := stage.New(t, stage.Parts{
		Emulator: emulator.Config{Seed: 13, Rate: 50, RecordsPerBlob: blobRecords},
		Kafka:    brokers.Addresses(), Redis: redis, Control: "session_timeout: 6s",
		Settings: "source: {poll_interval: 1s, timeout: 5s, requests_per_minute: 6000}\n",
	})
	c := newCrew(t, s, streamsOf(emulator.DefaultTenantID))
	c.start("a", "b")
	c.whole(60*time.Second, "a", "b")
	client := kafka.Client{Addr: kafka.TCP(brokers.Addresses()...), Timeout: 10 * time.Second}
	found, err := client.FindCoordinator(t.Context(), &kafka.FindCoordinatorRequest{Key: s.Name, KeyType: kafka.CoordinatorKeyTypeConsumer})
	if err != nil || found.Error != nil {
		t.Fatal(err, found)
	}
	rounds := len(c.running["a"].Lines("partitions assigned"))
	began := time.Now()
	if err := brokers.Brokers[found.Coordinator.NodeID-1].Kill(); err != nil {
		t.Fatal(err)
	}
	c.await(patience(rejoined), "the group is formed anew", func() bool {
		return len(c.running["a"].Lines("partitions assigned")) > rounds
	}, nil)
	c.whole(patience(rejoined), "a", "b")
	c.tell("streams have owners after their coordinator died", time.Since(began), rejoined)
	s.API.StopOffering()
	v := s.Settled(settling, c.running["a"], c.running["b"])
	c.stopAll()
	t.Logf("offered %d, repeated %d", v.Offered, v.Repeated)
	if most := len(c.streams) * groupBlobs * blobRecords; v.Repeated > most || v.Foreign > 0 {
		t.Errorf("%d repeated, at most %d can be in hand; %d never offered", v.Repeated, most, v.Foreign)
	}
}

// replicatedKafka starts three brokers that keep every topic three times.
func replicatedKafka(t *testing.T) *testbed.Cluster {
	t.Helper()
	brokers, err := testbed.StartKafkaCluster(t.Context(), 3, testbed.KafkaOptions{
		Properties: map[string]string{"default.replication.factor": "3", "min.insync.replicas": "2"},
	})
	testbed.Require(t, err)
	t.Cleanup(func() {
		if err := brokers.Close(); err != nil {
			t.Error(err)
		}
	})
	return brokers
}
