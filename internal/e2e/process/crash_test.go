package process

import (
	"context"
	"testing"
	"time"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

const quick = `
source: {poll_interval: 1s, timeout: 5s, sweep: {interval: 5s}, requests_per_minute: 60000}
shutdown: {grace: 10s}
`

const (
	blobRecords = 20
	groupBlobs  = 20
	streams     = 5
)

// mostRepeated is what so many interruptions can repeat: a group of each stream.
func mostRepeated(interruptions int) int {
	return interruptions * streams * groupBlobs * (blobRecords + 2)
}

func TestKillsLoseNothing(t *testing.T) {
	t.Parallel()
	s := stage.New(t, stage.Parts{
		Emulator: emulator.Config{
			Seed: 7, BacklogRecords: 10000, Backlog: 50 * time.Minute, Rate: 100, RecordsPerBlob: blobRecords, Faults: emulator.Mix(),
		},
		Kafka: testbed.Kafka(t).Addresses(), Redis: testbed.Redis(t).Addr,
		Settings: quick,
	})
	const kills = 3
	c := s.Start("one", "")
	for i := range kills {
		await(s, c, 1500*(i+1))
		c.Kill()
		c = s.Start("one", "")
	}
	time.Sleep(5 * time.Second)
	s.API.StopOffering()
	v := s.Settled(2*time.Minute, c)
	c.Stop()
	t.Logf("offered %d, delivered %d, repeated %d after %d kills", v.Offered, v.Delivered, v.Repeated, kills)
	if most := mostRepeated(kills); v.Repeated > most || v.Foreign > 0 {
		t.Errorf("repeated %d, at most %d can be in flight; never offered %d", v.Repeated, most, v.Foreign)
	}
}

// service is a server whose process a test may treat badly.
type service interface {
	Start(ctx context.Context) error
	Kill() error
	Pause() error
	Resume() error
}

func TestOutagesLoseNothing(t *testing.T) {
	t.Parallel()
	kafka, redis := testbed.OwnKafka(t), testbed.OwnRedis(t)
	s := stage.New(t, stage.Parts{
		Emulator: emulator.Config{
			Seed: 8, BacklogRecords: 10000, Backlog: 50 * time.Minute, Rate: 100, RecordsPerBlob: blobRecords, Faults: emulator.Mix(),
		},
		Kafka: kafka.Addresses(), Redis: redis.Addr, Settings: quick,
	})
	c := s.Start("one", "")
	await(s, c, 1000)
	for _, server := range []service{redis, kafka} {
		if err := server.Pause(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if err := server.Resume(); err != nil {
			t.Fatal(err)
		}
		await(s, c, s.Tally.Total()+500)
	}
	for _, server := range []service{redis, kafka} {
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if err := server.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		await(s, c, s.Tally.Total()+500)
	}
	s.API.StopOffering()
	v := s.Settled(2*time.Minute, c)
	c.Stop()
	t.Logf("offered %d, delivered %d, repeated %d", v.Offered, v.Delivered, v.Repeated)
	if most := mostRepeated(4); v.Repeated > most || v.Foreign > 0 {
		t.Errorf("repeated %d, at most %d can be in flight; never offered %d", v.Repeated, most, v.Foreign)
	}
}
