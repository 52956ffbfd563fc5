package command

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/source"
	"o365-kafka-connector/internal/transform"
	"o365-kafka-connector/internal/transform/redact"
)

// defaultTimeout is the original's, in case neither the command nor the configuration says one.
const defaultTimeout = 15 * time.Second

// timeout is how long each request of a command may take: what the command says, else what the configuration says.
func timeout(argument, configured time.Duration) time.Duration {
	switch {
	case argument > 0:
		return argument
	case configured > 0:
		return configured
	default:
		return defaultTimeout
	}
}

// listContent reads the blobs of at most 24 hours and emits their records while they arrive.
func (c *call) listContent(ctx context.Context) error {
	filter, err := newFilter(c.command.Arguments)
	if err != nil {
		return err
	}
	clients, rules := make([]*source.Client, len(c.tenants)), make([]*redact.Rules, len(c.tenants))
	for i, t := range c.tenants {
		if rules[i], err = redact.New(t.Redact); err != nil {
			return err
		}
		client, err := c.options.Client(t)
		if err != nil {
			return err
		}
		clients[i] = client.WithTimeout(timeout(c.command.Arguments.Timeout, t.Source.Timeout.D()))
	}
	parts := newContentParts(c)
	var errs []error
	for i, t := range c.tenants {
		l := &contentList{
			call: c, client: clients[i], filter: filter, rules: rules[i], parts: parts, tenant: t,
			stream: audit.Stream{Tenant: t.Audit(), ContentType: c.command.Arguments.ContentType},
		}
		if err := l.read(ctx); err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	if len(errs) > 0 && !parts.begun() {
		return errors.Join(errs...)
	}
	return errors.Join(append(errs, parts.finish())...)
}

// newFilter checks the filters of a command before any request.
func newFilter(a control.Arguments) (*transform.Filter, error) {
	filter, err := transform.NewFilter(transform.FilterConfig{Match: transform.Match{
		RecordTypes: a.RecordTypes, Workloads: a.Workloads, Operations: a.Operations,
	}})
	if err != nil {
		return nil, invalid("filters: " + err.Error())
	}
	return filter, nil
}

// contentList reads the content of one stream.
type contentList struct {
	*call

	client *source.Client
	filter *transform.Filter
	rules  *redact.Rules
	parts  *contentParts
	tenant config.Tenant
	stream audit.Stream

	found, done, failed atomic.Int64
	reason              atomic.Pointer[error] // of the first blob that failed
}

func (l *contentList) read(ctx context.Context) error {
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(max(l.tenant.Source.Workers, 1))
	seen := map[audit.Hash]struct{}{}
	var listErr error
	for _, w := range l.windows() {
		listErr = eachBlob(gctx, l.client, listed{stream: l.stream, window: w, seen: seen}, func(b audit.Blob) error {
			l.found.Add(1)
			group.Go(func() error { return l.blob(gctx, b) })
			return gctx.Err()
		})
		if listErr != nil {
			break
		}
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("list content of %s: %w", l.stream, err)
	}
	if listErr != nil {
		return fmt.Errorf("list content of %s: %w", l.stream, listErr)
	}
	if failed := l.failed.Load(); failed > 0 {
		return fmt.Errorf("list content of %s: %d of %d blobs could not be read, the first because: %w",
			l.stream, failed, l.found.Load(), *l.reason.Load())
	}
	return nil
}

// windows are what the command asks for, by default the last 24 hours.
func (l *contentList) windows() []audit.Window {
	a, now := l.command.Arguments, l.client.Now()
	if a.Start.IsZero() {
		now = now.Truncate(time.Second)
		return []audit.Window{{Start: now.Add(-audit.MaxWindow), End: now}}
	}
	return exactWindows(a.Start, a.End)
}

// blob emits a blob's records. A blob that cannot be read is counted, and the others go on.
func (l *contentList) blob(ctx context.Context, b audit.Blob) error {
	next := 0 // ordinal of the first record that was not emitted yet
	for attempt := 1; ; attempt++ {
		emitErr, err := l.records(ctx, b, &next)
		if emitErr != nil || ctx.Err() != nil {
			return errors.Join(emitErr, ctx.Err())
		}
		if err == nil {
			break
		}
		if attempt >= tries || !passing(err) {
			l.failed.Add(1)
			l.reason.CompareAndSwap(nil, &err)
			break
		}
		if err := pause(ctx, tryAgain<<attempt); err != nil {
			return err
		}
	}
	l.options.Progress(Progress{Text: "reading " + l.stream.String(), Done: l.done.Add(1), Total: l.found.Load()})
	return nil
}

func (l *contentList) records(ctx context.Context, b audit.Blob, next *int) (emitErr, err error) {
	content, err := l.client.Fetch(ctx, l.stream, b)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	redactor := l.rules.Redactor()
	for r, err := range content.Records() {
		if err != nil {
			return nil, err
		}
		if r.Ordinal < *next {
			continue
		}
		*next = r.Ordinal + 1
		if l.filter.Keep(&r) {
			if err := l.parts.add(l.tenant.Name, redactor.Record(b, &r)); err != nil {
				return err, nil
			}
		}
	}
	return nil, nil
}
