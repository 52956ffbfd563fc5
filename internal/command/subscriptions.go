package command

import (
	"context"
	"errors"
	"slices"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/source"
)

// contextSubscription is an entry of MicrosoftManagement.Subscription. Tenant is there if the configuration has several.
type contextSubscription struct {
	ContentType audit.ContentType `json:"ContentType"`
	Enabled     bool              `json:"Enabled"`
	Tenant      string            `json:"Tenant,omitempty"`
}

func (c *call) listSubscriptions(ctx context.Context) error {
	answers := make([][]source.Subscription, len(c.tenants))
	errs := c.ofTenants("list subscriptions", func(i int, t config.Tenant) error {
		client, err := c.options.Client(t)
		if err != nil {
			return err
		}
		answers[i], err = client.Subscriptions(ctx)
		return err
	})
	failed := errors.Join(errs...)
	if !slices.Contains(errs, nil) {
		return failed
	}
	list := []contextSubscription{}
	out := table{title: "Current Subscriptions", columns: []string{"Current Subscriptions", "Status", "Webhook", "Webhook expires"}}
	if c.several() {
		out.columns = append([]string{"Tenant"}, out.columns...)
	}
	for i, t := range c.tenants {
		if errs[i] != nil {
			continue
		}
		for _, s := range answers[i] {
			list = append(list, c.contextOf(t, s.ContentType, s.Enabled()))
		}
		c.addSubscriptions(&out, t, answers[i])
	}
	return errors.Join(c.reply(control.OutcomeDone, out.String(), original("Subscription", list)), failed)
}

func (c *call) contextOf(t config.Tenant, ct audit.ContentType, enabled bool) contextSubscription {
	s := contextSubscription{ContentType: ct, Enabled: enabled}
	if c.several() {
		s.Tenant = t.Name
	}
	return s
}

func (c *call) addSubscriptions(out *table, t config.Tenant, list []source.Subscription) {
	row := func(cells ...string) {
		if c.several() {
			cells = append([]string{t.Name}, cells...)
		}
		out.add(cells...)
	}
	for _, s := range list {
		status, webhook, expires := "disabled", "", ""
		if s.Enabled() {
			status = "enabled"
		}
		if s.Webhook != nil {
			webhook, expires = s.Webhook.Status, s.Webhook.Expiration
		}
		row(string(s.ContentType), status, webhook, expires)
	}
	for _, s := range t.Streams() {
		has := slices.ContainsFunc(list, func(l source.Subscription) bool { return l.ContentType == s.ContentType })
		if !has {
			row(string(s.ContentType), "none", "", "")
		}
	}
}
