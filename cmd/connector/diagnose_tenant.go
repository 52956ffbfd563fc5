package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/source"
)

const (
	apiDeadline = time.Minute // listings of busy tenants are slow
	clockWarns  = 30 * time.Second
	clockFails  = 5 * time.Minute // Entra ID and TLS begin to refuse
)

// tenant follows the way of a request: hosts, token, subscriptions, content.
func (d *diagnosis) tenant(ctx context.Context, t config.Tenant) {
	base, authority := t.Hosts()
	if asksAuthority(t.Auth.Method) && !d.host(ctx, t, "login host", authority) {
		return
	}
	if !d.host(ctx, t, "api host", base) {
		return
	}
	tokens, ok := d.token(ctx, t)
	if !ok {
		return
	}
	client, err := newClient(t, source.Options{Tokens: tokens})
	if err != nil {
		d.add(finding{Check: "client", Tenant: t.Name, Status: failed, Message: err.Error()})
		return
	}
	defer client.Close()
	list, ok := d.subscriptions(ctx, t, client)
	d.clock(t, client)
	if ok {
		d.content(ctx, t, client, list)
	}
}

func (d *diagnosis) host(ctx context.Context, t config.Tenant, check, address string) bool {
	return d.try(ctx, finding{Check: check, Tenant: t.Name}, hostDeadline, func(ctx context.Context) (string, error) {
		return reach(ctx, address, t.Source.Proxy)
	})
}

// subscriptions also finds out whether the audit log is switched on at all.
func (d *diagnosis) subscriptions(ctx context.Context, t config.Tenant, client *source.Client) ([]source.Subscription, bool) {
	var list []source.Subscription
	f := finding{Check: "subscriptions", Tenant: t.Name}
	ok := d.try(ctx, f, apiDeadline, func(ctx context.Context) (message string, err error) {
		list, err = client.Subscriptions(ctx)
		return describeEnabled(list), explainAudit(err)
	})
	if !ok {
		return nil, false
	}
	missing := slices.DeleteFunc(t.Streams(), func(s audit.Stream) bool { return enabled(list, s) })
	if len(missing) == 0 {
		return list, true
	}
	f = finding{Check: "subscriptions", Tenant: t.Name, Status: doubtful, Message: "not enabled: " + typeNames(missing)}
	f.Hint = "nothing: they are started by connector run (auto_subscribe); first content comes within 12 hours"
	if !t.AutoSubscribe {
		f.Hint = "set auto_subscribe: true, or take them out of content_types"
	}
	d.add(f)
	return list, true
}

// content lists the last minutes of every enabled stream: permissions are per content type.
func (d *diagnosis) content(ctx context.Context, t config.Tenant, client *source.Client, list []source.Subscription) {
	for _, s := range t.Streams() {
		if !enabled(list, s) {
			continue
		}
		f := finding{Check: "content " + string(s.ContentType), Tenant: t.Name}
		d.try(ctx, f, apiDeadline, func(ctx context.Context) (string, error) {
			return tryListing(ctx, client, s)
		})
	}
}

// tryListing asks for the blobs of the last hour and is content with the first answer.
func tryListing(ctx context.Context, client *source.Client, s audit.Stream) (string, error) {
	now := client.Now().Truncate(time.Second)
	for _, err := range client.List(ctx, s, audit.Window{Start: now.Add(-time.Hour), End: now}) {
		if err != nil {
			return "", explainAudit(err)
		}
		return "can be listed, and has content of the last hour", nil
	}
	return "can be listed; no content in the last hour", nil
}

// clock compares the machine's clock with the one that the API's answers showed.
func (d *diagnosis) clock(t config.Tenant, client *source.Client) {
	skew := time.Since(client.Now()).Round(time.Second)
	f := finding{Check: "clock", Tenant: t.Name, Status: fine, Message: "agrees with the API's"}
	if skew.Abs() >= clockWarns {
		f.Status = doubtful
		f.Message = fmt.Sprintf("this machine's clock is %s ahead of the API's", skew)
		f.Hint = "set the clock, e.g. by NTP"
	}
	if skew.Abs() >= clockFails {
		f.Status = failed
	}
	d.add(f)
}

// explainAudit names the most frequent reason of a tenant that is set up and delivers nothing.
func explainAudit(err error) error {
	f, ok := errors.AsType[*audit.Fault](err)
	if !ok || f.Cause != audit.CauseAuditOff {
		return err
	}
	return &audit.Fault{
		Cause: f.Cause, Scope: f.Scope, Hint: f.Hint, // without the stack trace that Microsoft answers with
		Err: errors.New("the audit log is switched off in this tenant, or was switched on within the last hour"),
	}
}

func enabled(list []source.Subscription, s audit.Stream) bool {
	return slices.ContainsFunc(list, func(l source.Subscription) bool { return l.ContentType == s.ContentType && l.Enabled() })
}

func describeEnabled(list []source.Subscription) string {
	var names []string
	for _, s := range list {
		if s.Enabled() {
			names = append(names, string(s.ContentType))
		}
	}
	if len(names) == 0 {
		return "none is enabled"
	}
	return "enabled: " + strings.Join(names, ", ")
}

func typeNames(streams []audit.Stream) string {
	var names []string
	for _, s := range streams {
		names = append(names, string(s.ContentType))
	}
	return strings.Join(names, ", ")
}
