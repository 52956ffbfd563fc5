package main

import (
	"context"

	"o365-kafka-connector/internal/control"
)

type backfillCommand struct {
	commandFlags
	contentTypeArgument
	filterFlags

	StartTime string `help:"From when on; content is kept for 7 days." placeholder:"TIME"`
	EndTime   string `help:"Until when." placeholder:"TIME"`
	Mode      string `help:"missing: what was not delivered yet; republish: everything." default:"missing" placeholder:"MODE"`
	Topic     string `help:"Instead of the stream's own." placeholder:"TOPIC"`
	DryRun    bool   `help:"Only say how many blobs, requests and hours it takes."`
}

// Run asks for a back-fill.
func (cmd backfillCommand) Run(ctx context.Context, env *environment, c *cli) error {
	return perform(ctx, env, c, request{
		name: control.Backfill, flags: cmd.commandFlags,
		arguments: with(cmd.filterFlags.arguments(), "content_type", cmd.value(), "start_time", cmd.StartTime,
			"end_time", cmd.EndTime, "mode", cmd.Mode, "topic", cmd.Topic, "dry_run", cmd.DryRun),
	})
}

type cancelCommand struct {
	commandFlags

	ID          string `arg:"" optional:"" help:"Of the back-fill or the redrive, as its answer and checkpoint show tell it."`
	BackfillID  string `hidden:"" name:"backfill-id" help:"The same as ID."`
	ContentType string `help:"Of the back-fill's stream; default: any." placeholder:"TYPE"`
}

// Run cancels a back-fill.
func (cmd cancelCommand) Run(ctx context.Context, env *environment, c *cli) error {
	id := cmd.ID
	if id == "" {
		id = cmd.BackfillID
	}
	return perform(ctx, env, c, request{
		name: control.Cancel, flags: cmd.commandFlags,
		arguments: map[string]any{"backfill_id": id, "content_type": cmd.ContentType},
	})
}
