package chaos

import (
	"context"
	"math/rand/v2"
	"os"
	"time"
)

func (s *stand) connectorFaults() []fault {
	return []fault{
		{"connector kill -9", 5, s.killConnector},
		{"connectors kill -9, all", 1, s.killConnectors},
		{"connector sleeps", 4, s.freezeConnector},
		{"connector naps", 1, s.napConnector},
		{"connector SIGTERM", 1, s.stopConnector},
	}
}

func (s *stand) connector(r *rand.Rand) *connector { return s.all[r.IntN(len(s.all))] }

func (s *stand) killConnector(ctx context.Context, r *rand.Rand) error {
	c, away := s.connector(r), between(r, 0, 2*time.Second)
	defer s.told.begin("connector kill -9", "%s, away for %s", c.name, away)()
	c.kill()
	pause(ctx, away)
	return c.start()
}

func (s *stand) killConnectors(ctx context.Context, r *rand.Rand) error {
	away := between(r, 0, 3*time.Second)
	defer s.told.begin("connectors kill -9, all", "away for %s", away)()
	for _, c := range s.all {
		c.end(os.Kill, time.Minute)
	}
	pause(ctx, away)
	for _, c := range s.all {
		if err := c.start(); err != nil {
			return err
		}
	}
	return nil
}

// freezeConnector has an owner sleep beyond its session: others take its streams, then it goes on.
func (s *stand) freezeConnector(ctx context.Context, r *rand.Rand) error {
	s.freeze(ctx, "connector sleeps", s.connector(r), sessionTimeout+between(r, time.Second, 5*time.Second))
	return nil
}

func (s *stand) napConnector(ctx context.Context, r *rand.Rand) error {
	s.freeze(ctx, "connector naps", s.connector(r), between(r, 300*time.Millisecond, 2*time.Second))
	return nil
}

func (s *stand) freeze(ctx context.Context, kind string, c *connector, d time.Duration) {
	defer s.told.begin(kind, "%s, SIGSTOP for %s", c.name, d)()
	c.signal(stopSignal)
	pause(ctx, d)
	c.signal(continueSignal)
}

func (s *stand) stopConnector(ctx context.Context, r *rand.Rand) error {
	c, away := s.connector(r), between(r, 0, 2*time.Second)
	defer s.told.begin("connector SIGTERM", "%s, away for %s", c.name, away)()
	if c.end(endSignal, 20*time.Second) {
		s.told.note("%s did not end within 20 s of SIGTERM: killed", c.name)
	}
	pause(ctx, away)
	return c.start()
}
