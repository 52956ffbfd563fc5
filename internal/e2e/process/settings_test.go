package process

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

// Two instances whose configurations differ in what they deliver say so, each on its own and at the command line, until
// one of them is gone.
func TestInstancesWithOtherSettingsAreTold(t *testing.T) {
	t.Parallel()
	s := stage.New(t, stage.Parts{
		Emulator: emulator.Config{Seed: 41}, Kafka: testbed.Kafka(t).Addresses(), Redis: testbed.Redis(t).Addr, Settings: quick,
	})
	one, two := s.Start("one", "log: {level: debug}"), s.Start("two", "filter: {workloads: [Exchange]}")
	problems := func(c *stage.Connector) []string {
		code, body := c.Get("/api/status")
		var status struct{ Problems []string }
		if code != 200 || json.Unmarshal(body, &status) != nil {
			return []string{string(body)}
		}
		return status.Problems
	}
	differ := func(text string) bool {
		return strings.HasPrefix(text, "members have different settings: filter of one unlike two. Give all instances the same")
	}
	for _, c := range []*stage.Connector{one, two} {
		s.Until(30*time.Second, "the status tells who differs", func() bool { return slices.ContainsFunc(problems(c), differ) }, c.Tail)
	}
	out, err := exec.CommandContext(t.Context(), stage.Binary(t), "status", "--config", s.Config("asking", "127.0.0.1:0", "")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "members have different settings: filter of one unlike two") {
		t.Errorf("%v: %s", err, out)
	}
	two.Stop()
	s.Until(30*time.Second, "nothing is wrong", func() bool { return len(problems(one)) == 0 }, one.Tail)
	one.Stop()
}
