// Package control takes commands over Kafka and shares the streams among the members of a group.
package control

import (
	"errors"
	"fmt"
	"time"

	"o365-kafka-connector/internal/unit"
)

// Config is the section `control` of the configuration.
type Config struct {
	Enabled           bool          `yaml:"enabled"`    // false: no group, one instance runs every stream
	Topic             string        `yaml:"topic"`      // of commands
	Partitions        int           `yaml:"partitions"` // of the topic, when the connector creates it
	ReplyTopic        string        `yaml:"reply_topic"`
	GroupID           string        `yaml:"group_id"`      // names the deployment
	Allow             []string      `yaml:"allow"`         // commands accepted over Kafka; empty: all but auth-reset
	ReplyTopics       []string      `yaml:"reply_topics"`  // further topics that a command may name in reply_to
	MaxAge            unit.Duration `yaml:"max_age"`       // an older command has expired
	InstanceID        string        `yaml:"instance_id"`   // empty: the host name
	HMACKeyFile       string        `yaml:"hmac_key_file"` // set: only signed commands
	SessionTimeout    unit.Duration `yaml:"session_timeout"`
	HeartbeatInterval unit.Duration `yaml:"heartbeat_interval"`
}

// SetDefaults fills in the defaults.
func (c *Config) SetDefaults() {
	*c = Config{
		Enabled: true,
		Topic:   "o365.control", Partitions: 12, ReplyTopic: "o365.replies", GroupID: "o365-connector",
		Allow: []string{}, ReplyTopics: []string{}, MaxAge: unit.Duration(24 * time.Hour),
		SessionTimeout: unit.Duration(10 * time.Second), HeartbeatInterval: unit.Duration(500 * time.Millisecond),
	}
}

// Validate returns every problem, each starting with its key.
func (c Config) Validate() error {
	var errs []error
	if c.GroupID == "" {
		errs = append(errs, errors.New("group_id: must not be empty: it names the deployment, e.g. o365-connector"))
	}
	if c.SessionTimeout < unit.Duration(time.Second) {
		errs = append(errs, errors.New("session_timeout: must be at least 1s, e.g. 10s"))
	}
	if c.HeartbeatInterval <= 0 || c.HeartbeatInterval >= c.SessionTimeout/3 {
		errs = append(errs, errors.New("heartbeat_interval: must be positive and less than a third of session_timeout, e.g. 500ms"))
	}
	if c.Partitions < 1 {
		errs = append(errs, errors.New("partitions: must be at least 1, e.g. 12"))
	}
	if c.MaxAge <= 0 {
		errs = append(errs, errors.New("max_age: must be positive, e.g. 24h"))
	}
	return errors.Join(append(errs, c.checkNames()...)...)
}

func (c Config) checkNames() []error {
	var errs []error
	if err := checkTopic(c.Topic); err != nil {
		errs = append(errs, fmt.Errorf("topic: %w", err))
	}
	if err := checkTopic(c.ReplyTopic); err != nil {
		errs = append(errs, fmt.Errorf("reply_topic: %w", err))
	}
	if c.Topic == c.ReplyTopic {
		errs = append(errs, errors.New("reply_topic: must not be the control topic: replies would be read as commands"))
	}
	for i, name := range c.ReplyTopics {
		if err := checkTopic(name); err != nil {
			errs = append(errs, fmt.Errorf("reply_topics[%d]: %w", i, err))
		} else if name == c.Topic {
			errs = append(errs, fmt.Errorf("reply_topics[%d]: must not be the control topic: replies would be read as commands", i))
		}
	}
	for i, entry := range c.Allow {
		if _, _, err := parseAllow(entry); err != nil {
			errs = append(errs, fmt.Errorf("allow[%d]: %q is no command: %w", i, entry, err))
		}
	}
	return errs
}
