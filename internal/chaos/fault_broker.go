package chaos

import (
	"context"
	"math/rand/v2"
	"time"

	"o365-kafka-connector/internal/emulator"
)

// role finds the broker that plays a part.
type role func(ctx context.Context, r *rand.Rand) (int, error)

func (s *stand) brokerFaults() []fault {
	leader := func(ctx context.Context, r *rand.Rand) (int, error) {
		topic := []string{eventTopic, eventTopic, journalTopic}[r.IntN(3)]
		return s.kafka.leader(ctx, topic, r.IntN(64))
	}
	transactions := func(ctx context.Context, r *rand.Rand) (int, error) {
		contentType := emulator.ContentTypes[r.IntN(len(emulator.ContentTypes))]
		return s.kafka.coordinator(ctx, ofTransaction, name+"/"+emulator.DefaultTenantID+"/"+contentType)
	}
	group := func(ctx context.Context, _ *rand.Rand) (int, error) { return s.kafka.coordinator(ctx, ofGroup, name) }
	controller := func(ctx context.Context, _ *rand.Rand) (int, error) { return s.kafka.controller(ctx) }
	return []fault{
		s.killBroker("broker kill -9, leader", 3, leader),
		s.killBroker("broker kill -9, transactions", 2, transactions),
		s.killBroker("broker kill -9, group", 2, group),
		s.killBroker("broker kill -9, controller", 2, controller),
		s.freezeBroker("broker sleeps", 2, leader),
	}
}

func (s *stand) killBroker(kind string, weight int, who role) fault {
	return fault{kind, weight, func(ctx context.Context, r *rand.Rand) error {
		away := between(r, 500*time.Millisecond, 5*time.Second)
		n, err := who(ctx, r)
		if err != nil {
			n = r.IntN(brokerCount)
		}
		end := s.told.begin(kind, "broker %d, away for %s", n+1, away)
		defer end()
		if err := s.kafka.Brokers[n].Kill(); err != nil {
			return err
		}
		pause(ctx, away)
		if err := s.kafka.restart(context.WithoutCancel(ctx), n); err != nil {
			return err
		}
		return s.brokersInSync(ctx)
	}}
}

func (s *stand) freezeBroker(kind string, weight int, who role) fault {
	return fault{kind, weight, func(ctx context.Context, r *rand.Rand) error {
		d := between(r, time.Second, 6*time.Second)
		n, err := who(ctx, r)
		if err != nil {
			n = r.IntN(brokerCount)
		}
		defer s.told.begin(kind, "broker %d, SIGSTOP for %s", n+1, d)()
		if err := s.kafka.Brokers[n].Pause(); err != nil {
			return err
		}
		pause(ctx, d)
		if err := s.kafka.Brokers[n].Resume(); err != nil {
			return err
		}
		return s.brokersInSync(ctx)
	}}
}

// brokersInSync waits, so that at most one broker is missing at a time.
func (s *stand) brokersInSync(ctx context.Context) error {
	return s.kafka.awaitReplicas(ctx, time.Minute, eventTopic, letterTopic, journalTopic, controlTopic)
}
