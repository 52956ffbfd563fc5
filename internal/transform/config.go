package transform

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"o365-kafka-connector/internal/transform/redact"
)

// The output formats of this version.
const (
	// FormatIncident wraps the record as Cortex XSOAR's Microsoft Management Activity integration does.
	FormatIncident = "incident"
	// FormatRaw is the record byte for byte.
	FormatRaw = "raw"
	// FormatECS is the Elastic Common Schema, see package ecs.
	FormatECS = "ecs"
	// FormatOCSF is an event of the Open Cybersecurity Schema Framework, see package ocsf.
	FormatOCSF = "ocsf"
)

// OutputConfig is the section output: what an event looks like.
type OutputConfig struct {
	Format       string `yaml:"format"`
	IncidentType string `yaml:"incident_type"` // value of the incident's type; empty: no type
	RawData      bool   `yaml:"raw_data"`      // ocsf: add the record itself, as a string
	CloudEvents  bool   `yaml:"cloudevents"`   // add the headers of CloudEvents 1.0, binary mode
}

// SetDefaults chooses incidents without a type.
func (c *OutputConfig) SetDefaults() { c.Format = FormatIncident }

// formats are those that exist.
var formats = []string{FormatIncident, FormatRaw, FormatECS, FormatOCSF}

// Validate reports a format that does not exist, and what it does not have.
func (c OutputConfig) Validate() error {
	var errs []error
	if !slices.Contains(formats, c.Format) {
		errs = append(errs, fmt.Errorf("format: %q is unknown: use one of %s", c.Format, strings.Join(formats, ", ")))
	}
	if c.RawData && c.Format != FormatOCSF {
		errs = append(errs, fmt.Errorf("raw_data: counts only with format %s: leave it out", FormatOCSF))
	}
	return errors.Join(errs...)
}

// What becomes of a record that was published before.
const (
	DedupeOff  = "off"
	DedupeDrop = "drop"
)

// DedupeConfig is the section dedupe: what happens to a record that Microsoft delivers in several blobs.
type DedupeConfig struct {
	Records string `yaml:"records"`
}

// SetDefaults passes duplicates on.
func (c *DedupeConfig) SetDefaults() { c.Records = DedupeOff }

// Validate reports what this version cannot do.
func (c DedupeConfig) Validate() error {
	switch c.Records {
	case DedupeOff, DedupeDrop:
		return nil
	default:
		return fmt.Errorf(`records: %q is unknown: use "off" or drop`, c.Records)
	}
}

// Drops reports whether records that another blob has published are dropped.
func (c DedupeConfig) Drops() bool { return c.Records == DedupeDrop }

// RedactConfig is the section redact: what is taken out of records.
type RedactConfig = redact.Config
