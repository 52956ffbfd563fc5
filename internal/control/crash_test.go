package control

import (
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/testbed"
	"o365-kafka-connector/internal/unit"
)

// crashRig has a broker with the rebalance delay that a broker has by default, and sessions that are longer than the
// tests wait.
func crashRig(t *testing.T) *rig {
	t.Parallel()
	b := testbed.OwnKafkaWith(t, testbed.KafkaOptions{Properties: map[string]string{"group.initial.rebalance.delay.ms": "3000"}})
	r := newRig(t, b.Addresses())
	r.config.SessionTimeout, r.config.HeartbeatInterval = unit.Duration(30*time.Second), unit.Duration(500*time.Millisecond)
	return r
}

const resumes = 3 * time.Second

func TestACrashedProcessResumesAtOnce(t *testing.T) {
	r := crashRig(t)
	p := r.spawn("a")
	p.runsAll(5, 20*time.Second)
	for range 6 {
		p.kill()
		p = r.spawn("a")
		t.Logf("alone: resumed after %v", p.runsAll(5, resumes))
	}
	b := r.join("b", change{})
	r.until("b has its share", 10*time.Second, func() bool { return len(b.Members().Streams) == 2 || len(b.Members().Streams) == 3 })
	for range 6 {
		p.kill()
		p = r.spawn("a")
		took := r.until("both run all streams", resumes, func() bool { return p.streams() >= 2 && p.streams()+len(b.Members().Streams) == 5 })
		t.Logf("beside another: resumed after %v", took)
	}
}

// A process that is killed while it joins has never learnt its member id.
func TestACrashWhileJoining(t *testing.T) {
	r := crashRig(t)
	b := r.join("b", change{})
	r.until("b runs all", 20*time.Second, func() bool { return len(b.Members().Streams) == 5 })
	for i := range 6 {
		p := r.spawn("a")
		time.Sleep(time.Duration(60+60*i) * time.Millisecond)
		p.kill()
	}
	p := r.spawn("a")
	took := r.until("both run all streams", resumes, func() bool { return p.streams() >= 2 && p.streams()+len(b.Members().Streams) == 5 })
	t.Logf("resumed after %v", took)
}

func TestABrokerRestart(t *testing.T) {
	t.Parallel()
	k := testbed.OwnKafka(t)
	r := newRig(t, k.Addresses())
	r.config.SessionTimeout = unit.Duration(10 * time.Second)
	r.join("a", change{})
	r.join("b", change{})
	r.whole(20*time.Second, "a", "b")
	for _, end := range []func() error{k.Kill, func() error { return k.Stop(t.Context()) }} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
		r.until("all streams stop", 20*time.Second, func() bool { return len(r.owners()) == 0 })
		if err := k.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		// The session is 10 s: nobody waits for members that the broker still remembers.
		t.Logf("whole again %v after the broker", r.whole(7*time.Second, "a", "b"))
	}
}

func TestTheCoordinatorDies(t *testing.T) {
	t.Parallel()
	c := testbed.KafkaCluster(t, 3)
	r := newRig(t, c.Addresses())
	r.config.SessionTimeout = unit.Duration(10 * time.Second)
	replicated := change{options: func(o *Options) { o.Replication = 3 }}
	a := r.join("a", replicated)
	r.join("b", replicated)
	r.whole(30*time.Second, "a", "b")
	found, err := r.conn.Client.FindCoordinator(t.Context(), &kafka.FindCoordinatorRequest{Key: r.config.GroupID, KeyType: kafka.CoordinatorKeyTypeConsumer})
	if err != nil || found.Error != nil {
		t.Fatal(err, found)
	}
	before := a.Members().Generation
	began := time.Now()
	if err := c.Brokers[found.Coordinator.NodeID-1].Kill(); err != nil {
		t.Fatal(err)
	}
	r.until("a new coordinator is found", 20*time.Second, func() bool { return a.Members().Generation > before })
	r.whole(9*time.Second-time.Since(began), "a", "b") // less than the session
	t.Logf("whole again after %v", time.Since(began))
	// A client may know the old leaders for some seconds.
	r.until("a command is done", 20*time.Second, func() bool {
		for reply, err := range r.client.Do(t.Context(), pause(streamsOf(contoso)[0], "after")) {
			if err == nil && reply.Outcome == OutcomeDone {
				return true
			}
		}
		return false
	})
	t.Logf("commands are done again after %v", time.Since(began))
}
