package process

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

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
	make := func(name, secret string, permissions []string, faults ...emulator.Fault) (*stage, string) {
		page := freeAddress(t)
		return newStage(t, parts{
			name: name, page: page, kafka: kafka, redis: redis, settings: outOfStep, tenants: threeTenants(secret),
			emulator: emulator.Config{
				Tenants: []emulator.Tenant{{ID: wrongSecret}, {ID: throttled}, {ID: withoutDLP, Permissions: permissions}},
				Seed:    9, Rate: 150, Faults: faults,
			},
		}), "http://" + page
	}
	well, _ := make("well", emulator.DefaultClientSecret, nil)
	ill, page := make("ill", "wrong", []string{emulator.PermissionRead},
		emulator.Fault{Kind: emulator.Throttle, Tenant: throttled, RetryAfter: 20 * time.Second})
	var connectors []*connector
	for _, s := range []*stage{well, ill} {
		connectors = append(connectors, s.start())
	}
	time.Sleep(5 * time.Second)
	since := time.Now()
	checkReady(t, page, 30*time.Second)
	for _, c := range connectors {
		if err := c.end(syscall.SIGTERM); err != nil {
			t.Errorf("SIGTERM: %v\n%s", err, c.tail())
		}
	}
	base, got := well.lags(since), ill.lags(since)
	for contentType, lags := range base {
		if contentType == emulator.DLP {
			continue
		}
		for _, q := range []float64{0.5, 0.99} {
			was, is := quantile(lags, q), quantile(got[contentType], q)
			t.Logf("%-26s p%02.0f %8s undisturbed, %8s beside ill tenants", contentType, q*100,
				was.Round(time.Millisecond), is.Round(time.Millisecond))
			if is > was*3/2 {
				t.Errorf("%s: lag at p%02.0f is %s beside ill tenants, %s without", contentType, q*100, is, was)
			}
		}
	}
	if len(base) != 5 || len(got) != 4 {
		t.Errorf("%d and %d streams of the third tenant delivered, want 5 and 4", len(base), len(got))
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
func (s *stage) lags(since time.Time) map[string][]time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	lags := map[string][]time.Duration{}
	for _, d := range s.deliveries {
		if d.tenant == withoutDLP && d.created.After(since) {
			lags[d.contentType] = append(lags[d.contentType], d.lag)
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

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
