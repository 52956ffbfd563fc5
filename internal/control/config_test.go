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
		"defaults":              {func(*Config) {}, ""},
		"no group":              {func(c *Config) { c.GroupID = "" }, "group_id: must not be empty"},
		"no partitions":         {func(c *Config) { c.Partitions = 0 }, "partitions: must be at least 1"},
		"no heartbeats":         {func(c *Config) { c.HeartbeatInterval = 0 }, "heartbeat_interval: must be positive"},
		"no session":            {func(c *Config) { c.SessionTimeout = 0 }, "session_timeout: must be at least 1s"},
		"heartbeats too rare":   {func(c *Config) { c.HeartbeatInterval = unit.Duration(4 * time.Second) }, "heartbeat_interval: must be positive and less than a third"},
		"commands never live":   {func(c *Config) { c.MaxAge = 0 }, "max_age: must be positive"},
		"a topic with a space":  {func(c *Config) { c.Topic = "a b" }, `topic: "a b" is no name of a topic`},
		"no reply topic":        {func(c *Config) { c.ReplyTopic = "" }, `reply_topic: "" is no name of a topic`},
		"replies as commands":   {func(c *Config) { c.ReplyTopic = c.Topic }, "reply_topic: must not be the control topic"},
		"replies there, too":    {func(c *Config) { c.ReplyTopics = []string{"x", c.Topic} }, "reply_topics[1]: must not be the control topic"},
		"unknown command":       {func(c *Config) { c.Allow = []string{"pause", "contoso/format-disk"} }, `allow[1]: "contoso/format-disk" is no command`},
		"an entry with nothing": {func(c *Config) { c.Allow = []string{"/pause"} }, `allow[0]: "/pause" is no command: use a command, or tenant/command`},
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
