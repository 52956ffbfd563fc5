package e2e

import (
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/emulator"
)

// A tenant whose secret is wrong says which setting to change, and holds up no other.
func TestWrongSecretIsExplained(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]setup{
		"token-error": {faults: []emulator.Fault{{Kind: emulator.TokenError, Tenant: emulator.DefaultTenantID}}},
		"really":      {tenant: map[string]map[string]any{emulator.DefaultTenantID: {"auth.client_secret": "a-wrong-one"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.api = twoTenants()
			c := play(t, s)
			c.awaitState(audit.StateFailing, "auth.client_secret", emulator.General)
			c.awaitTenant(otherTenant, 10*time.Second)
			before := c.api.Stats().CountOf(emulator.DefaultTenantID, "", "token", "")
			time.Sleep(5 * time.Second)
			if got := c.api.Stats().CountOf(emulator.DefaultTenantID, "", "token", "") - before; got > 3 {
				t.Errorf("%d tokens were asked for in 5 s", got)
			}
			for _, secret := range []string{emulator.DefaultClientSecret, "a-wrong-one", "eyJ"} {
				if lines := c.log.lines(secret); len(lines) > 0 {
					t.Errorf("the log tells a secret: %s", lines)
				}
			}
			if len(s.faults) > 0 {
				c.faults()
				c.delivers(60 * time.Second)
			}
		})
	}
}

// A token endpoint that fails for a moment costs time and nothing else.
func TestTokenEndpointFailsForAMoment(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]emulator.Fault{
		"503":                  {Kind: emulator.TokenError, Status: 503},
		"503 with Retry-After": {Kind: emulator.TokenError, Status: 503, RetryAfter: 2 * time.Second},
		"429 with Retry-After": {Kind: emulator.TokenError, Status: 429, Code: "temporarily_unavailable", RetryAfter: 2 * time.Second},
		"server-error":         {Kind: emulator.ServerError},
		"html":                 {Kind: emulator.HTML},
		"an invalid_client":    {Kind: emulator.TokenError},
		"slow":                 {Kind: emulator.Slow, Delay: 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fault.Operation, fault.First = "token", 2
			c := play(t, setup{faults: []emulator.Fault{fault}})
			c.delivers(60 * time.Second)
			if got := c.fired(fault.Kind); got == 0 {
				t.Error("the fault hit no request")
			}
		})
	}
}

// Short-lived tokens are renewed before they are refused.
func TestShortTokensAreRenewedInTime(t *testing.T) {
	t.Parallel()
	for _, lifetime := range []time.Duration{5 * time.Second, 20 * time.Second} {
		t.Run(lifetime.String(), func(t *testing.T) {
			t.Parallel()
			c := play(t, setup{api: live(40, 10), faults: []emulator.Fault{{Kind: emulator.TokenLifetime, Delay: lifetime}}})
			length := lifetime + 8*time.Second
			c.offersFor(length)
			c.delivers(15 * time.Second)
			issued := c.api.Stats().TokensIssued[emulator.DefaultTenantID]
			if least, most := int(length/lifetime)+1, 3*int(length/lifetime)+3; issued < least || issued > most {
				t.Errorf("%d tokens were issued in %s, want %d to %d", issued, length, least, most)
			}
			refused := c.api.Stats().Count("", "401")
			if sent := c.api.Stats().Count("", ""); refused > 5+sent/10 { // some may expire on their way, where the machine is busy
				t.Errorf("%d of %d requests were sent with an expired token", refused, sent)
			}
			if lines := c.log.lines("in trouble"); len(lines) > 0 {
				t.Errorf("the log tells of trouble: %s", lines)
			}
		})
	}
}

// Both spellings of numbers in a token's answer are understood: the lifetime is not misread.
func TestTokenNumbersAsText(t *testing.T) {
	t.Parallel()
	c := play(t, setup{
		api:    live(40, 10),
		faults: []emulator.Fault{{Kind: emulator.TokenNumbers}, {Kind: emulator.TokenLifetime, Delay: 6 * time.Second}},
	})
	c.offersFor(8 * time.Second)
	c.delivers(15 * time.Second)
	if got := c.api.Stats().TokensIssued[emulator.DefaultTenantID]; got < 2 || got > 6 {
		t.Errorf("%d tokens were issued, want 2 to 6", got)
	}
}
