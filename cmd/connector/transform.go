package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform"
)

type transformCommand struct {
	File         string `arg:"" optional:"" help:"File of records. Default, and for -: the standard input." placeholder:"FILE"`
	Format       string `help:"incident, raw, ecs or ocsf. Default: that of the configuration, or incident." placeholder:"FORMAT"`
	IncidentType string `help:"Value of the incident's type." placeholder:"TYPE"`
	ContentType  string `help:"Content type that the records came from, for what a format says of it." placeholder:"TYPE"`
	Explain      bool   `help:"Say of each record which row of the mapping it matched and why, instead of printing its event."`
	Tenant       string `help:"With --config: name or GUID of the tenant; default: the only one." placeholder:"TENANT"`
}

// Help tells more than fits a line.
func (transformCommand) Help() string {
	return `Reads records from the standard input or a file, one on each line, and prints for each line one with its event. An empty line stays
one. A line that is no JSON is passed on as a malformed record, as the format does it; it is named on the standard
error, and the exit status is 1. If the input begins with [, it is taken for blobs as the API has them, arrays one after
the other, and each record becomes a line.

No configuration is needed. With --config, what it says of this format and of redaction counts; filters do not.`
}

// Run transforms records.
func (cmd transformCommand) Run(ctx context.Context, env *environment, c *cli) error {
	o, err := cmd.options(c)
	if err != nil {
		return err
	}
	build, err := transform.NewOutputs(o)
	if err != nil {
		return usageError{err}
	}
	text := env.stdin
	if cmd.File != "" && cmd.File != "-" {
		file, err := os.Open(cmd.File)
		if err != nil {
			return usageError{fmt.Errorf("FILE: %w", err)}
		}
		defer file.Close() //nolint:errcheck // it was only read
		text = file
	}
	// Nothing is left to be done for who ends a filter, and a read may never return.
	defer context.AfterFunc(ctx, func() { env.exit(exitFailed) })()
	t := &lineTransformer{outputs: build(), explain: cmd.Explain, out: lineWriter{out: env.stdout}, aside: env.stderr}
	return t.run(text)
}

// options are what becomes of a record.
func (cmd transformCommand) options(c *cli) (transform.OutputsOptions, error) {
	var o transform.OutputsOptions
	output, tenant, err := cmd.configured(c)
	if err != nil {
		return o, err
	}
	if cmd.Format != "" {
		output.Format = cmd.Format
	}
	if cmd.IncidentType != "" {
		output.IncidentType = cmd.IncidentType
	}
	if err := output.OutputConfig.Validate(); err != nil {
		return o, usageError{fmt.Errorf("--%w", err)}
	}
	o = transform.OutputsOptions{
		Stream: audit.Stream{Tenant: tenant}, Outputs: []transform.Output{output},
		Now: func() time.Time { return time.Time{} }, // nothing is published, and the same input has the same output
	}
	if cmd.ContentType == "" {
		return o, nil
	}
	if o.Stream.ContentType, err = audit.ParseContentType(cmd.ContentType); err != nil {
		return o, usageError{fmt.Errorf("--content-type: %w", err)}
	}
	return o, nil
}

// configured is the output that a configuration has of the format asked for, of the first format if none is, without
// filters. Without a configuration it is the default one.
func (cmd transformCommand) configured(c *cli) (transform.Output, audit.Tenant, error) {
	var plain transform.Output
	plain.SetDefaults()
	plain.Topic = "stdout" // nothing goes to a topic
	if !c.configGiven {
		if cmd.Tenant != "" {
			return plain, audit.Tenant{}, usageError{errors.New("--tenant: counts only with --config")}
		}
		return plain, audit.Tenant{}, nil
	}
	cfg, tenants, err := loadTenants(c, cmd.Tenant)
	if err != nil {
		return plain, audit.Tenant{}, err
	}
	if len(tenants) > 1 {
		return plain, audit.Tenant{}, usageError{errors.New("--tenant: there are several: name one of them")}
	}
	t := tenants[0]
	outputs := cfg.OutputsOf(t)
	i := slices.IndexFunc(outputs, func(o transform.Output) bool { return cmd.Format == "" || o.Format == cmd.Format })
	if i < 0 {
		plain.Redact = t.Redact
		return plain, t.Audit(), nil
	}
	out := outputs[i]
	out.Topic, out.Filter = plain.Topic, plain.Filter
	return out, t.Audit(), nil
}
