package main

import (
	"context"
	"fmt"

	"o365-kafka-connector/config"
)

type configCommand struct {
	Check configCheckCommand `cmd:"" help:"Check the configuration: all problems at once."`
	Print configPrintCommand `cmd:"" help:"Print what counts in the end, for each tenant, with secrets masked."`
}

type configCheckCommand struct{}

// Run checks the file, and the files that it names.
func (configCheckCommand) Run(ctx context.Context, env *environment, c *cli) error {
	cfg, err := config.Load(c.ConfigFile)
	if err != nil {
		return err
	}
	if err := checkParts(ctx, cfg); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "%s is fine: %s\n", c.ConfigFile, summary(cfg))
	return err
}

type configPrintCommand struct{}

// Run prints the settings that count.
func (configPrintCommand) Run(env *environment, c *cli) error {
	cfg, err := config.Load(c.ConfigFile)
	if err != nil {
		return err
	}
	return cfg.Print(env.stdout)
}

// summary says in a few words what a configuration is about.
func summary(cfg *config.Config) string {
	streams, unknown := 0, ""
	for _, t := range cfg.Tenants {
		streams += len(t.ContentTypes)
		if len(t.ContentTypes) == 0 {
			unknown = " and what is enabled at Microsoft"
		}
	}
	return fmt.Sprintf("tenants: %d, streams: %d%s", len(cfg.Tenants), streams, unknown)
}
