package main

import (
	"context"
	"errors"
	"strings"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/command"
)

type retireCommand struct {
	tenantFlags

	What   string `arg:"" help:"GUID of a tenant that was removed from the configuration, GUID/TYPE, or TYPE with --tenant." placeholder:"TENANT|TYPE"`
	DryRun bool   `help:"Only say what would be forgotten."`
}

// Run forgets streams that nobody is configured for any more.
func (cmd retireCommand) Run(ctx context.Context, env *environment, c *cli) error {
	cfg, err := config.Load(c.ConfigFile)
	if err != nil {
		return err
	}
	r, err := cmd.retirement()
	if err != nil {
		return usageError{err}
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	s := newSession(cfg)
	defer s.close()
	out := &printer{env: env, json: cmd.json()}
	return errors.Join(command.New(s.options(ctx, out)).Retire(ctx, r, out.part), out.finish())
}

func (cmd retireCommand) retirement() (command.Retirement, error) {
	r := command.Retirement{Tenant: cmd.Tenant, DryRun: cmd.DryRun}
	tenant, kind, both := strings.Cut(cmd.What, "/")
	if !both {
		ct, err := audit.ParseContentType(cmd.What)
		if err != nil && cmd.Tenant != "" {
			return r, err
		}
		r.ContentType = ct
		if err != nil {
			r.Tenant = cmd.What
		}
		return r, nil
	}
	if cmd.Tenant != "" {
		return r, errors.New("--tenant: TENANT/TYPE names one already")
	}
	var err error
	r.Tenant = tenant
	r.ContentType, err = audit.ParseContentType(kind)
	return r, err
}
