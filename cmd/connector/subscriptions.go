package main

import (
	"context"

	"o365-kafka-connector/internal/control"
)

type listSubscriptionsCommand struct {
	commandFlags
}

// Run lists the subscriptions of all tenants, or of one.
func (cmd listSubscriptionsCommand) Run(ctx context.Context, env *environment, c *cli) error {
	return perform(ctx, env, c, request{name: control.ListSubscriptions, flags: cmd.commandFlags, quiet: true})
}

// contentTypeArgument names a content type; playbooks call it content_type.
type contentTypeArgument struct {
	Type        string `arg:"" optional:"" help:"Content type, in any letter case."`
	ContentType string `hidden:"" help:"The same as TYPE."`
}

func (a contentTypeArgument) value() string {
	if a.Type != "" {
		return a.Type
	}
	return a.ContentType
}

type startSubscriptionCommand struct {
	commandFlags
	contentTypeArgument
}

// Run starts a subscription.
func (cmd startSubscriptionCommand) Run(ctx context.Context, env *environment, c *cli) error {
	return perform(ctx, env, c, request{
		name: control.StartSubscription, flags: cmd.commandFlags, arguments: map[string]any{"content_type": cmd.value()},
	})
}

type stopSubscriptionCommand struct {
	commandFlags
	contentTypeArgument

	Now bool `help:"Do not read first what is there; the answer counts what is lost by that."`
}

// Run stops a subscription.
func (cmd stopSubscriptionCommand) Run(ctx context.Context, env *environment, c *cli) error {
	return perform(ctx, env, c, request{
		name: control.StopSubscription, flags: cmd.commandFlags,
		arguments: map[string]any{"content_type": cmd.value(), "now": cmd.Now},
	})
}
