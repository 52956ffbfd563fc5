package process

import (
	"context"
	"syscall"
	"testing"
	"time"

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
	s := newStage(t, parts{
		emulator: emulator.Config{
			Seed: 7, BacklogRecords: 10000, Backlog: 50 * time.Minute, Rate: 100, RecordsPerBlob: blobRecords, Faults: emulator.Mix(),
		},
		kafka: testbed.Kafka(t).Addresses(), redis: testbed.Redis(t).Addr,
		settings: quick,
	})
	const kills = 3
	c := s.start()
	for i := range kills {
		s.await(c, 1500*(i+1))
		if err := c.end(syscall.SIGKILL); err == nil {
			t.Fatal("a killed process ended well")
		}
		c = s.start()
	}
	time.Sleep(5 * time.Second)
	s.api.StopOffering()
	v := s.settled(c, 2*time.Minute)
	if err := c.end(syscall.SIGTERM); err != nil {
		t.Errorf("SIGTERM: %v\n%s", err, c.tail())
	}
	t.Logf("offered %d, delivered %d, repeated %d after %d kills", v.Offered, v.Delivered, v.Repeated, kills)
	if most := mostRepeated(kills); v.Repeated > most || v.Foreign > 0 {
		t.Errorf("repeated %d, at most %d can be in flight; never offered %d", v.Repeated, most, v.Foreign)
	}
}

// await waits until so many records have arrived.
func (s *stage) await(c *connector, records int) {
	s.t.Helper()
	end := time.Now().Add(time.Minute)
	for s.tally.Total() < records {
		if time.Now().After(end) {
			s.t.Fatalf("%d of %d records after a minute\n%s", s.tally.Total(), records, c.tail())
		}
		time.Sleep(50 * time.Millisecond)
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
	s := newStage(t, parts{
		emulator: emulator.Config{
			Seed: 8, BacklogRecords: 10000, Backlog: 50 * time.Minute, Rate: 100, RecordsPerBlob: blobRecords, Faults: emulator.Mix(),
		},
		kafka: kafka.Addresses(), redis: redis.Addr, settings: quick,
	})
	c := s.start()
	s.await(c, 1000)
	for _, server := range []service{redis, kafka} {
		if err := server.Pause(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if err := server.Resume(); err != nil {
			t.Fatal(err)
		}
		s.await(c, s.tally.Total()+500)
	}
	for _, server := range []service{redis, kafka} {
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if err := server.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.await(c, s.tally.Total()+500)
	}
	s.api.StopOffering()
	v := s.settled(c, 2*time.Minute)
	if err := c.end(syscall.SIGTERM); err != nil {
		t.Errorf("SIGTERM: %v\n%s", err, c.tail())
	}
	t.Logf("offered %d, delivered %d, repeated %d", v.Offered, v.Delivered, v.Repeated)
	if most := mostRepeated(4); v.Repeated > most || v.Foreign > 0 {
		t.Errorf("repeated %d, at most %d can be in flight; never offered %d", v.Repeated, most, v.Foreign)
	}
}
