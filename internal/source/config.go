package source

import (
	"errors"
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/unit"
)

// maxDepth is how far back a sweep may reach: the API refuses a window that starts more than 7 days ago.
const maxDepth = 167 * time.Hour

// maxWorkers bounds the workers of a stream: the tenant's request budget feeds fewer.
const maxWorkers = 100

// Config says how the Management Activity API is read.
type Config struct {
	Timeout           unit.Duration `yaml:"timeout"`        // for the first byte of an answer and each gap in it
	FirstFetch        unit.Duration `yaml:"first_fetch"`    // how far back a new stream starts; see FirstWindow
	CatchUpAfter      unit.Duration `yaml:"catch_up_after"` // further behind than this: what happens now first; 0: in order
	PollInterval      unit.Duration `yaml:"poll_interval"`
	Overlap           unit.Duration `yaml:"overlap"` // how much of the last window each poll lists again
	Sweep             Sweep         `yaml:"sweep"`
	Workers           int           `yaml:"workers"`     // per stream
	Buffer            unit.Bytes    `yaml:"buffer"`      // prepared events, for the whole process
	BlobBuffer        unit.Bytes    `yaml:"blob_buffer"` // a larger blob goes through a temporary file
	Spool             string        `yaml:"spool"`       // directory for those; empty: the system's
	SpoolMax          unit.Bytes    `yaml:"spool_max"`
	RequestsPerMinute int           `yaml:"requests_per_minute"` // per tenant
	Insecure          bool          `yaml:"insecure"`            // trust any certificate, and plain http to any host
	CAFile            string        `yaml:"ca_file"`             // PEM file with authorities to trust besides the system's
	Proxy             bool          `yaml:"proxy"`               // use the system's proxy settings
}

// Sweep says how often and how far back everything is listed again, to find what came late.
type Sweep struct {
	Interval unit.Duration `yaml:"interval"`
	Depth    unit.Duration `yaml:"depth"`
}

// SetDefaults fills in what a configuration may leave out.
func (c *Config) SetDefaults() {
	*c = Config{
		Timeout:           unit.Duration(15 * time.Second),
		FirstFetch:        unit.Duration(time.Hour),
		CatchUpAfter:      unit.Duration(time.Hour),
		PollInterval:      unit.Duration(30 * time.Second),
		Overlap:           unit.Duration(5 * time.Minute),
		Sweep:             Sweep{Interval: unit.Duration(30 * time.Minute), Depth: unit.Duration(24 * time.Hour)},
		Workers:           4,
		Buffer:            32 * unit.MiB,
		BlobBuffer:        4 * unit.MiB,
		SpoolMax:          2 * unit.GiB,
		RequestsPerMinute: 2000,
		Proxy:             true,
	}
}

// Validate reports every problem, each with the key it is about.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(c.Timeout > 0, "timeout: must be positive, e.g. 15s")
	check(c.FirstFetch > 0, "first_fetch: must be positive, e.g. 1h")
	check(c.CatchUpAfter >= 0 && c.CatchUpAfter.D() <= maxDepth, "catch_up_after: must be at most 167h and not negative, e.g. 1h; "+
		"0s reads everything in order")
	check(c.PollInterval > 0, "poll_interval: must be positive, e.g. 30s")
	check(c.Overlap >= 0 && c.Overlap.D() < audit.MaxWindow, "overlap: must be less than 24h and not negative, e.g. 5m")
	check(c.Sweep.Interval > 0, "sweep.interval: must be positive, e.g. 30m")
	check(c.Sweep.Depth > 0 && c.Sweep.Depth.D() <= maxDepth, "sweep.depth: must be positive and at most 167h, e.g. 24h")
	check(c.Workers > 0 && c.Workers <= maxWorkers, "workers: must be from 1 to %d, e.g. 4", maxWorkers)
	check(c.BlobBuffer > 0, "blob_buffer: must be positive, e.g. 4MiB")
	check(c.Buffer >= 2*c.BlobBuffer, "buffer: must be at least twice blob_buffer, here %s", 2*c.BlobBuffer)
	check(c.SpoolMax > 0, "spool_max: must be positive, e.g. 2GiB")
	check(c.RequestsPerMinute > 0, "requests_per_minute: must be at least 1, e.g. 2000")
	return errors.Join(errs...)
}

// FirstWindow returns how far back a new stream starts. The second value tells that first_fetch reaches further back
// than the API keeps content and was cut, which deserves a warning.
func (c Config) FirstWindow() (time.Duration, bool) {
	if c.FirstFetch.D() > audit.MaxAge {
		return audit.MaxAge, c.FirstFetch.D() > 7*24*time.Hour
	}
	return c.FirstFetch.D(), false
}
