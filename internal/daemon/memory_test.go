package daemon

import (
	"runtime/debug"
	"testing"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/unit"
)

func TestMemoryLimitFollowsTheBuffer(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	c := &config.Config{Tenants: []config.Tenant{{ContentTypes: []string{"Audit.Exchange", "DLP.All"}}, {}}}
	c.Source.Buffer = 32 * unit.MiB

	t.Setenv("GOMEMLIMIT", "1GiB")
	LimitMemory(c)
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("limit is %d although GOMEMLIMIT is set", got)
	}
	t.Setenv("GOMEMLIMIT", "")
	LimitMemory(c)
	if got, want := debug.SetMemoryLimit(-1), int64(32<<20+memoryBase+7*memoryPerStream); got != want {
		t.Errorf("limit is %d, want %d", got, want)
	}
}
