package main

import (
	"context"

	"o365-kafka-connector/internal/control"
)

type statusCommand struct {
	commandFlags
	contentTypeArgument
}

// Run tells what the streams do.
func (cmd statusCommand) Run(ctx context.Context, env *environment, c *cli) error {
	return perform(ctx, env, c, request{
		name: control.ShowStatus, flags: cmd.commandFlags, quiet: true, arguments: map[string]any{"content_type": cmd.value()},
	})
}

type checkpointCommand struct {
	Show  checkpointShowCommand  `cmd:"" help:"Show what is remembered of each stream."`
	Set   checkpointSetCommand   `cmd:"" help:"Move the watermark of a paused stream."`
	Reset checkpointResetCommand `cmd:"" help:"Forget what a paused stream has delivered, and begin again."`
}

type checkpointShowCommand struct {
	commandFlags
	contentTypeArgument
}

// Run shows what is remembered.
func (cmd checkpointShowCommand) Run(ctx context.Context, env *environment, c *cli) error {
	return perform(ctx, env, c, request{
		name: control.CheckpointShow, flags: cmd.commandFlags, quiet: true,
		arguments: map[string]any{"content_type": cmd.value()},
	})
}

type checkpointSetCommand struct {
	commandFlags
	contentTypeArgument

	Watermark string `help:"What became available before it is not read." placeholder:"TIME"`
	DryRun    bool   `help:"Only say what would be read again, or skipped."`
}

// Run moves a watermark.
func (cmd checkpointSetCommand) Run(ctx context.Context, env *environment, c *cli) error {
	return perform(ctx, env, c, request{
		name: control.CheckpointSet, flags: cmd.commandFlags,
		arguments: map[string]any{"content_type": cmd.value(), "watermark": cmd.Watermark, "dry_run": cmd.DryRun},
	})
}

type checkpointResetCommand struct {
	commandFlags
	contentTypeArgument

	DryRun bool `help:"Only say what would be read again."`
}

// Run forgets what a stream has delivered.
func (cmd checkpointResetCommand) Run(ctx context.Context, env *environment, c *cli) error {
	return perform(ctx, env, c, request{
		name: control.CheckpointReset, flags: cmd.commandFlags,
		arguments: map[string]any{"content_type": cmd.value(), "dry_run": cmd.DryRun},
	})
}
