package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"o365-kafka-connector/internal/unit"
)

// reading is what decides which blobs a stream reads.
type reading struct {
	Cloud, BaseURL, Authority, Publisher string
	FirstFetch, Overlap                  unit.Duration
	Sweep                                any
	RequestsPerMinute                    int
}

// agreed are settings of which it matters for what is delivered that all instances have the same. Each returns the value
// that counts for a tenant.
var agreed = map[string]func(*Config, Tenant) any{
	"source": func(_ *Config, t Tenant) any {
		base, authority := t.Hosts()
		return reading{
			t.Cloud, base, authority, t.PublisherIdentifier, t.Source.FirstFetch, t.Source.Overlap, t.Source.Sweep, t.Source.RequestsPerMinute,
		}
	},
	"auto_subscribe":          func(_ *Config, t Tenant) any { return t.AutoSubscribe },
	"filter":                  func(_ *Config, t Tenant) any { return t.Filter },
	"output":                  func(_ *Config, t Tenant) any { return t.Output },
	"outputs":                 func(_ *Config, t Tenant) any { return t.Outputs },
	"dedupe":                  func(_ *Config, t Tenant) any { return t.Dedupe },
	"redact":                  func(_ *Config, t Tenant) any { return t.Redact },
	"kafka.topic":             func(_ *Config, t Tenant) any { return t.Kafka.Topic },
	"kafka.key":               func(c *Config, _ Tenant) any { return c.Kafka.Key },
	"kafka.delivery":          func(c *Config, _ Tenant) any { return c.Kafka.Delivery },
	"kafka.dead_letter_topic": func(c *Config, _ Tenant) any { return c.Kafka.DeadLetterTopic },
	"kafka.status_topic":      func(c *Config, _ Tenant) any { return c.Kafka.StatusTopic },
	"kafka.journal_topic":     func(c *Config, _ Tenant) any { return c.Kafka.JournalTopic },
	"checkpoint.key_prefix":   func(c *Config, _ Tenant) any { return c.Checkpoint.KeyPrefix },
}

// Fingerprints returns, by name, a digest of each setting of which it matters for what is delivered that all instances
// have the same. Secrets count as masked: that they differ is not seen.
func (c *Config) Fingerprints() (map[string]string, error) {
	tenants := slices.SortedFunc(slices.Values(c.Tenants), func(a, b Tenant) int { return cmp.Compare(a.ID, b.ID) })
	out := make(map[string]string, len(agreed))
	for name, of := range agreed {
		digest := sha256.New()
		encoder := json.NewEncoder(digest)
		for _, t := range tenants {
			if err := encoder.Encode([]any{t.ID, of(c, t)}); err != nil {
				return nil, fmt.Errorf("compare settings with other instances: %s: %w", name, err)
			}
		}
		out[name] = hex.EncodeToString(digest.Sum(nil)[:6])
	}
	return out, nil
}
