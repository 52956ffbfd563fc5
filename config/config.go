// Package config composes the settings of all parts into one file: it reads it strictly, fills in defaults, lets each
// tenant override what may differ, and finds everything that is wrong with it at once.
package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/auth"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/sink"
	"o365-kafka-connector/internal/source"
	"o365-kafka-connector/internal/telemetry"
	"o365-kafka-connector/internal/transform"
	"o365-kafka-connector/internal/unit"
)

// Config is the whole configuration. connector.example.yaml explains every key.
type Config struct {
	Tenants    []Tenant               `yaml:"tenants"`
	Source     source.Config          `yaml:"source"`
	Fetch      bool                   `yaml:"fetch"`
	Filter     transform.FilterConfig `yaml:"filter"`
	Output     transform.OutputConfig `yaml:"output"`
	Outputs    []transform.Output     `yaml:"outputs"` // if there are any, they count in the place of Output, Kafka.Topic and Kafka.Key
	Dedupe     transform.DedupeConfig `yaml:"dedupe"`
	Redact     transform.RedactConfig `yaml:"redact"`
	Sink       sink.Config            `yaml:"sink"`
	Kafka      sink.KafkaConfig       `yaml:"kafka"`
	Control    control.Config         `yaml:"control"`
	Checkpoint checkpoint.Config      `yaml:"checkpoint"`
	HTTP       telemetry.HTTPConfig   `yaml:"http"`
	Log        telemetry.LogConfig    `yaml:"log"`
	Shutdown   Shutdown               `yaml:"shutdown"`
}

// Shutdown is the section `shutdown`.
type Shutdown struct {
	Grace unit.Duration `yaml:"grace"` // how long the process may take to end after SIGTERM
}

// Tenant is one entry of `tenants`. Its sections Source to Kafka hold what counts for this tenant: the settings of
// the whole file with the tenant's own in their place.
type Tenant struct {
	ID                  string      `yaml:"id"`
	Name                string      `yaml:"name"`
	Cloud               string      `yaml:"cloud"`
	BaseURL             string      `yaml:"base_url"`
	Authority           string      `yaml:"authority"`
	PublisherIdentifier string      `yaml:"publisher_identifier"`
	ContentTypes        []string    `yaml:"content_types"` // empty: what is enabled at Microsoft
	AutoSubscribe       bool        `yaml:"auto_subscribe"`
	Auth                auth.Config `yaml:"auth"`

	Source  source.Config          `yaml:"source"`
	Filter  transform.FilterConfig `yaml:"filter"`
	Output  transform.OutputConfig `yaml:"output"`
	Outputs []transform.Output     `yaml:"outputs"`
	Dedupe  transform.DedupeConfig `yaml:"dedupe"`
	Redact  transform.RedactConfig `yaml:"redact"`
	Kafka   TenantKafka            `yaml:"kafka"`
}

// TenantKafka is what a tenant may have of its own in the section `kafka`.
type TenantKafka struct {
	Topic string `yaml:"topic"`
}

// SetDefaults fills in the defaults. There is no tenant by default.
func (c *Config) SetDefaults() {
	c.Fetch = true
	c.Shutdown.Grace = unit.Duration(20 * time.Second)
	for _, section := range []interface{ SetDefaults() }{
		&c.Source, &c.Filter, &c.Output, &c.Dedupe, &c.Redact, &c.Sink, &c.Kafka, &c.Control, &c.Checkpoint, &c.HTTP, &c.Log,
	} {
		section.SetDefaults()
	}
}

// tenant returns a tenant that has nothing of its own yet.
func (c *Config) tenant() Tenant {
	t := Tenant{
		Cloud: "enterprise", AutoSubscribe: true,
		Source: c.Source, Filter: c.Filter, Output: c.Output, Dedupe: c.Dedupe, Redact: c.Redact,
		Kafka: TenantKafka{Topic: c.Kafka.Topic},
	}
	for _, ct := range audit.ContentTypes() {
		t.ContentTypes = append(t.ContentTypes, string(ct))
	}
	t.Auth.SetDefaults()
	return t
}

// Audit returns the tenant's names.
func (t Tenant) Audit() audit.Tenant { return audit.Tenant{ID: t.ID, Name: t.Name} }

// Streams returns the tenant's streams; none if they are whatever is enabled at Microsoft.
func (t Tenant) Streams() []audit.Stream {
	var streams []audit.Stream
	for _, name := range t.ContentTypes {
		streams = append(streams, audit.Stream{Tenant: t.Audit(), ContentType: audit.ContentType(name)})
	}
	return streams
}

// PossibleStreams returns the tenant's streams; all there can be if they are whatever is enabled at Microsoft.
func (t Tenant) PossibleStreams() []audit.Stream {
	if len(t.ContentTypes) > 0 {
		return t.Streams()
	}
	var streams []audit.Stream
	for _, ct := range audit.ContentTypes() {
		streams = append(streams, audit.Stream{Tenant: t.Audit(), ContentType: ct})
	}
	return streams
}

// Hosts returns the base URL of the API, without a path, and the login host: the tenant's own, or its cloud's.
func (t Tenant) Hosts() (base, authority string) {
	base, authority, _ = auth.Cloud(t.Cloud) // an unknown cloud was refused at load
	if t.BaseURL != "" {
		base = t.BaseURL
	}
	if t.Authority != "" {
		authority = t.Authority
	}
	return apiPath.ReplaceAllString(base, ""), strings.TrimRight(authority, "/")
}

// apiPath is what the documentation of other programs shows at the end of the base URL.
var apiPath = regexp.MustCompile(`(?i)(/api(/v1(\.0)?)?)?/*$`)

// Tenant returns the i-th tenant with all settings that count for it.
func (c *Config) Tenant(i int) Tenant { return c.Tenants[i] }

// ErrNoTenant means that no tenant has the name or id asked for.
var ErrNoTenant = errors.New("no such tenant")

// Select returns the tenants that a command is about: the one of that name or GUID, or all of them if it is empty.
func (c *Config) Select(nameOrID string) ([]Tenant, error) {
	if nameOrID == "" {
		return c.Tenants, nil
	}
	for _, t := range c.Tenants {
		if t.Name == nameOrID || equalGUID(t.ID, nameOrID) {
			return []Tenant{t}, nil
		}
	}
	return nil, fmt.Errorf("%w: %q: use one of %s", ErrNoTenant, nameOrID, tenantNames(c.Tenants))
}
