// Package telemetry shows what the process does: logs, metrics, health, and the status page.
package telemetry

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
)

// HTTPConfig is the section `http` of the configuration.
type HTTPConfig struct {
	// Listen is the address of the status page, as host:port or :port; empty serves nothing.
	Listen string `yaml:"listen"`
}

// SetDefaults fills in the defaults.
func (c *HTTPConfig) SetDefaults() { c.Listen = ":8080" }

// Validate returns every problem, each starting with its key.
func (c HTTPConfig) Validate() error {
	if c.Listen == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("listen: %q is no address: write :8080 or 127.0.0.1:8080, or nothing to serve no pages", c.Listen)
	}
	return nil
}

// Log formats.
const (
	FormatJSON = "json"
	FormatText = "text"
)

// LogConfig is the section `log` of the configuration.
type LogConfig struct {
	Level  string `yaml:"level"`  // debug, info, warn or error
	Format string `yaml:"format"` // json or text
}

// SetDefaults fills in the defaults.
func (c *LogConfig) SetDefaults() {
	c.Level = "info"
	c.Format = FormatJSON
}

// Validate returns every problem, each starting with its key.
func (c LogConfig) Validate() error {
	var errs []error
	if !slices.Contains(levels(), strings.ToLower(c.Level)) {
		errs = append(errs, fmt.Errorf("level: %q is unknown: use one of %s", c.Level, strings.Join(levels(), ", ")))
	}
	if c.Format != FormatJSON && c.Format != FormatText {
		errs = append(errs, fmt.Errorf("format: %q is unknown: use json or text", c.Format))
	}
	return errors.Join(errs...)
}

func levels() []string { return []string{"debug", "info", "warn", "error"} }

// level returns the configured level; an unknown one, which Validate refuses, means info.
func (c LogConfig) level() slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(c.Level)); err != nil {
		return slog.LevelInfo
	}
	return l
}
