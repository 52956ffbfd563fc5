package main

import (
	"strings"
	"testing"

	"o365-kafka-connector/internal/emulator"
)

func TestListSubscriptions(t *testing.T) {
	r := newRig(t, emulator.Config{})
	path := r.config(r.tenant(), "")
	got := call(t, "list-subscriptions", "--config", path)
	if got.code != exitDone || got.stderr != "" {
		t.Errorf("table: %+v", got)
	}
	golden(t, "subscriptions.md", got.stdout)

	got = call(t, "list-subscriptions", "--config", path, "--output", "json")
	if got.code != exitDone || got.stderr != "" {
		t.Errorf("json: %+v", got)
	}
	golden(t, "subscriptions.json", got.stdout)

	long := call(t, "--config", path, "!ms-management-activity-list-subscriptions", "output=json")
	if long != got {
		t.Errorf("under the original's name: %+v\nwant %+v", long, got)
	}
}

func TestListSubscriptionsOfATenantWithoutAny(t *testing.T) {
	r := newRig(t, emulator.Config{Unsubscribed: true})
	path := r.config(r.tenant(), "")
	got := call(t, "list-subscriptions", "--config", path, "--output", "json")
	if got != (outcome{stdout: `{"MicrosoftManagement":{"Subscription":[]}}` + "\n"}) {
		t.Errorf("json: %+v", got)
	}
	got = call(t, "list-subscriptions", "--config", path)
	if !strings.Contains(got.stdout, "| DLP.All                    | none   |") {
		t.Errorf("table: %+v", got)
	}
}

func TestListSubscriptionsOfSeveralTenants(t *testing.T) {
	r := newRig(t, emulator.Config{})
	path := r.config(r.tenant()+r.entry(second, "fabrikam", "wrong"), "")
	got := call(t, "list-subscriptions", "--config", path)
	if got.code != exitFailed || !strings.Contains(got.stderr, "tenant fabrikam") || !strings.Contains(got.stderr, "what to do: the client secret is wrong") {
		t.Errorf("one tenant fails: %+v", got)
	}
	golden(t, "subscriptions-two.md", got.stdout)

	got = call(t, "list-subscriptions", "--config", path, "--output", "json", "--tenant", "contoso")
	if got.code != exitDone || !strings.Contains(got.stdout, `{"ContentType":"DLP.All","Enabled":true,"Tenant":"contoso"}`) {
		t.Errorf("one of two: %+v", got)
	}
	got = call(t, "list-subscriptions", "--config", path, "--output", "json", "--tenant", strings.ToUpper(second))
	if got.code != exitFailed || got.stdout != "" {
		t.Errorf("the other, by its id: %+v", got)
	}
	got = call(t, "list-subscriptions", "--config", path, "--tenant", "nobody")
	if got.code != exitUsage || !strings.Contains(got.stderr, "use one of contoso, fabrikam") {
		t.Errorf("unknown tenant: %+v", got)
	}
}
