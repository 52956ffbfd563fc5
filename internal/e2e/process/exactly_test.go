package process

import (
	"syscall"
	"testing"
	"time"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

// load is what a stage under load offers.
func load(seed uint64) emulator.Config {
	return emulator.Config{
		Seed: seed, BacklogRecords: 6000, Backlog: 50 * time.Minute, Rate: 100, RecordsPerBlob: blobRecords, Faults: emulator.Mix(),
	}
}

// once expects that every record was delivered, and none twice.
func once(t *testing.T, s *stage.Stage, c *stage.Connector) {
	t.Helper()
	s.API.StopOffering()
	s.Settled(4*time.Minute, c) // a blob that fails four times in a row is pending for two and a half
	time.Sleep(3 * time.Second) // for what comes twice
	v := s.Tally.Compare(s.API.Truth("", ""), nil)
	c.Stop()
	t.Logf("offered %d, delivered %d, repeated %d, lost %d", v.Offered, v.Delivered, v.Repeated, v.Lost)
	if v.Repeated > 0 || v.Lost > 0 || v.Foreign > 0 {
		t.Errorf("repeated %d, lost %d, never offered %d", v.Repeated, v.Lost, v.Foreign)
	}
}

// A reader of committed records sees each record once, however often the connector is killed.
func TestKillsRepeatNothing(t *testing.T) {
	t.Parallel()
	s := stage.New(t, stage.Parts{Emulator: load(17), Kafka: testbed.Kafka(t).Addresses(), Redis: testbed.Redis(t).Addr, Settings: quick})
	c := s.Start("one", "")
	for i := range 8 {
		await(s, c, 500*(i+1))
		c.Kill()
		c = s.Start("one", "")
	}
	once(t, s, c)
}

// Redis loses everything, its newest writes, or a key, under a live owner: the journal has it.
func TestLostRedisRepeatsNothing(t *testing.T) {
	t.Parallel()
	server := testbed.OwnRedis(t)
	s := stage.New(t, stage.Parts{Emulator: load(18), Kafka: testbed.Kafka(t).Addresses(), Redis: server.Addr, Settings: quick})
	c := s.Start("one", "")
	r := newVault(t, server.Addr)
	await(s, c, 500)
	old := r.save()
	await(s, c, 1500)
	r.flush()
	await(s, c, 2500)
	r.restore(old)
	await(s, c, 3500)
	r.restore(r.save().without(":ledger"))
	await(s, c, 4500)
	r.mix(r.save(), ":pending", func() { await(s, c, 5500) })
	await(s, c, 6500)
	old = r.save()
	await(s, c, 7000)
	c.Kill()
	r.restore(old)
	c = s.Start("one", "")
	await(s, c, 8000)
	c.Kill()
	r.flush()
	c = s.Start("one", "")
	await(s, c, 9000)
	once(t, s, c)
	if len(c.Lines("checkpoint was lost, and rebuilt from the journal")) != streams {
		t.Errorf("not every stream's checkpoint was rebuilt:\n%s", c.Tail())
	}
}

// An owner that sleeps beyond its session finds itself fenced, in Kafka and in Redis, and rejoins.
func TestSleepingOwnerRepeatsNothing(t *testing.T) {
	t.Parallel()
	s := stage.New(t, stage.Parts{
		Emulator: load(19), Kafka: testbed.Kafka(t).Addresses(), Redis: testbed.Redis(t).Addr, Settings: quick,
		Control: "session_timeout: 3s, heartbeat_interval: 300ms",
	})
	one, two := s.Start("one", ""), s.Start("two", "")
	await(s, one, 500)
	for i := range 3 {
		one, two = two, one
		one.Signal(syscall.SIGSTOP)
		await(s, two, s.Tally.Total()+800)
		one.Signal(syscall.SIGCONT)
		await(s, two, s.Tally.Total()+300*(i+1))
	}
	once(t, s, one)
	two.Stop()
}

// Delivery may be changed there and back, while Redis loses everything. What is delivered at least once may be repeated
// when something breaks off; what is delivered exactly once may not, whatever was before and comes after.
func TestDeliveryMayBeChanged(t *testing.T) {
	t.Parallel()
	server := testbed.OwnRedis(t)
	s := stage.New(t, stage.Parts{Emulator: load(20), Kafka: testbed.Kafka(t).Addresses(), Redis: server.Addr, Settings: quick})
	r := newVault(t, server.Addr)
	repeated := func() int { return s.Tally.Compare(s.API.Truth("", ""), nil).Repeated }
	c := s.Delivering("at-least-once").Start("one", "")
	at, before := 0, 0
	more := func() {
		at = max(at, s.Tally.Total()) + 700
		await(s, c, at)
	}
	more()
	for _, delivery := range []string{"exactly-once", "at-least-once", "exactly-once", "at-least-once"} {
		c.Stop()
		before = repeated()
		r.flush()
		c = s.Delivering(delivery).Start("one", "")
		more()
		if delivery == "exactly-once" {
			r.flush()
			more()
			c.Kill()
			c = s.Delivering(delivery).Start("one", "")
			more()
		}
		// What broke off before is repeated at once.
		if n := repeated() - before; n > streams*groupBlobs*blobRecords {
			t.Errorf("%d records were repeated by changing to %s", n, delivery)
		}
	}
	for range 4 {
		more()
		c.Kill()
		r.flush()
		c = s.Delivering("at-least-once").Start("one", "")
	}
	more()
	once := repeated()
	c.Kill()
	c = s.Start("one", "")
	s.API.StopOffering()
	v := s.Settled(4*time.Minute, c) // a blob that fails four times in a row is pending for two and a half
	c.Stop()
	t.Logf("offered %d, delivered %d, repeated %d, before the last kill %d", v.Offered, v.Delivered, v.Repeated, once)
	if most := mostRepeated(5) / 2; v.Repeated > most || v.Foreign > 0 {
		t.Errorf("repeated %d, at most %d can be in flight; never offered %d", v.Repeated, most, v.Foreign)
	}
}
