package chaos

import (
	"errors"
	"testing"
	"time"

	"o365-kafka-connector/internal/testbed"
)

// TestExactlyOnceUnderFaults is a short run; make chaos runs longer, and with other seeds.
func TestExactlyOnceUnderFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: this test needs real services")
	}
	report, err := Run(t.Context(), Options{Seed: 6, Duration: 3 * time.Minute, Out: t.Output()})
	if errors.Is(err, testbed.ErrUnavailable) {
		testbed.Require(t, err)
	}
	t.Logf("\n%s", report)
	if err != nil || !report.Verdict.Good() {
		t.Errorf("not exactly once, or it did not recover: %v; logs are in %s", err, report.Dir)
	}
}
