package scale

import (
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

// lateness is how late events come.
type lateness struct {
	t     *testing.T
	since time.Time // when live began

	mu   sync.Mutex // guards the following
	live []lag
}

// lag is that of one event.
type lag struct {
	at   time.Time // when it was produced
	late time.Duration
}

func (l *lateness) event(r *kgo.Record) {
	created, err := time.Parse(time.RFC3339Nano, stage.Header(r, "content_created"))
	if err != nil {
		l.t.Errorf("header content_created: %v", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !created.Before(l.since) {
		l.live = append(l.live, lag{r.Timestamp, r.Timestamp.Sub(created)})
	}
}

// worst returns the greatest lag of what was produced by a time, and how many that were.
func (l *lateness) worst(until time.Time) (most lag, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.live {
		if !e.at.After(until) {
			n++
			if e.late > most.late {
				most = e
			}
		}
	}
	return most, n
}

// TestLiveBeforeBacklog reads three days of backlog at 300 requests a minute. Scaled down are the number of requests that
// the backlog takes, and with it the interval of polls and what the head may lag behind: two polls and a third of the
// minute that is promised at full scale.
func TestLiveBeforeBacklog(t *testing.T) {
	t.Parallel()
	const poll, promised = 5 * time.Second, 2*5*time.Second + 20*time.Second
	late := &lateness{t: t, since: time.Now().Truncate(time.Millisecond)}
	s := stage.New(t, stage.Parts{
		Emulator: emulator.Config{
			Seed: 15, Start: late.since, BacklogRecords: 30_000, Backlog: 72 * time.Hour, Rate: 0.5, RecordsPerBlob: 200,
		},
		Kafka: testbed.Kafka(t).Addresses(), Redis: testbed.Redis(t).Addr, Control: "session_timeout: 6s", Event: late.event,
		Settings: "source: {poll_interval: 5s, timeout: 5s, first_fetch: 73h, requests_per_minute: 300}\n",
	})
	tenant := emulator.DefaultTenantID
	c := newCrew(t, s, streamsOf(tenant))
	turnstile := watchRequests(t, s.API, tenant)
	c.start("a", "b")
	c.whole(30*time.Second, "a", "b")
	c.await(30*time.Second, "the status tells of a backlog of days", func() bool { return backlogHours(c.running["a"]) > 24 }, nil)
	time.Sleep(15 * time.Second)
	c.kill("a")
	c.start("a")
	var v emulator.Verdict
	c.await(4*time.Minute, "the backlog is read", func() bool {
		v = s.Tally.Compare(before(s.API.Truth("", ""), late.since), nil)
		return v.Lost == 0
	}, nil)
	done := time.Now()
	worst, n := late.worst(done)
	t.Logf("%d records of backlog in %s; meanwhile %d live ones, at most %s late, after %s", v.Offered, done.Sub(late.since), n,
		worst.late, worst.at.Sub(late.since))
	if took := done.Sub(late.since); took < 2*promised {
		t.Errorf("the backlog was read in %s: too short to prove anything", took)
	}
	if n < 10 {
		t.Errorf("%d live records came while the backlog was read", n)
	}
	c.tell("live records beside a backlog of three days", worst.late, promised)
	c.await(30*time.Second, "the status tells of no backlog", func() bool {
		return backlogHours(c.running["a"])+backlogHours(c.running["b"]) == 0
	}, nil)
	s.API.StopOffering()
	v = s.Settled(settling, c.running["a"], c.running["b"])
	c.stopAll()
	t.Logf("offered %d, repeated %d; %d requests in the busiest minute", v.Offered, v.Repeated, turnstile.busiest(tenant, time.Minute))
	if most := len(c.streams) * groupBlobs * 200; v.Repeated > most || v.Foreign > 0 {
		t.Errorf("%d repeated, at most %d can be in hand; %d never offered", v.Repeated, most, v.Foreign)
	}
	if n := turnstile.busiest(tenant, time.Minute); n > 300 {
		t.Errorf("%d requests in a minute, 300 are granted", n)
	}
}

// backlogHours adds up the backlogs that an instance tells of.
func backlogHours(p *stage.Connector) float64 {
	s, _ := statusOf(p)
	sum := 0.0
	for _, one := range s.Streams {
		if one.Backlog != nil {
			sum += one.Backlog.Hours
		}
	}
	return sum
}
