package scale

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"
	"time"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

// The tenants: some stream of the first and some of the last share a partition.
const (
	first  = "a1111111-1111-1111-1111-111111111111"
	second = "b2222222-2222-2222-2222-222222222222"
	third  = "c2333333-3333-3333-3333-333333333333"
)

const (
	session     = 6 * time.Second
	perMinute   = 480
	blobRecords = 20
	groupBlobs  = 20 // of the stage's configuration
	partitions  = 12 // of the control topic
)

// What operators are promised.
const (
	gracefully = 3 * time.Second           // after SIGTERM
	resumed    = 3 * time.Second           // after a crash and a restart
	noticed    = session + 5*time.Second   // after a crash without one
	rejoined   = 20 * time.Second          // after the coordinator was away
	joined     = 6 * time.Second           // an instance that is added, from the start of its process
	settling   = 120 * time.Second         // until what waited is delivered, within the budget
	telling    = 3*session + 5*time.Second // until what nobody runs is told
)

// scenario is a group of instances in live traffic, which is disturbed in phases.
type scenario struct {
	*crew

	kafka   *testbed.Broker
	redis   *testbed.Server
	witness *witness
	exactly bool // delivery is exactly-once

	began time.Time // of the phase
	may   int       // records that may have been repeated by now
}

func newScenario(t *testing.T) *scenario {
	t.Helper()
	p := &scenario{kafka: testbed.OwnKafka(t), redis: testbed.OwnRedis(t), witness: newWitness()}
	s := stage.New(t, stage.Parts{
		Emulator: emulator.Config{
			Tenants: []emulator.Tenant{
				{ID: first, RequestsPerMinute: perMinute}, {ID: second, RequestsPerMinute: perMinute}, {ID: third, RequestsPerMinute: perMinute},
			},
			Seed: 11, BacklogRecords: 18_000, Backlog: 50 * time.Minute, Rate: 75, RecordsPerBlob: blobRecords,
		},
		Kafka: p.kafka.Addresses(), Redis: p.redis.Addr, Tenants: tenants(first, second, third),
		Control: "session_timeout: 6s", Event: p.witness.event,
		Settings: "source: {poll_interval: 4s, timeout: 5s, requests_per_minute: 480}\n",
	})
	var streams []string
	for _, tenant := range []string{first, second, third} {
		for _, ct := range emulator.ContentTypes {
			streams = append(streams, tenant+"/"+ct)
		}
	}
	slices.Sort(streams)
	p.crew = newCrew(t, s, streams)
	p.witness.watchLedgers(t, p.redis.Addr, s.Name+":", streams)
	c, err := config.Load(s.Config("none", "127.0.0.1:0", ""))
	if err != nil {
		t.Fatal(err)
	}
	p.exactly = c.Kafka.Delivery == "exactly-once"
	return p
}

// inHand is how many records may have been published from streams without having been marked as done: a group of each.
func (p *scenario) inHand(streams int) int {
	if p.exactly {
		return 0
	}
	return streams * groupBlobs * blobRecords
}

// phase disturbs the group. Disturb returns how many streams lost their owner, and how much each had in hand may be
// repeated. At the end each stream has one owner, of which all instances know.
func (p *scenario) phase(name string, disturb func() (streams int)) {
	p.t.Helper()
	p.t.Logf("--- %s", name)
	p.began = time.Now()
	p.may += p.inHand(disturb())
	p.whole(noticed)
	p.agreed()
	got, all := p.witness.since(p.began), p.witness.since(time.Time{})
	p.t.Logf("%s (%.0f s): %s; owners %v", name, time.Since(p.began).Seconds(), got, counts(p.claims()))
	if all.repeated > p.may {
		p.t.Errorf("%s: %d records are repeated by now, %d may be", name, all.repeated, p.may)
		p.may = all.repeated // told once
	}
	if got.wrongly > 0 {
		p.t.Errorf("%s: %d records repeated although their blobs were marked done", name, got.wrongly)
	}
}

// calm is phase, and waits until everything is delivered that was offered until then.
func (p *scenario) calm(name string, disturb func() (streams int)) {
	p.t.Helper()
	p.phase(name, func() int {
		streams := disturb()
		p.delivered(time.Now())
		return streams
	})
}

// delivered waits until all that was offered until a time is on Kafka.
func (p *scenario) delivered(until time.Time) {
	p.t.Helper()
	var v emulator.Verdict
	p.await(settling, "everything offered until now is delivered", func() bool {
		v = p.Tally.Compare(before(p.API.Truth("", ""), until), nil)
		return v.Lost == 0
	}, func() string { return fmt.Sprintf("%+v", v) })
}

// before yields the blobs that were offered by a time.
func before(truth iter.Seq[emulator.TruthBlob], t time.Time) iter.Seq[emulator.TruthBlob] {
	return func(yield func(emulator.TruthBlob) bool) {
		for b := range truth {
			if b.Created.Before(t) && !yield(b) {
				return
			}
		}
	}
}

// TestScaleOut disturbs a group in all the ways in which instances come and go.
func TestScaleOut(t *testing.T) {
	t.Parallel()
	p := newScenario(t)
	turnstile := watchRequests(t, p.API, first, second, third)
	// As long as there is a backlog, the request budget is used up.
	p.phase("one, two, four instances", p.grow)
	p.phase("graceful stop", p.stopOne)
	p.phase("kill -9 without a restart", p.killOne)
	p.calm("six kill -9 in a row, restarted", p.killInARow)
	p.calm("an instance is frozen and comes back", p.freezeOne)
	p.calm("an instance lacks a tenant", p.lackATenant)
	p.calm("nobody knows all", p.lackAnOwner)
	p.calm("Kafka is restarted", p.restartKafka)
	p.calm("Redis is restarted", p.restartRedis)

	p.API.StopOffering()
	var running []*stage.Connector
	for _, c := range p.running {
		running = append(running, c)
	}
	v := p.Settled(settling, running...)
	p.stopAll()
	t.Logf("offered %d, delivered %d, lost %d, repeated %d, never offered %d; %d blobs seen done", v.Offered, v.Delivered, v.Lost,
		v.Repeated, v.Foreign, p.witness.marks())
	if v.Foreign > 0 {
		t.Errorf("%d records were never offered", v.Foreign)
	}
	if p.witness.marks() < v.Offered/blobRecords {
		t.Errorf("%d blobs were seen to be marked done of %d records", p.witness.marks(), v.Offered)
	}
	turnstile.check(t, perMinute)
	if n := p.API.Stats().Count("", "403 AF429"); n > 0 {
		t.Errorf("%d requests were refused for the quota", n)
	}
}

func (p *scenario) grow() int {
	p.start("a")
	p.whole(30*time.Second, "a")
	for _, more := range [][]string{{"b"}, {"c", "d"}} {
		p.start(more...)
		p.tell("streams are shared with more instances", p.whole(patience(joined)+noticed, more...), joined)
	}
	n := slices.Sorted(maps.Values(counts(p.claims())))
	if n[len(n)-1]-n[0] > 1 {
		p.t.Errorf("streams are shared out as %v", n)
	}
	return 2 * len(p.streams)
}

func (p *scenario) stopOne() int {
	held := len(p.claims()["d"])
	d := p.running["d"]
	delete(p.running, "d")
	stopped := make(chan struct{})
	began := time.Now()
	go func() { defer close(stopped); d.Stop() }()
	p.whole(patience(gracefully) + noticed)
	p.tell("others have the streams after a graceful stop", time.Since(began), gracefully)
	<-stopped
	return held
}

func (p *scenario) killOne() int {
	began := time.Now()
	held := p.kill("c")
	p.whole(patience(noticed))
	p.tell("others have the streams after kill -9", time.Since(began), noticed)
	return held
}

func (p *scenario) killInARow() int {
	held := 0
	for range 6 {
		held += p.kill("b")
		p.start("b")
		p.tell("b has its streams after kill -9 and restart", p.whole(patience(noticed), "b"), resumed)
	}
	return held
}

func (p *scenario) freezeOne() int {
	fenced := metric(p.running["b"], "connector_fenced_total")
	held := len(p.claims()["b"])
	began := time.Now()
	thaw := p.freeze("b")
	p.whole(patience(noticed))
	p.tell("others have the streams of the frozen instance", time.Since(began), noticed)
	time.Sleep(2*session - time.Since(began))
	p.delivered(time.Now())
	thaw()
	p.tell("the instance that comes back has streams again", p.whole(patience(noticed), "b"), noticed)
	p.t.Logf("what the instance that came back was refused: %.0f", metric(p.running["b"], "connector_fenced_total")-fenced)
	return held
}

// lackATenant starts an instance that is configured for two of three tenants.
func (p *scenario) lackATenant() int {
	p.running["e"] = p.With(tenants(first, second)).Start("e", "")
	p.whole(noticed, "e")
	for _, key := range p.claims()["e"] {
		if key[:len(third)] == third {
			p.t.Errorf("an instance runs %s, which it is not configured for", key)
		}
	}
	p.stop("e")
	return 2 * len(p.streams)
}

// lackAnOwner leaves the group to two instances, each of which lacks a tenant: partitions with streams of both have no
// owner that knows all.
func (p *scenario) lackAnOwner() int {
	want := uncovered()
	if want == 0 {
		p.t.Fatal("choose other tenants: no partition has streams of the first and the last")
	}
	e, f := p.With(tenants(first, second)).Start("e", ""), p.With(tenants(second, third)).Start("f", "")
	p.running["e"], p.running["f"] = e, f
	p.whole(noticed, "e", "f")
	p.stop("a", "b")
	sum := func(name string) float64 { return metric(e, name) + metric(f, name) }
	p.await(telling, "the metric tells of streams without an owner", func() bool { return sum("connector_streams_unowned") == float64(want) },
		func() string { return fmt.Sprintf("%v, want %d", sum("connector_streams_unowned"), want) })
	unowned := 0
	for _, c := range []*stage.Connector{e, f} {
		s, _ := statusOf(c)
		for _, one := range s.Streams {
			if one.State == "unowned" {
				unowned++
			}
		}
		p.await(telling, "the log tells of streams without an owner", func() bool {
			lines := c.Lines("streams have no owner")
			return len(lines) > 0 && lines[len(lines)-1]["count"] == float64(want) && lines[0]["level"] == "ERROR"
		}, nil)
	}
	if unowned != want {
		p.t.Errorf("status tells of %d streams without an owner, want %d", unowned, want)
	}
	p.start("a", "b")
	p.whole(2*noticed, "a", "b")
	p.stop("e", "f")
	return 3 * len(p.streams)
}

// uncovered is how many streams have no owner if one instance lacks the first tenant and the other one the last: a
// partition goes to whom knows more of its streams.
func uncovered() int {
	var ofFirst, ofThird [partitions]int
	for _, ct := range emulator.ContentTypes {
		ofFirst[control.Shard(stream(first, ct), partitions)]++
		ofThird[control.Shard(stream(third, ct), partitions)]++
	}
	n := 0
	for p := range partitions {
		n += min(ofFirst[p], ofThird[p])
	}
	return n
}

func stream(tenant, contentType string) audit.Stream {
	return audit.Stream{Tenant: audit.Tenant{ID: tenant}, ContentType: audit.ContentType(contentType)}
}

func (p *scenario) restartKafka() int {
	if err := p.kafka.Stop(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	p.await(2*noticed, "the streams end without Kafka", func() bool {
		for _, streams := range p.claims() {
			if len(streams) > 0 {
				return false
			}
		}
		return true
	}, nil)
	if err := p.kafka.Start(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	p.tell("streams have owners after Kafka is back", p.whole(patience(rejoined), "a", "b"), rejoined)
	return len(p.streams)
}

func (p *scenario) restartRedis() int {
	if err := p.redis.Kill(); err != nil {
		p.t.Fatal(err)
	}
	time.Sleep(time.Second)
	if err := p.redis.Start(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	return len(p.streams)
}
