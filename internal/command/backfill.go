package command

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/control"
)

// share is how much of the tenant's request budget a back-fill may take.
const share = 0.5

// backfillID names a back-fill after its command, so that a command that is done again asks for the same one.
func backfillID(command string) string {
	sum := sha256.Sum256([]byte(command))
	return "bf-" + hex.EncodeToString(sum[:5])
}

// contextBackfill is a back-fill as it was asked for.
type contextBackfill struct {
	ID          string             `json:"id,omitempty"`
	Tenant      string             `json:"tenant"`
	ContentType audit.ContentType  `json:"content_type"`
	From        time.Time          `json:"from"`
	To          time.Time          `json:"to"`
	Mode        audit.BackfillMode `json:"mode"`
	Topic       string             `json:"topic,omitempty"`
	Unreadable  *span              `json:"unreadable,omitempty"` // too old: not done
	DryRun      bool               `json:"dry_run"`
	*effort                        // of a dry run
}

// effort is what a back-fill takes.
type effort struct {
	Blobs    int     `json:"blobs"`
	Requests int     `json:"requests"`
	Hours    float64 `json:"hours"`
}

// backfill asks the stream's owner to read a stretch of the past.
func (c *call) backfill(ctx context.Context) error {
	if err := c.own(); err != nil {
		return err
	}
	if _, err := newFilter(c.command.Arguments); err != nil {
		return err
	}
	if key, ok := c.options.Config.ReservedTopics()[c.command.Arguments.Topic]; ok {
		return invalid(fmt.Sprintf("topic: %s is %s already: choose another", c.command.Arguments.Topic, key))
	}
	out, err := c.planBackfill(time.Now().UTC())
	if err != nil {
		return err
	}
	if c.command.Arguments.DryRun {
		return c.tryBackfill(ctx, out)
	}
	store, err := c.options.Store()
	if err != nil {
		return err
	}
	out.ID = backfillID(c.command.ID)
	if err := c.askBackfill(ctx, store, out); err != nil {
		return err
	}
	text := fmt.Sprintf("Back-fill %s of stream %s from %s to %s (%s) is accepted", out.ID, c.stream(), stamp(out.From), stamp(out.To), out.Mode)
	return c.reply(control.OutcomeAccepted, text+"\n"+out.lost(), map[string]any{"backfill": out})
}

func (c *call) planBackfill(now time.Time) (contextBackfill, error) {
	a := c.command.Arguments
	out := contextBackfill{
		Tenant: c.tenant().ID, ContentType: a.ContentType, From: a.Start, To: a.End, Mode: audit.BackfillMode(a.Mode),
		Topic: a.Topic, DryRun: a.DryRun,
	}
	if out.To.After(now) {
		out.To = now.Truncate(time.Second)
	}
	oldest := now.Add(-audit.MaxAge).Truncate(time.Second)
	if !out.To.After(oldest) {
		return out, invalid("end_time: nothing of it can be read any more: Microsoft keeps content for 7 days, since " + stamp(oldest))
	}
	if out.From.Before(oldest) {
		out.Unreadable = &span{From: out.From, To: oldest}
		out.From = oldest
	}
	return out, nil
}

func (b contextBackfill) lost() string {
	if b.Unreadable == nil {
		return ""
	}
	return fmt.Sprintf("Not done: %s to %s, since Microsoft keeps content for 7 days\n", stamp(b.Unreadable.From), stamp(b.Unreadable.To))
}

func (c *call) askBackfill(ctx context.Context, store checkpoint.Operator, b contextBackfill) error {
	a := c.command.Arguments
	return store.ChangeWish(ctx, c.stream(), func(w *audit.Wish) {
		if _, ok := w.Backfill(b.ID); ok {
			return
		}
		w.Backfills = append(w.Backfills, audit.Backfill{
			ID: b.ID, From: b.From, To: b.To, Mode: b.Mode, Topic: b.Topic, Asked: time.Now().UTC(), By: c.command.IssuedBy,
			Filters: audit.BackfillFilters{RecordTypes: a.RecordTypes, Workloads: a.Workloads, Operations: a.Operations},
		})
	})
}

// tryBackfill lists what a back-fill would read.
func (c *call) tryBackfill(ctx context.Context, out contextBackfill) error {
	client, err := c.options.Client(c.tenant())
	if err != nil {
		return err
	}
	parts := windows(out.From, out.To, client.Now())
	blobs, err := count(ctx, client, c.stream(), parts, map[audit.Hash]struct{}{})
	if err != nil {
		return err
	}
	requests := blobs + len(parts)
	perMinute := share * float64(c.tenant().Source.RequestsPerMinute)
	out.effort = &effort{Blobs: blobs, Requests: requests, Hours: float64(requests) / perMinute / 60}
	text := fmt.Sprintf("Dry run: a back-fill of stream %s from %s to %s would take %d blobs, %d requests, %.2f hours",
		c.stream(), stamp(out.From), stamp(out.To), out.Blobs, out.Requests, out.Hours)
	if out.Mode == audit.BackfillMissing {
		text += " at most: what was delivered before is left out"
	}
	return c.reply(control.OutcomeDone, text+"\n"+out.lost(), map[string]any{"backfill": out})
}

// cancel ends a back-fill of any of the tenant's streams.
func (c *call) cancel(ctx context.Context) error {
	store, err := c.options.Store()
	if err != nil {
		return err
	}
	id := c.command.Arguments.BackfillID
	for _, s := range c.streamsOf(c.tenant()) {
		wish, err := store.Wish(ctx, s)
		if err != nil {
			return err
		}
		ended, err := c.ended(ctx, store, s)
		if err != nil {
			return err
		}
		_, asked := wish.Backfill(id)
		if !asked && ended == nil {
			continue
		}
		c.command.Arguments.ContentType = s.ContentType
		if ended != nil && ended.State != audit.BackfillRunning {
			return c.cancelled(control.OutcomeDone, "has ended already", ended.State)
		}
		return c.cancelIn(ctx, store)
	}
	return refused("unknown_backfill", fmt.Sprintf("tenant %s has no back-fill %q", c.tenant().Name, id), "run checkpoint show to see the back-fills")
}

// ended returns what the checkpoint knows of the back-fill; nil if nothing.
func (c *call) ended(ctx context.Context, store checkpoint.Operator, s audit.Stream) (*audit.BackfillProgress, error) {
	known, err := peek(ctx, store, s)
	if err != nil {
		return nil, err
	}
	for _, b := range known.Backfills {
		if b.ID == c.command.Arguments.BackfillID {
			return &b, nil
		}
	}
	return nil, nil
}

func (c *call) cancelIn(ctx context.Context, store checkpoint.Operator) error {
	id, s := c.command.Arguments.BackfillID, c.stream()
	err := store.ChangeWish(ctx, s, func(w *audit.Wish) {
		for i := range w.Backfills {
			if w.Backfills[i].ID == id {
				w.Backfills[i].Cancelled = true
				return
			}
		}
		w.Backfills = append(w.Backfills, audit.Backfill{ID: id, Cancelled: true, Asked: time.Now().UTC(), By: c.command.IssuedBy})
	})
	if err != nil {
		return err
	}
	state, owned := audit.BackfillRunning, true
	ok, err := await(ctx, obedience, func() (bool, error) {
		b, err := c.ended(ctx, store, s)
		if err != nil || b != nil && b.State != audit.BackfillRunning {
			if b != nil {
				state = b.State
			}
			return true, err
		}
		status, err := c.status(ctx, store)
		owned = status.State != audit.StateUnowned
		return !owned, err
	})
	switch {
	case err != nil:
		return fmt.Errorf("wait for the stream's owner, which obeys all the same: %w", err)
	case !ok || !owned:
		return c.cancelled(control.OutcomeAccepted, "will be cancelled by the stream's owner", state)
	}
	return c.cancelled(control.OutcomeDone, "is cancelled", state)
}

func (c *call) cancelled(outcome control.Outcome, text string, state audit.BackfillState) error {
	id := c.command.Arguments.BackfillID
	return c.reply(outcome, fmt.Sprintf("Back-fill %s of stream %s %s", id, c.stream(), text),
		map[string]any{"cancel": c.streamContext(outcome, map[string]any{"id": id, "state": state})})
}

func backfillTexts(list []audit.BackfillProgress) string {
	var texts []string
	for _, b := range list {
		texts = append(texts, fmt.Sprintf("%s %s, %d blobs", b.ID, b.State, b.Blobs))
	}
	return strings.Join(texts, ", ")
}
