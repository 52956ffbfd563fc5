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

// retired is what is remembered of what is to be forgotten.
type retired struct {
	list    []contextRetired
	streams []audit.Stream // those of the list
	signIn  bool
}

// Retire forgets what is remembered of streams that nobody is configured for and nobody owns, and, of a tenant as a whole,
// its sign-ins. It concerns tenants that the members of a group do not know, so it is no command for the control topic.
func (e *Executor) Retire(ctx context.Context, r Retirement, emit func(control.Reply) error) error {
	t, types, err := e.retirable(r)
	if err != nil {
		return err
	}
	store, err := e.options.Store()
	if err != nil {
		return err
	}
	found, err := e.remembered(ctx, store, t, types)
	if err == nil && !r.DryRun {
		err = e.forget(ctx, store, found.streams)
	}
	if err == nil && r.ContentType == "" {
		found.signIn, err = e.options.Logins.Retire(ctx, t.ID, r.DryRun)
	}
	switch {
	case err != nil:
		return err
	case len(found.list) == 0 && !found.signIn:
		return nothingOf(t, r.ContentType)
	}
	c := &call{Executor: e, emit: emit}
	return c.reply(control.OutcomeDone, found.text(r.DryRun), map[string]any{"retire": map[string]any{
		"tenant": t.ID, "dry_run": r.DryRun, "streams": found.list, "sign_in": found.signIn,
	}})
}

func nothingOf(t audit.Tenant, ct audit.ContentType) error {
	what := "tenant " + t.Name
	if ct != "" {
		what = "stream " + audit.Stream{Tenant: t, ContentType: ct}.String()
	}
	return refused("nothing_remembered", "nothing is remembered of "+what, "check the GUID, and that checkpoint names the store and the key_prefix of the connector that read it")
}

// remembered looks at each of a tenant's streams.
func (e *Executor) remembered(ctx context.Context, store checkpoint.Operator, t audit.Tenant, types []audit.ContentType) (retired, error) {
	found := retired{list: []contextRetired{}}
	for _, ct := range types {
		s := audit.Stream{Tenant: t, ContentType: ct}
		one, ok, err := e.lookAt(ctx, store, s)
		if err != nil {
			return found, err
		}
		if ok {
			found.list, found.streams = append(found.list, one), append(found.streams, s)
		}
	}
	return found, nil
}

// forget looks again before each stream: somebody may have taken it meanwhile.
func (e *Executor) forget(ctx context.Context, store checkpoint.Operator, streams []audit.Stream) error {
	for _, s := range streams {
		if err := e.ownerless(ctx, store, s); err != nil {
			return err
		}
		if err := store.Retire(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (r retired) text(dry bool) string {
	text, verb := "", "are"
	if dry {
		text, verb = "Dry run, nothing was changed. ", "would be"
	}
	if r.signIn {
		text += "A person's sign-in and its tokens " + verb + " forgotten.\n"
	}
	if len(r.list) == 0 {
		return text
	}
	text += "These streams " + verb + " forgotten.\n"
	if slices.ContainsFunc(r.list, func(o contextRetired) bool { return o.Desired != audit.Stopped }) {
		text += "Not all of them were stopped: what Microsoft made available after the watermark was not read, and subscriptions may still be on. " +
			"To drain a stream, run stop-subscription TYPE while its tenant is configured.\n"
	}
	out := table{title: "Streams", columns: []string{"Content type", "Watermark", "N", "Desired", "Pending", "Gaps"}}
	for _, one := range r.list {
		out.add(string(one.ContentType), stamp(one.Watermark), strconv.FormatInt(one.N, 10), string(one.Desired), strconv.Itoa(one.Pending), strconv.Itoa(one.Gaps))
	}
	return text + "\n" + out.String()
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
	if err := e.ownerless(ctx, store, s); err != nil {
		return contextRetired{}, false, err
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

// ownerless refuses a stream that somebody owns, or of which nobody can tell.
func (e *Executor) ownerless(ctx context.Context, store checkpoint.Operator, s audit.Stream) error {
	statuses, err := store.Statuses(ctx, []audit.Stream{s})
	if err != nil {
		return err
	}
	owner, owned := statuses[0].Owner, statuses[0].State != audit.StateUnowned
	if !owned {
		m, err := e.memberWith(ctx, s)
		if err != nil {
			return &control.Refusal{
				Outcome: control.OutcomeRefused, Code: "owner_unknown", Err: err,
				Message: fmt.Sprintf("nobody can tell whether an instance reads stream %s: %v", s.Key(), err),
				Hint:    "try again when Kafka answers and the group is stable",
			}
		}
		if m != nil {
			owner, owned = m.Instance, true
		}
	}
	if owned {
		return refused("owned", fmt.Sprintf("stream %s is owned by instance %q", s.Key(), owner),
			"take it out of the configuration of that instance, too, and restart it")
	}
	return nil
}
