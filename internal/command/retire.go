package command

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/control"
)

// Retirement says which streams are to be forgotten.
type Retirement struct {
	Tenant      string            // GUID, or the name of one that is still configured
	ContentType audit.ContentType // empty: all
	DryRun      bool
}

// contextRetired is a stream that was forgotten, or would be.
type contextRetired struct {
	ContentType audit.ContentType  `json:"content_type"`
	N           int64              `json:"n"`
	Watermark   time.Time          `json:"watermark,omitzero"`
	Desired     audit.DesiredState `json:"desired"`
	Pending     int                `json:"pending"`
	Gaps        int                `json:"gaps"`
	Damaged     bool               `json:"damaged"`
}

var guid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// Retire forgets what is remembered of streams that nobody is configured for and nobody owns. It concerns tenants that
// the members of a group do not know, so it is no command for the control topic.
func (e *Executor) Retire(ctx context.Context, r Retirement, emit func(control.Reply) error) error {
	t, types, err := e.retirable(r)
	if err != nil {
		return err
	}
	store, err := e.options.Store()
	if err != nil {
		return err
	}
	out := table{title: "Streams", columns: []string{"Content type", "Watermark", "N", "Desired", "Pending", "Gaps"}}
	list, found := []contextRetired{}, []audit.Stream{}
	for _, ct := range types {
		s := audit.Stream{Tenant: t, ContentType: ct}
		one, ok, err := e.lookAt(ctx, store, s)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		list, found = append(list, one), append(found, s)
		out.add(string(ct), stamp(one.Watermark), strconv.FormatInt(one.N, 10), string(one.Desired), strconv.Itoa(one.Pending), strconv.Itoa(one.Gaps))
	}
	if !r.DryRun {
		for _, s := range found {
			if err := store.Retire(ctx, s); err != nil {
				return err
			}
		}
	}
	c := &call{Executor: e, emit: emit}
	return c.reply(control.OutcomeDone, retiredText(r.DryRun, list)+out.String(),
		map[string]any{"retire": map[string]any{"tenant": t.ID, "dry_run": r.DryRun, "streams": list}})
}

func retiredText(dry bool, list []contextRetired) string {
	text := "These streams are forgotten.\n"
	if dry {
		text = "Dry run, nothing was changed. These streams would be forgotten.\n"
	}
	running := slices.ContainsFunc(list, func(o contextRetired) bool { return o.Desired != audit.Stopped })
	if running {
		text += "Not all of them were stopped: what Microsoft made available after the watermark was not read, and subscriptions may still be on. " +
			"To drain a stream, run stop-subscription TYPE while its tenant is configured.\n"
	}
	return text + "\n"
}

// retirable returns what is not configured; an error says what is.
func (e *Executor) retirable(r Retirement) (audit.Tenant, []audit.ContentType, error) {
	types := audit.ContentTypes()
	if r.ContentType != "" {
		types = []audit.ContentType{r.ContentType}
	}
	id := strings.ToLower(strings.TrimSpace(r.Tenant))
	configured, err := e.options.Config.Select(r.Tenant)
	if err == nil && len(configured) != 1 {
		return audit.Tenant{}, nil, needsOne("retire", configured)
	}
	if err != nil {
		if !guid.MatchString(id) {
			return audit.Tenant{}, nil, invalid(fmt.Sprintf("tenant: %q is no GUID, and no tenant of the configuration: give the GUID of the tenant that was removed", r.Tenant))
		}
		return audit.Tenant{ID: id, Name: id}, types, nil
	}
	t := configured[0]
	left := slices.DeleteFunc(types, func(ct audit.ContentType) bool { return reads(t, ct) })
	if len(left) == 0 || r.ContentType == "" {
		return audit.Tenant{}, nil, refused("configured", fmt.Sprintf("tenant %s is configured", t.Name),
			"take it, or the content type, out of the configuration of all instances first; to give up one content type of a tenant that stays, name both")
	}
	return t.Audit(), left, nil
}

// reads reports whether the configuration has the stream read.
func reads(t config.Tenant, ct audit.ContentType) bool {
	return len(t.ContentTypes) == 0 || slices.Contains(t.ContentTypes, string(ct))
}

// lookAt tells what is remembered of a stream, false if nothing, and refuses one that somebody owns.
func (e *Executor) lookAt(ctx context.Context, store checkpoint.Operator, s audit.Stream) (contextRetired, bool, error) {
	statuses, err := store.Statuses(ctx, []audit.Stream{s})
	if err != nil {
		return contextRetired{}, false, err
	}
	owner := statuses[0].Owner
	if statuses[0].State == audit.StateUnowned {
		if owner, err = e.memberWith(ctx, s); err != nil {
			return contextRetired{}, false, err
		}
	}
	if owner != "" || statuses[0].State != audit.StateUnowned {
		return contextRetired{}, false, refused("owned", fmt.Sprintf("stream %s is owned by instance %q", s.Key(), owner),
			"take it out of the configuration of that instance, too, and restart it")
	}
	seen, err := readCheckpoint(ctx, store, s)
	if err != nil {
		return contextRetired{}, false, fmt.Errorf("read checkpoint of %s: %w", s.Key(), err)
	}
	known := seen.Known || seen.Damaged || seen.Wish.State != "" || len(seen.Wish.Backfills) > 0
	return contextRetired{
		ContentType: s.ContentType, N: seen.N, Watermark: seen.Watermark, Desired: seen.Desired, Pending: len(seen.Pending),
		Gaps: len(seen.Gaps), Damaged: seen.Damaged,
	}, known, nil
}

// memberWith returns the member of the group that is responsible for a stream, empty if none is.
func (e *Executor) memberWith(ctx context.Context, s audit.Stream) (string, error) {
	if e.options.Members == nil {
		return "", nil
	}
	members, err := e.options.Members(ctx)
	if err != nil {
		return "", fmt.Errorf("ask who owns %s: %w", s.Key(), err)
	}
	for _, m := range members {
		if slices.Contains(m.Streams, s.Key()) {
			return m.Instance, nil
		}
	}
	return "", nil
}
