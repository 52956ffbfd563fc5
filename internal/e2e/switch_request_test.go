package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/emulator"
)

const otherTenant = "33333333-3333-3333-3333-333333333333"

// twoTenants have one stream each.
func twoTenants() emulator.Config {
	return emulator.Config{
		Tenants:      []emulator.Tenant{{ID: emulator.DefaultTenantID}, {ID: otherTenant}},
		ContentTypes: []string{emulator.General},
	}
}

// awaitTenant waits until all of a tenant's records are delivered.
func (c *scene) awaitTenant(tenant string, within time.Duration) {
	c.t.Helper()
	c.await("all of tenant "+tenant+" is delivered", within, func() bool {
		want := c.offered(tenant, "")
		return want > 0 && c.delivered(tenant, "") == want
	})
}

// While the API refuses requests for the quota, fewer are sent, and the status says so.
func TestThrottleSlowsDown(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]emulator.Fault{
		"403":                     {},
		"429":                     {Status: 429},
		"403, single quotes":      {SingleQuotes: true},
		"403 with Retry-After":    {RetryAfter: 2 * time.Second},
		"429 with Retry-After":    {Status: 429, RetryAfter: 2 * time.Second},
		"429 of blobs":            {Status: 429, Operation: "blob"},
		"403 of further listings": {Operation: "content", After: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fault.Kind = emulator.Throttle
			c := play(t, setup{faults: []emulator.Fault{fault}})
			c.awaitState(audit.StateThrottled, "requests_per_minute", emulator.General, emulator.Exchange)
			before := c.api.Stats().Count("", "")
			time.Sleep(4 * time.Second)
			if got := c.api.Stats().Count("", "") - before; got > 24 { // in 4 s two streams would poll and sweep 56 times
				t.Errorf("%d requests in 4 s", got)
			}
			c.faults()
			c.delivers(20 * time.Second)
			c.await("nothing is throttled any more", 10*time.Second, func() bool {
				for _, s := range c.states() {
					if s == audit.StateThrottled {
						return false
					}
				}
				return true
			})
		})
	}
}

// Retry-After holds all streams of the tenant, and no other tenant.
func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	api := twoTenants()
	api.ContentTypes = []string{emulator.Exchange, emulator.General}
	c := play(t, setup{api: api, faults: []emulator.Fault{{
		Kind: emulator.Throttle, Tenant: otherTenant, Operation: "content", ContentType: emulator.General, First: 1, RetryAfter: 5 * time.Second,
	}}})
	c.await("a request is refused", 10*time.Second, func() bool { return c.fired(emulator.Throttle) == 1 })
	from := time.Now().Add(time.Second) // for what was on its way
	time.Sleep(4 * time.Second)
	refused := c.requests.of(otherTenant, "contentType", emulator.General)
	if len(refused) == 0 {
		t.Fatal("no listing was asked for")
	}
	until := refused[0].at.Add(5 * time.Second)
	asked := map[string]int{}
	for _, tenant := range []string{otherTenant, emulator.DefaultTenantID} {
		for _, r := range c.requests.of(tenant, "", "") {
			if r.at.After(from) && r.at.Before(until) {
				asked[tenant]++
			}
		}
	}
	if asked[otherTenant] > 0 {
		t.Errorf("%d requests although the API asked for silence", asked[otherTenant])
	}
	if asked[emulator.DefaultTenantID] < 5 {
		t.Errorf("only %d requests of the other tenant", asked[emulator.DefaultTenantID])
	}
	c.delivers(20 * time.Second)
}

// A tenant with more blobs than its quota allows requests gets them all, one after the other.
func TestQuotaIsLivedWith(t *testing.T) {
	t.Parallel()
	c := play(t, setup{
		api:      emulator.Config{BacklogRecords: 420, RecordsPerBlob: 3},
		faults:   []emulator.Fault{{Kind: emulator.Quota, Count: 120, Status: 429, RetryAfter: time.Second}},
		settings: map[string]any{"source.poll_interval": "2s", "source.sweep.interval": "30m"},
	})
	c.await("the quota is used up", 20*time.Second, func() bool { return c.fired(emulator.Quota) > 120 && c.api.Stats().Count("", "429 AF429") > 0 })
	c.delivers(70 * time.Second)
	if got := c.api.Stats().Count("", "429 AF429"); got > 60 {
		t.Errorf("%d requests were refused", got)
	}
}

// A subscription that is missing is started once, and not again after a restart.
func TestSubscriptionIsStartedOnce(t *testing.T) {
	t.Parallel()
	c := play(t, setup{
		api:    emulator.Config{Unsubscribed: true},
		faults: []emulator.Fault{{Kind: emulator.StartThrottle}},
	})
	c.delivers(15 * time.Second)
	c.stop()
	c.run()
	time.Sleep(2 * time.Second)
	c.delivers(10 * time.Second)
	for _, ct := range []string{emulator.Exchange, emulator.General} {
		if got := c.api.Stats().CountOf("", ct, "start", ""); got != 1 {
			t.Errorf("%s was started %d times, want 1", ct, got)
		}
	}
}

// A start that the API refuses for 15 minutes is not tried again before, over a restart too.
func TestStartThrottleIsRespected(t *testing.T) {
	t.Parallel()
	c := play(t, setup{
		api:    emulator.Config{Unsubscribed: true, StaticToken: "operator"},
		faults: []emulator.Fault{{Kind: emulator.StartThrottle}},
		wait:   true,
	})
	c.operator("start", emulator.General) // somebody else started and stopped it a moment ago
	c.operator("stop", emulator.General)
	c.run()
	c.awaitState(audit.StateFailing, "15 minutes", emulator.General)
	c.await("the other stream is read", 10*time.Second, func() bool {
		return c.delivered("", emulator.Exchange) == c.offered("", emulator.Exchange)
	})
	time.Sleep(3 * time.Second)
	c.stop()
	c.run()
	c.awaitState(audit.StateFailing, "15 minutes", emulator.General)
	time.Sleep(3 * time.Second)
	if got := c.api.Stats().CountOf("", emulator.General, "start", "429 AF429"); got != 1 {
		t.Errorf("the start was tried %d times, want 1", got)
	}
}

// operator starts or stops a subscription like another program.
func (c *scene) operator(operation, contentType string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.url+"/api/v1.0/"+emulator.DefaultTenantID+
		"/activity/feed/subscriptions/"+operation+"?contentType="+contentType+"&PublisherIdentifier="+emulator.DefaultTenantID, http.NoBody)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer operator")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	answer.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if answer.StatusCode != http.StatusOK {
		c.t.Fatalf("%s %s: %s", operation, contentType, answer.Status)
	}
}

// A tenant whose auditing is off says so and holds up no other. When it is switched on, it is read.
func TestAuditOffIsExplained(t *testing.T) {
	t.Parallel()
	c := play(t, setup{api: twoTenants(), faults: []emulator.Fault{{Kind: emulator.AuditOff, Tenant: emulator.DefaultTenantID}}})
	c.awaitState(audit.StateFailing, "unified auditing", emulator.General)
	c.awaitTenant(otherTenant, 10*time.Second)
	before := c.api.Stats().CountOf(emulator.DefaultTenantID, "", "", "")
	time.Sleep(3 * time.Second)
	if got := c.api.Stats().CountOf(emulator.DefaultTenantID, "", "", "") - before; got > 3 {
		t.Errorf("%d requests in 3 s although auditing is off", got)
	}
	c.faults()
	c.delivers(80 * time.Second) // it is looked at once a minute
	if state := c.stream(emulator.General).State; state == audit.StateFailing {
		t.Error("the stream is still failing")
	}
}

// A token that the API refuses is renewed once, and nobody notices.
func TestUnauthorizedRenewsTheToken(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"subscriptions", "content", "blob"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			c := play(t, setup{faults: []emulator.Fault{{Kind: emulator.Unauthorized, Operation: operation, First: 1}}})
			c.delivers(10 * time.Second)
			if got := c.api.Stats().TokensIssued[emulator.DefaultTenantID]; got != 2 {
				t.Errorf("%d tokens were issued, want 2", got)
			}
			if lines := c.log.lines("in trouble"); len(lines) > 0 {
				t.Errorf("the log tells of trouble: %s", lines)
			}
		})
	}
}

// A fresh token that is refused is a setting that only a person can mend; it is not asked for again and again.
func TestUnauthorizedForGoodIsExplained(t *testing.T) {
	t.Parallel()
	c := play(t, setup{api: twoTenants(), faults: []emulator.Fault{{Kind: emulator.Unauthorized, Tenant: emulator.DefaultTenantID}}})
	c.awaitState(audit.StateFailing, "cloud", emulator.General)
	c.awaitTenant(otherTenant, 10*time.Second)
	time.Sleep(3 * time.Second)
	if got := c.api.Stats().TokensIssued[emulator.DefaultTenantID]; got > 4 {
		t.Errorf("%d tokens were issued", got)
	}
	c.faults()
	c.delivers(30 * time.Second)
}

// One content type that the token may not read leaves the others alone.
func TestNoPermissionForOneContentType(t *testing.T) {
	t.Parallel()
	some := []string{emulator.DLP, emulator.Exchange, emulator.General}
	reader := []emulator.Tenant{{ID: emulator.DefaultTenantID, Permissions: []string{emulator.PermissionRead}}}
	for name, s := range map[string]setup{
		"no-role":           {api: emulator.Config{ContentTypes: some}, faults: []emulator.Fault{{Kind: emulator.NoRole, ContentType: emulator.DLP}}},
		"without ReadDlp":   {api: emulator.Config{ContentTypes: some, Tenants: reader}},
		"no-role of starts": {api: emulator.Config{ContentTypes: some, Unsubscribed: true}, faults: []emulator.Fault{{Kind: emulator.NoRole, ContentType: emulator.DLP, Operation: "start"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := play(t, s)
			c.awaitState(audit.StateNoPermission, "ReadDlp", emulator.DLP)
			c.await("the other streams are read", 10*time.Second, func() bool {
				return c.delivered("", emulator.Exchange) == c.offered("", emulator.Exchange) &&
					c.delivered("", emulator.General) == c.offered("", emulator.General)
			})
			time.Sleep(3 * time.Second)
			if got := c.api.Stats().CountOf("", emulator.DLP, "", ""); got > 4 {
				t.Errorf("%d requests for a content type that may not be read", got)
			}
			for _, ct := range []string{emulator.Exchange, emulator.General} {
				if state := c.stream(ct).State; state != audit.StateReading && state != audit.StateQuiet {
					t.Errorf("%s is %s", ct, state)
				}
			}
			if got := c.delivered("", emulator.DLP); got != 0 {
				t.Errorf("%d records of DLP.All", got)
			}
		})
	}
}

// A token without any role gets an answer that is no JSON.
func TestNoRoleAtAll(t *testing.T) {
	t.Parallel()
	c := play(t, setup{api: emulator.Config{Tenants: []emulator.Tenant{{ID: emulator.DefaultTenantID, Permissions: []string{}}}}})
	c.awaitState(audit.StateNoPermission, "ActivityFeed.Read", emulator.General, emulator.Exchange)
}

// When the clocks differ, the API's time counts, somebody is told, and nothing is lost.
func TestClockOfTheAPICounts(t *testing.T) {
	t.Parallel()
	for name, offset := range map[string]time.Duration{"ahead": 10 * time.Minute, "behind": -10 * time.Minute, "hours ahead": 26 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := live(40, 10)
			api.Clock = func() time.Time { return time.Now().Add(offset) }
			api.BacklogRecords = 200
			c := play(t, setup{api: api})
			c.offersFor(4 * time.Second)
			c.delivers(15 * time.Second)
			if got := c.log.lines("WARN", "clock differs"); len(got) != 1 || !strings.Contains(got[0], "NTP") {
				t.Errorf("warnings about the clock: %v, want one", got)
			}
			if got := c.api.Stats().Count("content", "400 AF20055"); got > 2 {
				t.Errorf("%d windows were refused", got)
			}
		})
	}
}

// A Date header that lies while everything else is right moves the windows, and still nothing is lost: what the
// windows miss, a sweep finds.
func TestClockOffsetLosesNothing(t *testing.T) {
	t.Parallel()
	for name, offset := range map[string]time.Duration{"ahead": 10 * time.Minute, "a little": 90 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := live(40, 10)
			api.BacklogRecords = 200
			c := play(t, setup{api: api, faults: []emulator.Fault{{Kind: emulator.ClockOffset, Delay: offset}}})
			c.offersFor(4 * time.Second)
			c.delivers(15 * time.Second)
			warned := len(c.log.lines("WARN", "clock differs"))
			if want := map[bool]int{true: 1, false: 0}[offset > 2*time.Minute]; warned != want {
				t.Errorf("%d warnings about the clock, want %d", warned, want)
			}
		})
	}
}

// With a Date header that is late, what is newer than that time comes as late, and the rest at once.
func TestClockOffsetBehindOnlyDelays(t *testing.T) {
	t.Parallel()
	const behind = 10 * time.Minute
	c := play(t, setup{faults: []emulator.Fault{{Kind: emulator.ClockOffset, Delay: -behind}}})
	edge := time.Now().Add(-behind - 5*time.Second)
	want := 0
	for b := range c.api.Truth("", "") {
		if b.Created.Before(edge) {
			want += len(b.Records)
		}
	}
	c.await("what is older is delivered", 10*time.Second, func() bool { return c.delivered("", "") >= want })
	time.Sleep(time.Second)
	if v := c.verdict(); want == 0 || v.Repeated+v.Foreign > 0 || v.Delivered < want {
		t.Errorf("of %d records %d are delivered, want at least %d; %d are repeated", v.Offered, v.Delivered, want, v.Repeated)
	}
	if len(c.log.lines("WARN", "clock differs")) != 1 {
		t.Error("nothing warns that the clocks differ")
	}
	c.faults()
	c.delivers(20 * time.Second)
}
