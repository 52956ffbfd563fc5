package main

import (
	"context"

	"o365-kafka-connector/internal/control"
)

type redriveCommand struct {
	commandFlags
	contentTypeArgument

	Cause     string `help:"Only dead letters with this cause." placeholder:"CAUSE"`
	Since     string `help:"Only dead letters whose last failure was then or later." placeholder:"TIME"`
	ContentID string `help:"Only dead letters of this blob." placeholder:"ID"`
	DryRun    bool   `help:"Only count them."`
}

// Run puts dead letters back.
func (cmd redriveCommand) Run(ctx context.Context, env *environment, c *cli) error {
	return perform(ctx, env, c, request{
		name: control.Redrive, flags: cmd.commandFlags,
		arguments: map[string]any{
			"content_type": cmd.value(), "cause": cmd.Cause, "since": cmd.Since, "content_id": cmd.ContentID, "dry_run": cmd.DryRun,
		},
	})
}
