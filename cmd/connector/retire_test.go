package main

import (
	"slices"
	"strings"
	"testing"

	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

// TestRetiredTenantLeavesNothingBehind has a tenant leave the configuration on whose behalf a person has signed in, and
// was about to do so again.
func TestRetiredTenantLeavesNothingBehind(t *testing.T) {
	p := &person{rig: newRig(t, emulator.Config{})}
	p.signsIn(testbed.Browse(t, p.loginURL()))
	_ = p.loginURL()
	kept := func() (keys []string) {
		for _, key := range p.redis.Keys() {
			if strings.Contains(key, emulator.DefaultTenantID) && !strings.HasSuffix(key, ":budget") {
				keys = append(keys, key)
			}
		}
		return keys
	}
	if keys := kept(); !slices.Contains(keys, "o365:{"+emulator.DefaultTenantID+"}:signin") || !slices.Contains(keys, "o365:{"+emulator.DefaultTenantID+"}:login") {
		t.Fatalf("keys %v", keys)
	}
	left := p.config(p.entry(second, "fabrikam", emulator.DefaultClientSecret), "control: {enabled: false}\n")
	retire := []string{"retire", emulator.DefaultTenantID, "--config", left}
	if got := call(t, append(retire, "--dry-run")...); got.code != exitDone || len(kept()) < 2 {
		t.Errorf("a dry run: %+v, keys %v", got, kept())
	}
	if got := call(t, retire...); got != (outcome{stdout: "A person's sign-in and its tokens are forgotten.\n"}) || len(kept()) > 0 {
		t.Errorf("%+v, keys %v", got, kept())
	}
	if got := call(t, retire...); got.code != exitFailed || got.stdout != "" || !strings.Contains(got.stderr, "nothing is remembered of tenant "+emulator.DefaultTenantID) {
		t.Errorf("%+v", got)
	}
}
