package e2e

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/emulator"
)

// trial is one daemon that signs in by one method.
type trial struct {
	*scene

	method      method
	credentials emulator.Credentials
	auth        map[string]any
}

var managedIdentities atomic.Int64

// trials calls try with each method. They run at once.
func trials(t *testing.T, change func(*setup), try func(*trial)) {
	t.Helper()
	t.Parallel()
	for _, m := range append(methods(), managedMethod("")) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			client := guid(8, int(managedIdentities.Add(1)))
			if m.name == "managed_identity" {
				m = managedMethod(client)
			}
			one := emulator.Tenant{ID: emulator.DefaultTenantID}
			m.tenant(&one)
			auth := m.auth(t)
			s := setup{
				wait: true, api: live(40, 10), tenant: map[string]map[string]any{one.ID: auth},
				settings: map[string]any{"source.timeout": "3s"},
			}
			s.api.Tenants = []emulator.Tenant{one}
			change(&s)
			faults := s.faults
			s.faults = nil
			c := play(t, s)
			if m.person {
				c.signInForAMoment()
			}
			c.faults(faults...)
			metadataServices.byClient.Store(client, c.requests)
			try(&trial{c, m, emulator.Credentials{
				ClientSecret: one.ClientSecret, Certificates: one.Certificates, Federated: one.Federated, Identities: one.Identities,
			}, auth})
		})
	}
}

// signInForAMoment signs a person in before the daemon starts, which has to renew the access token soon.
func (c *scene) signInForAMoment() {
	c.t.Helper()
	c.faults(emulator.Fault{Kind: emulator.TokenLifetime, Delay: 2 * time.Second})
	if err := c.signIn(); err != nil {
		c.t.Fatal(err)
	}
	c.faults()
}

// The stream waits without asking often, says what to change, and goes on by itself when it is changed.
func TestWrongCredentialIsCorrectedWithoutRestart(t *testing.T) {
	advice := map[string]string{
		"client_secret": "copy the secret's value", "certificate": "upload it to the app registration",
		"thumbprint": "upload it to the app registration", "workload_identity": "federated credential",
		"managed_identity": "az vm identity assign", "authorization_code": "copy the secret's value",
	}
	trials(t, func(*setup) {}, func(c *trial) {
		if c.method.spoil != nil {
			c.method.spoil(c.t, c.auth)
		} else {
			c.api.SetCredentials(emulator.DefaultTenantID, emulator.Credentials{})
		}
		c.run()
		c.awaitState(audit.StateFailing, advice[c.method.name], emulator.General)
		time.Sleep(3 * time.Second)
		if got := c.api.Stats().Count("token", "") - c.api.SignIns(emulator.DefaultTenantID).Redeemed; got > 3 {
			c.t.Errorf("%d tokens were asked for", got)
		}
		if c.method.mend != nil {
			c.method.mend(c.t, c.auth)
		} else {
			c.api.SetCredentials(emulator.DefaultTenantID, c.credentials)
		}
		c.offersFor(2 * time.Second)
		c.delivers(30 * time.Second)
	})
}

// A credential that is replaced while it is in use is nobody's trouble.
func TestRotatedCredentialIsTakenUp(t *testing.T) {
	two := appCertificates()[1]
	trials(t, func(s *setup) { s.api.TokenLifetime = 3 * time.Second }, func(c *trial) {
		c.run()
		c.await("something is delivered", 10*time.Second, func() bool { return c.delivered("", "") > 0 })
		fresh := c.credentials
		switch c.method.name {
		case "client_secret", "authorization_code":
			fresh.ClientSecret = "another"
			c.api.SetCredentials(emulator.DefaultTenantID, fresh)
			rewrite(c.t, c.auth["auth.client_secret_file"], "another")
		case "certificate":
			fresh.Certificates = append(fresh.Certificates, two.Certificate) // as at Microsoft's: both count for a while
			c.api.SetCredentials(emulator.DefaultTenantID, fresh)
			rewrite(c.t, c.auth["auth.certificate_file"], string(two.PEM()))
			fresh.Certificates = []*x509.Certificate{two.Certificate}
			c.api.SetCredentials(emulator.DefaultTenantID, fresh)
		case "workload_identity":
			c.method.mend(c.t, c.auth) // a new token
		}
		before := c.api.Stats().Count("token", "200")
		c.offersFor(7 * time.Second)
		c.delivers(15 * time.Second)
		if n := c.api.Stats().Count("token", "200") - before; n < 2 {
			c.t.Errorf("%d tokens were given out afterwards", n)
		}
		if lines := c.log.lines("in trouble"); len(lines) > 0 {
			c.t.Errorf("the log tells of trouble: %s", lines)
		}
	})
}

// Whatever the authority does, content comes once it works, and the authority is not pressed.
func TestTroubleOfTheAuthorityPasses(t *testing.T) {
	trials(t, func(s *setup) {
		s.faults = []emulator.Fault{
			{Kind: emulator.Slow, Operation: "token", Delay: 5 * time.Second, First: 1}, // longer than anybody waits
			{Kind: emulator.TokenError, Status: 503, First: 1},
			{Kind: emulator.HTML, Operation: "token", First: 1},
			{Kind: emulator.TokenError, Status: 429, Code: "temporarily_unavailable", RetryAfter: 4 * time.Second, First: 1},
			{Kind: emulator.TokenLifetime, Delay: 20 * time.Second},
		}
	}, func(c *trial) {
		c.run()
		c.offersFor(2 * time.Second)
		c.catchesUp(30 * time.Second)
		if n := c.api.Stats().Count("token", ""); n < 4 || n > 8 {
			c.t.Errorf("%d tokens were asked for: %v", n, c.api.Stats().Requests)
		}
		c.flawless()
	})
}

// A machine whose clock is wrong signs in all the same: assertions are made for the authority's clock.
func TestClockThatIsOffSignsIn(t *testing.T) {
	for _, off := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		t.Run(off.String(), func(t *testing.T) {
			trials(t, func(s *setup) {
				s.api = emulator.Config{
					BacklogRecords: 100, Backlog: 20 * time.Minute, ContentTypes: []string{emulator.General}, Tenants: s.api.Tenants,
					Clock: func() time.Time { return time.Now().Add(off) }, TokenLifetime: 20 * time.Second,
				}
			}, func(c *trial) {
				c.run()
				c.catchesUp(20 * time.Second)
				if n := c.api.Stats().Count("token", ""); n > 3 {
					c.t.Errorf("%d tokens were asked for: %v", n, c.api.Stats().Requests)
				}
			})
		})
	}
}

// An authority that cannot be reached is waited for, and told apart from wrong credentials.
func TestAuthorityIsAway(t *testing.T) {
	t.Parallel()
	for _, m := range methods() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			address := listener.Addr().String()
			if err := listener.Close(); err != nil {
				t.Fatal(err)
			}
			one := emulator.Tenant{ID: emulator.DefaultTenantID}
			m.tenant(&one)
			auth := m.auth(t)
			auth["authority"] = "http://" + address
			api := live(40, 10)
			api.Tenants = []emulator.Tenant{one}
			c := play(t, setup{wait: true, api: api, tenant: map[string]map[string]any{one.ID: auth}})
			if m.person {
				server := serveAt(t, address, c.requests)
				c.signInForAMoment()
				server.Close()
			}
			c.run()
			c.awaitState(audit.StateFailing, "login host cannot be reached", emulator.General)
			serveAt(t, address, c.requests)
			c.offersFor(2 * time.Second)
			c.delivers(20 * time.Second)
			if lines := c.log.lines(`"cause":"credentials"`); len(lines) > 0 {
				t.Errorf("the log tells of wrong credentials: %s", lines)
			}
		})
	}
}

// serveAt serves at an address that was free a moment ago.
func serveAt(t *testing.T, address string, h http.Handler) *httptest.Server {
	t.Helper()
	var listener net.Listener
	var err error
	for range 20 {
		if listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", address); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(fmt.Errorf("serve at %s: %w", address, err))
	}
	server := httptest.NewUnstartedServer(h)
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// In App Service another endpoint gives out the tokens. It is named in the environment, so nothing runs beside this.
func TestManagedIdentityOfAppService(t *testing.T) {
	api := live(40, 10)
	api.Tenants = []emulator.Tenant{{ID: emulator.DefaultTenantID, Identities: []emulator.ManagedIdentity{{}}}}
	api.IdentityHeader, api.TokenLifetime = "header", 3*time.Second
	c := play(t, setup{wait: true, api: api, tenant: map[string]map[string]any{emulator.DefaultTenantID: {
		"auth.method": "managed_identity", "auth.client_id": "", "auth.client_secret": "",
	}}})
	t.Setenv("IDENTITY_ENDPOINT", c.url+"/msi/token")
	t.Setenv("IDENTITY_HEADER", "header")
	c.run()
	c.offersFor(4 * time.Second)
	c.catchesUp(10 * time.Second)
	if n := c.api.Stats().Count("token", "200"); n < 2 || n > 5 {
		t.Errorf("%d tokens were given out", n)
	}
}
