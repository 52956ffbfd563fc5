package main

import (
	"context"

	"o365-kafka-connector/internal/control"
)

type generateLoginURLCommand struct {
	commandFlags
}

// Run tells where to sign in.
func (cmd generateLoginURLCommand) Run(ctx context.Context, env *environment, c *cli) error {
	return perform(ctx, env, c, request{name: control.GenerateLoginURL, flags: cmd.commandFlags})
}

type authResetCommand struct {
	commandFlags
}

// Run forgets sign-ins.
func (cmd authResetCommand) Run(ctx context.Context, env *environment, c *cli) error {
	return perform(ctx, env, c, request{name: control.AuthReset, flags: cmd.commandFlags})
}
