package main

import (
	"context"

	"o365-kafka-connector/internal/control"
)

type pauseCommand struct {
	commandFlags
	contentTypeArgument
}

// Run pauses a stream.
func (cmd pauseCommand) Run(ctx context.Context, env *environment, c *cli) error {
	return perform(ctx, env, c, request{
		name: control.Pause, flags: cmd.commandFlags, arguments: map[string]any{"content_type": cmd.value()},
	})
}

type resumeCommand struct {
	commandFlags
	contentTypeArgument
}

// Run has a paused stream go on.
func (cmd resumeCommand) Run(ctx context.Context, env *environment, c *cli) error {
	return perform(ctx, env, c, request{
		name: control.Resume, flags: cmd.commandFlags, arguments: map[string]any{"content_type": cmd.value()},
	})
}
