package daemon

import (
	"context"
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
)

const (
	// credentialsFirst leaves the tenants time to sign in, which is when a certificate is read.
	credentialsFirst = time.Minute
	credentialsEvery = time.Hour
	// credentialsAgain is how often it is said again that a credential is about to end.
	credentialsAgain = 24 * time.Hour
)

// forKafka stands for a tenant where a credential is not one of a tenant.
var forKafka = audit.Tenant{ID: "kafka", Name: "kafka"}

// credentials returns everything that the sign-ins of the tenants and at Kafka need and that ends some day.
func (d *Daemon) credentials() []audit.Credential {
	var all []audit.Credential
	for _, t := range d.tenants {
		for _, c := range t.tokens.Credentials() {
			c.Tenant = t.config.Audit()
			all = append(all, c)
		}
	}
	if conn := d.conn.Load(); conn != nil {
		for _, c := range conn.Credentials() {
			c.Tenant = forKafka
			all = append(all, c)
		}
	}
	return all
}

// teller publishes status messages.
type teller interface {
	Tell(ctx context.Context, messages []audit.StatusMessage) error
}

// watch says each day which credentials are about to end, until the context ends.
func (d *Daemon) watch(ctx context.Context, out teller, credentials func() []audit.Credential) {
	told := map[audit.Credential]time.Time{}
	for wait := credentialsFirst; ; wait = credentialsEvery {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		now := time.Now()
		for _, c := range credentials() {
			if c.Due(now) && now.Sub(told[c]) >= credentialsAgain {
				told[c] = now
				d.tellExpiry(ctx, out, c)
			}
		}
	}
}

// tellExpiry tells the log and the status topic.
func (d *Daemon) tellExpiry(ctx context.Context, out teller, c audit.Credential) {
	log := d.log.With("tenant", c.Tenant.Name, "credential", c.Kind, "expires", c.Expires.UTC(), "hint", c.Hint)
	if time.Now().After(c.Expires) {
		log.Error("credential has expired")
	} else {
		log.Warn("credential expires soon")
	}
	err := out.Tell(ctx, []audit.StatusMessage{{
		Stream: audit.Stream{Tenant: c.Tenant}, Kind: "credential_expiring", Time: time.Now().UTC(), To: c.Expires.UTC(),
		Message: fmt.Sprintf("%s ends: %s", c.Kind, c.Hint),
	}})
	if err != nil && ctx.Err() == nil {
		log.Warn("status message on a credential is not published", "error", err)
	}
}
