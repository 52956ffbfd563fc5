package checkpoint

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"o365-kafka-connector/internal/audit"
)

func budgetOf(t *testing.T, s Store) *Budget {
	t.Helper()
	b, ok := SharedBudget(s)
	if !ok {
		t.Fatal("the store has no budget")
	}
	return b
}

// asker is a simulated instance: it asks again and again, on a clock that the test turns.
type asker struct {
	demand audit.Demand
	next   time.Duration // when it asks
	got    int
	lag    func() time.Duration // how late it is, each time
}

// simulation runs askers on one budget, in virtual time.
type simulation struct {
	server *miniredis.Miniredis
	budget *Budget
	base   time.Time
	askers []*asker
	grants []grant
}

type grant struct {
	at time.Duration
	n  int
}

func newSimulation(t *testing.T) *simulation {
	s := &simulation{server: miniredis.RunT(t), base: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}
	s.budget = budgetOf(t, openStore(t, redisConfig(s.server.Addr())))
	return s
}

func (s *simulation) add(d audit.Demand, lag func() time.Duration) *asker {
	d.Tenant, d.Asker = exchange.Tenant.ID, fmt.Sprint("asker", len(s.askers))
	a := &asker{demand: d, lag: lag}
	s.askers = append(s.askers, a)
	return a
}

// run lets the askers ask until a time; each calls event whenever a question is due.
func (s *simulation) run(t *testing.T, until time.Duration, event func(now time.Duration)) {
	t.Helper()
	for {
		first := s.askers[0]
		for _, a := range s.askers {
			if a.next < first.next {
				first = a
			}
		}
		if first.next >= until {
			return
		}
		if event != nil {
			event(first.next)
		}
		s.ask(t, first)
	}
}

func (s *simulation) ask(t *testing.T, a *asker) {
	t.Helper()
	s.server.SetTime(s.base.Add(a.next))
	n, wait, err := s.budget.Take(t.Context(), a.demand)
	if err != nil {
		t.Fatal(err)
	}
	if n < 0 || n > a.demand.Requests || n == 0 && wait <= 0 || wait > 6*time.Second {
		t.Fatalf("granted %d of %d, wait %s", n, a.demand.Requests, wait)
	}
	if n > 0 {
		a.got += n
		s.grants = append(s.grants, grant{a.next, n})
	}
	a.next += wait + a.lag()
}

// worst returns the most requests that were granted within any minute.
func (s *simulation) worst() int {
	worst, sum, from := 0, 0, 0
	for _, g := range s.grants {
		sum += g.n
		for s.grants[from].at <= g.at-time.Minute {
			sum -= s.grants[from].n
			from++
		}
		worst = max(worst, sum)
	}
	return worst
}

func (s *simulation) total() int {
	sum := 0
	for _, g := range s.grants {
		sum += g.n
	}
	return sum
}

func upTo(d time.Duration, r *rand.Rand) func() time.Duration {
	return func() time.Duration { return time.Duration(r.Int64N(int64(d))) }
}

// resting is upTo with pauses of up to half a minute, after which the budget is full again.
func resting(d time.Duration, r *rand.Rand) func() time.Duration {
	late := upTo(d, r)
	return func() time.Duration {
		if r.IntN(200) == 0 {
			return time.Duration(r.Int64N(int64(30 * time.Second)))
		}
		return late()
	}
}

// TestNoMinuteExceedsTheBudget lets random instances ask at random times, rest, be late and be refused.
func TestNoMinuteExceedsTheBudget(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			quota := []int{1, 6, 60, 300, 2000}[r.IntN(5)]
			s := newSimulation(t)
			for range 1 + r.IntN(5) {
				streams := 1 + r.IntN(5)
				d := audit.Demand{PerMinute: quota, Streams: streams, Requests: streams + r.IntN(40), Background: r.IntN(4) == 0}
				s.add(d, resting(time.Duration(1+r.IntN(1000))*time.Millisecond, r))
			}
			s.run(t, 3*time.Minute, func(now time.Duration) {
				if r.IntN(2000) == 0 {
					s.server.SetTime(s.base.Add(now))
					if err := s.budget.Throttled(t.Context(), exchange.Tenant.ID, time.Duration(r.IntN(10))*time.Second); err != nil {
						t.Fatal(err)
					}
				}
			})
			limit := int(0.95*float64(quota)*61/60) + 1
			if got := s.worst(); got > limit || got > quota {
				t.Errorf("%d requests in a minute, at most %d of %d", got, limit, quota)
			}
			if s.total() == 0 {
				t.Error("nothing was granted")
			}
		})
	}
}

// TestBudgetIsUsedUp expects that tickets waste nothing.
func TestBudgetIsUsedUp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	s := newSimulation(t)
	for range 4 {
		s.add(audit.Demand{PerMinute: 600, Streams: 2, Requests: 8}, upTo(5*time.Millisecond, r))
	}
	s.run(t, 2*time.Minute, nil)
	if got := s.total(); got < 1120 || got > 1150 {
		t.Errorf("%d requests in two minutes, want 1140", got)
	}
}

// TestStreamsOfAllInstancesAreEqual has one instance with one stream far away from Redis, and one with four nearby that
// have many requests.
func TestStreamsOfAllInstancesAreEqual(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	s := newSimulation(t)
	far := s.add(audit.Demand{PerMinute: 600, Streams: 1, Requests: 1}, func() time.Duration { return 60 * time.Millisecond })
	near := s.add(audit.Demand{PerMinute: 600, Streams: 4, Requests: 100}, upTo(time.Millisecond, r))
	s.run(t, time.Minute, nil)
	if far.got < 95 || far.got > 130 || far.got+near.got < 560 {
		t.Errorf("the far stream got %d, the four near ones %d", far.got, near.got)
	}
}

// TestDeadAskerIsPassed has an instance die in the line.
func TestDeadAskerIsPassed(t *testing.T) {
	s := newSimulation(t)
	dead := s.add(audit.Demand{PerMinute: 60, Streams: 5, Requests: 5}, func() time.Duration { return time.Hour })
	alive := s.add(audit.Demand{PerMinute: 60, Streams: 1, Requests: 1}, func() time.Duration { return 0 })
	alive.next = time.Millisecond
	s.run(t, 2*time.Minute, nil)
	if dead.got+alive.got < 105 { // it was told to come back 5 s later, and is waited for
		t.Errorf("%d requests in two minutes, want 114", dead.got+alive.got)
	}
}

// TestBackgroundOfOthers has one instance's back-fill beside another's downloads.
func TestBackgroundOfOthers(t *testing.T) {
	for _, c := range []struct {
		every    time.Duration
		min, max int
	}{{time.Hour, 270, 300}, {210 * time.Millisecond, 130, 155}, {time.Millisecond, 0, 25}} {
		s := newSimulation(t)
		front := s.add(audit.Demand{PerMinute: 600, Streams: 1, Requests: 1}, func() time.Duration { return c.every })
		behind := s.add(audit.Demand{PerMinute: 600, Streams: 4, Requests: 20, Background: true}, func() time.Duration { return 0 })
		s.run(t, time.Minute, nil)
		if behind.got < c.min || behind.got > c.max {
			t.Errorf("%d in the background beside %d others, want %d to %d", behind.got, front.got, c.min, c.max)
		}
	}
}

func TestRefusalHalvesThePaceOfAll(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	s := newSimulation(t)
	for range 2 {
		s.add(audit.Demand{PerMinute: 600, Streams: 1, Requests: 4}, upTo(time.Millisecond, r))
	}
	s.server.SetTime(s.base)
	for range 10 { // all were under way
		if err := s.budget.Throttled(t.Context(), exchange.Tenant.ID, 0); err != nil {
			t.Fatal(err)
		}
	}
	last := 0
	for i, want := range []int{285, 299, 328, 356, 384, 413, 441, 470, 498, 527, 555, 570, 570} {
		s.run(t, time.Duration(i+1)*time.Minute, nil)
		if got := s.total() - last; got < want-10 || got > want+10 {
			t.Errorf("minute %d: %d requests, want %d", i, got, want)
		}
		last = s.total()
	}
}

// TestRefusalsThatLast has the API refuse everything: the pace falls to a sixteenth, and comes back.
func TestRefusalsThatLast(t *testing.T) {
	s := newSimulation(t)
	a := s.add(audit.Demand{PerMinute: 1600, Streams: 1, Requests: 50}, func() time.Duration { return 50 * time.Millisecond })
	refuse := func(now time.Duration) {
		s.server.SetTime(s.base.Add(now))
		if err := s.budget.Throttled(t.Context(), exchange.Tenant.ID, 0); err != nil {
			t.Fatal(err)
		}
	}
	s.run(t, 5*time.Minute, refuse)
	last := a.got
	s.run(t, 6*time.Minute, refuse)
	if got := a.got - last; got < 90 || got > 100 { // 1520 / 16
		t.Errorf("%d requests a minute", got)
	}
	last, a.next = a.got, 26*time.Minute
	s.run(t, 27*time.Minute, nil)
	if got := a.got - last; got < 1500 || got > 1550 {
		t.Errorf("%d requests a minute, 20 minutes after the last refusal", got)
	}
}

func TestSilenceIsKeptByAll(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{40 * time.Second: 40 * time.Second, 100 * time.Hour: time.Hour} {
		t.Run(asked.String(), func(t *testing.T) {
			s := newSimulation(t)
			for range 2 {
				s.add(audit.Demand{PerMinute: 600, Streams: 1, Requests: 1}, func() time.Duration { return 0 })
			}
			s.server.SetTime(s.base)
			if err := s.budget.Throttled(t.Context(), exchange.Tenant.ID, asked); err != nil {
				t.Fatal(err)
			}
			s.run(t, want, nil)
			if len(s.grants) > 0 {
				t.Errorf("a request at %s, while silence was asked for", s.grants[0].at)
			}
			s.run(t, want+10*time.Second, nil)
			if len(s.grants) == 0 {
				t.Errorf("no request after %s", want)
			}
		})
	}
}

// TestClockOfRedisIsSetBack expects that nobody waits for the time that is gone.
func TestClockOfRedisIsSetBack(t *testing.T) {
	s := newSimulation(t)
	s.add(audit.Demand{PerMinute: 600, Streams: 1, Requests: 5}, func() time.Duration { return 0 })
	s.run(t, time.Minute, nil)
	before := s.total()
	s.base = s.base.Add(-24 * time.Hour)
	s.run(t, 2*time.Minute, nil)
	if got := s.total() - before; got < 555 || got > 580 {
		t.Errorf("%d requests in the minute after the clock was set back, want 570", got)
	}
}

// TestForgottenBudgetGivesNoBurst loses Redis's data again and again.
func TestForgottenBudgetGivesNoBurst(t *testing.T) {
	s := newSimulation(t)
	s.add(audit.Demand{PerMinute: 2000, Streams: 1, Requests: 50}, func() time.Duration { return time.Millisecond })
	wiped := time.Duration(0)
	s.run(t, 2*time.Minute, func(now time.Duration) {
		if now-wiped > 3*time.Second {
			wiped = now
			s.server.FlushAll()
		}
	})
	if got := s.worst(); got > 1960 || got < 1850 {
		t.Errorf("%d requests in a minute", got)
	}
}

func TestSenselessDemands(t *testing.T) {
	budget := budgetOf(t, openStore(t, redisConfig("127.0.0.1:1")))
	good := audit.Demand{Tenant: "t", PerMinute: 1, Asker: "a", Streams: 1, Requests: 1}
	for _, spoil := range []func(*audit.Demand){
		func(d *audit.Demand) { d.Tenant = "" }, func(d *audit.Demand) { d.PerMinute = 0 }, func(d *audit.Demand) { d.Asker = "" },
		func(d *audit.Demand) { d.Streams = 0 }, func(d *audit.Demand) { d.Requests = -1 },
	} {
		d := good
		spoil(&d)
		if _, _, err := budget.Take(t.Context(), d); err == nil || audit.AsFault(err, "none").Cause != "none" {
			t.Errorf("%+v: %v", d, err)
		}
	}
	if _, ok := SharedBudget(openStore(t, fileConfig(t.TempDir()))); ok {
		t.Error("a directory is for one instance")
	}
}
