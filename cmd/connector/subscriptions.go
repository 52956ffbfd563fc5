package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/source"
)

// commandTimeout bounds a command that talks to Microsoft.
const commandTimeout = 3 * time.Minute

type listSubscriptionsCommand struct {
	tenantFlags
}

// subscriptions are what Microsoft answered for one tenant.
type subscriptions struct {
	tenant config.Tenant
	list   []source.Subscription
	err    error
}

// Run asks for the subscriptions of all tenants at once.
func (cmd listSubscriptionsCommand) Run(ctx context.Context, env *environment, c *cli) error {
	cfg, tenants, err := loadTenants(c, cmd.Tenant)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	answers := make([]subscriptions, len(tenants))
	var wg sync.WaitGroup
	for i, t := range tenants {
		wg.Go(func() { answers[i] = askSubscriptions(ctx, t) })
	}
	wg.Wait()

	several := len(cfg.Tenants) > 1
	if cmd.json() {
		err = printSubscriptionsJSON(env, answers, several)
	} else {
		err = printSubscriptions(env, answers, several)
	}
	for _, a := range answers {
		if a.err != nil {
			err = errors.Join(err, fmt.Errorf("list subscriptions of tenant %s: %w", a.tenant.Name, a.err))
		}
	}
	return err
}

// loadTenants reads the configuration and chooses the tenants that a command is about.
func loadTenants(c *cli, nameOrID string) (*config.Config, []config.Tenant, error) {
	cfg, err := config.Load(c.ConfigFile)
	if err != nil {
		return nil, nil, err
	}
	tenants, err := cfg.Select(nameOrID)
	if err != nil {
		return nil, nil, usageError{fmt.Errorf("--tenant: %w", err)}
	}
	return cfg, tenants, nil
}

func askSubscriptions(ctx context.Context, t config.Tenant) subscriptions {
	answer := subscriptions{tenant: t}
	client, err := newClient(t)
	if err != nil {
		answer.err = err
		return answer
	}
	defer client.Close()
	answer.list, answer.err = client.Subscriptions(ctx)
	return answer
}

// contextSubscription is an entry of MicrosoftManagement.Subscription. Only enabled subscriptions have one, as in
// Cortex XSOAR's integration; Tenant is there if the configuration has several.
type contextSubscription struct {
	ContentType audit.ContentType `json:"ContentType"`
	Enabled     bool              `json:"Enabled"`
	Tenant      string            `json:"Tenant,omitempty"`
}

func printSubscriptionsJSON(env *environment, answers []subscriptions, several bool) error {
	list := []contextSubscription{}
	answered := false
	for _, a := range answers {
		answered = answered || a.err == nil
		for _, s := range a.list {
			if !s.Enabled() {
				continue
			}
			one := contextSubscription{ContentType: s.ContentType, Enabled: true}
			if several {
				one.Tenant = a.tenant.Name
			}
			list = append(list, one)
		}
	}
	if !answered {
		return nil
	}
	return printJSON(env.stdout, "MicrosoftManagement", map[string]any{"Subscription": list})
}

func printSubscriptions(env *environment, answers []subscriptions, several bool) error {
	w := tabwriter.NewWriter(env.stdout, 0, 0, 3, ' ', 0)
	row := func(tenant, contentType, status string) {
		if several {
			fmt.Fprintf(w, "%s\t", tenant)
		}
		fmt.Fprintf(w, "%s\t%s\n", contentType, status)
	}
	row("TENANT", "CONTENT TYPE", "SUBSCRIPTION")
	answered := false
	for _, a := range answers {
		if a.err != nil {
			continue
		}
		answered = true
		for _, s := range a.list {
			row(a.tenant.Name, string(s.ContentType), describeSubscription(s))
		}
		for _, missing := range missingTypes(a.tenant, a.list) {
			row(a.tenant.Name, string(missing), "none")
		}
	}
	if !answered {
		return nil
	}
	return w.Flush()
}

func describeSubscription(s source.Subscription) string {
	out := "disabled"
	if s.Enabled() {
		out = "enabled"
	}
	if s.Webhook != nil {
		out += ", webhook " + s.Webhook.Status
	}
	return out
}

// missingTypes are the tenant's configured content types for which there is no subscription at all.
func missingTypes(t config.Tenant, list []source.Subscription) []audit.ContentType {
	var missing []audit.ContentType
	for _, s := range t.Streams() {
		has := slices.ContainsFunc(list, func(l source.Subscription) bool { return l.ContentType == s.ContentType })
		if !has {
			missing = append(missing, s.ContentType)
		}
	}
	return missing
}
