package process

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

const (
	wrongSecret = "aaaaaaaa-1111-1111-1111-111111111111"
	throttled   = "bbbbbbbb-2222-2222-2222-222222222222"
	withoutDLP  = "cccccccc-3333-3333-3333-333333333333"
)

// outOfStep polls in an interval that does not divide the two seconds between live blobs: else a stream's lag would
// depend on the moment of its start.
const outOfStep = `
source: {poll_interval: 700ms, timeout: 5s, requests_per_minute: 60000}
`

// threeTenants writes the configuration of all three, the first with the given secret.
func threeTenants(secret string) string {
	var b strings.Builder
	for i, id := range []string{wrongSecret, throttled, withoutDLP} {
		use := emulator.DefaultClientSecret
		if i == 0 {
			use = secret
		}
		fmt.Fprintf(&b, `
  - id: %s
    name: tenant-%d
    base_url: {url}
    authority: {url}
    auth: {client_id: %s, client_secret: %s}
`, id, i, emulator.DefaultClientID, use)
	}
	return b.String()
}

// TestTenantsAreIsolated runs two connectors side by side, so that what the machine does to one it does to the other:
// one whose three tenants are well, and one of whose tenants has a wrong secret, one is throttled all the time, and
// one has no right to DLP.All. The other streams must not notice.
func TestTenantsAreIsolated(t *testing.T) {
	kafka, redis := testbed.Kafka(t).Addresses(), testbed.Redis(t).Addr
	make := func(name, secret string, permissions []string, faults ...emulator.Fault) (*stage.Connector, *deliveries) {
		got := &deliveries{t: t}
		s := stage.New(t, stage.Parts{
			Name: name, Kafka: kafka, Redis: redis, Settings: outOfStep, Tenants: threeTenants(secret), Event: got.take,
			Emulator: emulator.Config{
				Tenants: []emulator.Tenant{{ID: wrongSecret}, {ID: throttled}, {ID: withoutDLP, Permissions: permissions}},
				Seed:    9, Rate: 150, Faults: faults,
			},
		})
		return s.Start(name, ""), got
	}
	well, base := make("well", emulator.DefaultClientSecret, nil)
	ill, got := make("ill", "wrong", []string{emulator.PermissionRead},
		emulator.Fault{Kind: emulator.Throttle, Tenant: throttled, RetryAfter: 20 * time.Second})
	time.Sleep(5 * time.Second)
	since := time.Now()
	checkReady(t, ill.Page, 30*time.Second)
	well.Stop()
	ill.Stop()
	undisturbed, disturbed := base.lags(since), got.lags(since)
	for contentType, lags := range undisturbed {
		if contentType == emulator.DLP {
			continue
		}
		for _, q := range []float64{0.5, 0.99} {
			was, is := quantile(lags, q), quantile(disturbed[contentType], q)
			t.Logf("%-26s p%02.0f %8s undisturbed, %8s beside ill tenants", contentType, q*100,
				was.Round(time.Millisecond), is.Round(time.Millisecond))
			if is > was*3/2 && is-was > time.Second { // what a poll makes of chance
				t.Errorf("%s: lag at p%02.0f is %s beside ill tenants, %s without", contentType, q*100, is, was)
			}
		}
	}
	if len(undisturbed) != 5 || len(disturbed) != 4 {
		t.Errorf("%d and %d streams of the third tenant delivered, want 5 and 4", len(undisturbed), len(disturbed))
	}
}

// checkReady asks /readyz every 500 ms: it must answer 200.
func checkReady(t *testing.T, page string, d time.Duration) {
	t.Helper()
	var wg sync.WaitGroup
	defer wg.Wait()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		wg.Go(func() {
			answer, err := http.Get(page + "/readyz")
			if err != nil {
				t.Errorf("readyz: %v", err)
				return
			}
			defer answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				t.Errorf("readyz answers %s", answer.Status)
			}
		})
	}
}

// lags returns, by content type, how late the third tenant's records were that became available after a time.
func (d *deliveries) lags(since time.Time) map[string][]time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	lags := map[string][]time.Duration{}
	for _, one := range d.all {
		if one.tenant == withoutDLP && one.created.After(since) {
			lags[one.contentType] = append(lags[one.contentType], one.lag)
		}
	}
	return lags
}

func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return time.Hour
	}
	slices.Sort(d)
	return d[int(q*float64(len(d)-1))]
}
