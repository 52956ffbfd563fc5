package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"o365-kafka-connector/internal/emulator"
)

// weathers are what can be wrong with a link.
var weathers = []struct {
	name    string
	weather func(r *rand.Rand) Weather
}{
	{"latency", func(r *rand.Rand) Weather {
		return Weather{Delay: between(r, 20*time.Millisecond, 600*time.Millisecond)}
	}},
	{"bandwidth", func(r *rand.Rand) Weather { return Weather{Rate: 5000 + r.IntN(100_000)} }},
	{"cut", func(*rand.Rand) Weather { return Weather{Down: true} }},
	{"requests lost", func(*rand.Rand) Weather { return Weather{Hold: true} }},
	{"answers lost", func(*rand.Rand) Weather { return Weather{Mute: true} }},
	{"black hole", func(*rand.Rand) Weather { return Weather{Hold: true, Mute: true} }},
}

// route are links that are harmed together.
type route struct {
	name   string
	target string
	links  []*Link
}

func (s *stand) linkFaults() []fault {
	var all []fault
	for _, w := range weathers {
		for _, to := range []struct {
			name   string
			weight int
			pick   func(r *rand.Rand) route
		}{{"kafka", 3, s.kafkaRoute}, {"redis", 1, s.redisRoute}, {"api", 1, s.apiRoute}} {
			kind := "link to " + to.name + ", " + w.name
			all = append(all, fault{kind, to.weight, func(ctx context.Context, r *rand.Rand) error {
				s.storm(ctx, r, kind, to.pick(r), w.weather(r))
				return nil
			}})
		}
	}
	return append(all, fault{"api clock is off", 1, s.moveClock})
}

// storm changes the weather for a while. What was held arrives afterwards, or is lost with its connections.
func (s *stand) storm(ctx context.Context, r *rand.Rand, kind string, on route, w Weather) {
	d := between(r, 500*time.Millisecond, 8*time.Second)
	lost := (w.Hold || w.Mute) && r.IntN(2) == 0
	text := fmt.Sprintf("%s for %s", on.target, d)
	if lost {
		text += ", then reset"
	}
	defer s.told.begin(kind, "%s", text)()
	for _, k := range on.links {
		k.Set(w)
	}
	pause(ctx, d)
	for _, k := range on.links {
		if lost {
			k.Reset()
		}
		k.Set(Weather{})
	}
}

// kafkaRoute leads from one instance to all brokers or to one.
func (s *stand) kafkaRoute(r *rand.Rand) route {
	i := r.IntN(len(s.all))
	if r.IntN(2) == 0 {
		return route{"kafka", s.all[i].name + " to all brokers", s.kafka.links[i]}
	}
	n := r.IntN(brokerCount)
	return route{"kafka", fmt.Sprintf("%s to broker %d", s.all[i].name, n+1), s.kafka.links[i][n : n+1]}
}

// redisRoute leads from everybody, Sentinel and replica included, to one server: a long trouble is a failover, too, while
// the former master is alive.
func (s *stand) redisRoute(r *rand.Rand) route {
	i := r.IntN(len(s.redis.links))
	return route{"redis", fmt.Sprintf("all to server %d", i+1), s.redis.links[i : i+1]}
}

func (s *stand) apiRoute(r *rand.Rand) route {
	i := r.IntN(len(s.all))
	return route{"api", s.all[i].name, s.apiLinks[i : i+1]}
}

func (s *stand) moveClock(ctx context.Context, r *rand.Rand) error {
	off, d := between(r, -3*time.Minute, 3*time.Minute), between(r, 2*time.Second, 10*time.Second)
	defer s.told.begin("api clock is off", "by %s for %s", off, d)()
	err := s.api.SetFaults(append(mix(), emulator.Fault{Kind: emulator.ClockOffset, Delay: off})...)
	pause(ctx, d)
	if err != nil {
		return err
	}
	return s.api.SetFaults(mix()...)
}
