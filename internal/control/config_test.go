package control

import (
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/unit"
)

func TestValidate(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"defaults":            {func(*Config) {}, ""},
		"enabled":             {func(c *Config) { c.Enabled = true }, "enabled: true does not exist in this version"},
		"no group":            {func(c *Config) { c.GroupID = "" }, "group_id: "},
		"no partitions":       {func(c *Config) { c.Partitions = 0 }, "partitions: "},
		"heartbeats too rare": {func(c *Config) { c.HeartbeatInterval = unit.Duration(4 * time.Second) }, "heartbeat_interval: "},
		"no heartbeats":       {func(c *Config) { c.HeartbeatInterval = 0 }, "heartbeat_interval: "},
	} {
		t.Run(name, func(t *testing.T) {
			var c Config
			c.SetDefaults()
			tc.change(&c)
			err := c.Validate()
			if (err == nil) != (tc.want == "") || err != nil && !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("Validate = %v, want %q", err, tc.want)
			}
		})
	}
}
