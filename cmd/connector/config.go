package main

import (
	"bytes"
	"context"
	"fmt"

	"go.yaml.in/yaml/v3"

	"o365-kafka-connector/config"
)

type configCommand struct {
	Check configCheckCommand `cmd:"" help:"Check the configuration: all problems at once."`
	Print configPrintCommand `cmd:"" help:"Print what counts in the end, for each tenant, with secrets masked."`
}

type configCheckCommand struct {
	outputFlag
}

// Run checks the file, and the files that it names.
func (cmd configCheckCommand) Run(ctx context.Context, env *environment, c *cli) error {
	cfg, err := config.Load(c.ConfigFile)
	if err != nil {
		return err
	}
	if err := checkParts(ctx, cfg); err != nil {
		return err
	}
	if cmd.json() {
		streams, _ := countStreams(cfg)
		return printJSON(env.stdout, "config", map[string]any{"ok": true, "file": c.ConfigFile, "tenants": len(cfg.Tenants), "streams": streams})
	}
	_, err = fmt.Fprintf(env.stdout, "%s is fine: %s\n", c.ConfigFile, summary(cfg))
	return err
}

type configPrintCommand struct {
	outputFlag
}

// Run prints the settings that count.
func (cmd configPrintCommand) Run(env *environment, c *cli) error {
	cfg, err := config.Load(c.ConfigFile)
	if err != nil {
		return err
	}
	if !cmd.json() {
		return cfg.Print(env.stdout)
	}
	var printed bytes.Buffer
	if err := cfg.Print(&printed); err != nil {
		return err
	}
	var tree map[string]any
	if err := yaml.Unmarshal(printed.Bytes(), &tree); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return printJSON(env.stdout, "config", tree)
}

// countStreams counts the streams that are known by name; all tells that there are no others.
func countStreams(cfg *config.Config) (streams int, all bool) {
	all = true
	for _, t := range cfg.Tenants {
		streams += len(t.ContentTypes)
		all = all && len(t.ContentTypes) > 0
	}
	return streams, all
}

// summary says in a few words what a configuration is about.
func summary(cfg *config.Config) string {
	streams, all := countStreams(cfg)
	unknown := ""
	if !all {
		unknown = " and what is enabled at Microsoft"
	}
	return fmt.Sprintf("tenants: %d, streams: %d%s", len(cfg.Tenants), streams, unknown)
}
