package process

import (
	"testing"
	"time"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/testbed"
)

// firstOfSchema is the first commit that delivers with a journal, and so writes the checkpoints of today's schema.
const firstOfSchema = "14eebc2"

// Two instances of an earlier version are replaced by today's, one after the other and under load, and back again.
func TestRollingUpgradeAndBackRepeatsNothing(t *testing.T) {
	t.Parallel()
	old := stage.BinaryOf(t, firstOfSchema)
	now := stage.Binary(t)
	s := stage.New(t, stage.Parts{Emulator: load(51), Kafka: testbed.Kafka(t).Addresses(), Redis: testbed.Redis(t).Addr, Settings: quick})
	instances := []*stage.Connector{s.Running(old).Start("one", ""), s.Running(old).Start("two", "")}
	more := func() {
		await(s, instances[0], s.Tally.Total()+800)
		instances[1].MustRun()
	}
	more()
	for round, version := range []string{now, old, now} {
		for i, name := range []string{"one", "two"} {
			if (round+i)%2 == 0 {
				instances[i].Stop()
			} else {
				instances[i].Kill()
			}
			instances[i] = s.Running(version).Start(name, "")
			more()
		}
	}
	instances[1].Stop()
	once(t, s, instances[0])
}

// What a newer version has written is refused, with what to do, and nothing else happens to it: that version goes on
// as if nothing had been.
func TestDataOfANewerVersionIsRefused(t *testing.T) {
	t.Parallel()
	server := testbed.OwnRedis(t)
	s := stage.New(t, stage.Parts{Emulator: load(52), Kafka: testbed.Kafka(t).Addresses(), Redis: server.Addr, Settings: quick})
	r := newVault(t, server.Addr)
	c := s.Start("one", "")
	await(s, c, 1000)
	c.Stop()
	r.setSchema("3")
	before := s.Tally.Total()
	c = s.Start("one", "")
	s.Until(30*time.Second, "the log says what to do", func() bool {
		for _, line := range c.Lines("stream is in trouble") {
			if hint, _ := line["hint"].(string); hint == "run the version of the connector that wrote the checkpoint, or one that is newer" {
				return true
			}
		}
		return false
	}, c.Tail)
	time.Sleep(2 * time.Second)
	if n := s.Tally.Total(); n != before {
		t.Errorf("%d records were delivered", n-before)
	}
	c.Stop()
	r.setSchema("2")
	c = s.Start("one", "")
	await(s, c, before+500)
	once(t, s, c)
}
