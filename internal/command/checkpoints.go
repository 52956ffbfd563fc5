package command

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/source"
)

// contextCheckpoint is a checkpoint as checkpoint show tells it.
type contextCheckpoint struct {
	Tenant      string                   `json:"tenant"`
	ContentType audit.ContentType        `json:"content_type"`
	Known       bool                     `json:"known"`   // something is remembered
	Damaged     bool                     `json:"damaged"` // part of it is missing
	N           int64                    `json:"n"`
	Epoch       int64                    `json:"epoch"`
	FirstStart  time.Time                `json:"first_start,omitzero"`
	Watermark   time.Time                `json:"watermark,omitzero"`
	Backlog     *audit.Backlog           `json:"backlog,omitempty"`
	Swept       time.Time                `json:"swept,omitzero"`
	Desired     audit.DesiredState       `json:"desired"`
	Wish        audit.Wish               `json:"wish"`
	Pending     []contextPending         `json:"pending"`
	Gaps        []audit.GapStatus        `json:"gaps"`
	Backfills   []audit.BackfillProgress `json:"backfills"`
}

type contextPending struct {
	ContentID string      `json:"content_id"`
	Created   time.Time   `json:"created"`
	Expires   time.Time   `json:"expires,omitzero"`
	Cause     audit.Cause `json:"cause"`
	Error     string      `json:"error"`
	Attempts  int         `json:"attempts"`
	NextTry   time.Time   `json:"next_try"`
}

// showCheckpoint tells what is remembered of streams.
func (c *call) showCheckpoint(ctx context.Context) error {
	store, err := c.options.Store()
	if err != nil {
		return err
	}
	list := []contextCheckpoint{}
	out := table{title: "Checkpoints", columns: []string{
		"Tenant", "Content type", "Watermark", "First start", "N", "Desired", "Wished", "Pending", "Gaps", "Back-fills",
	}}
	for _, t := range c.tenants {
		for _, s := range c.streamsOf(t) {
			one, err := readCheckpoint(ctx, store, s)
			if err != nil {
				return fmt.Errorf("read checkpoint of %s: %w", s, err)
			}
			if !c.shown(t, audit.StreamStatus{State: audit.StateUnowned, ContentType: s.ContentType, Watermark: one.Watermark}) {
				continue
			}
			list = append(list, one)
			out.add(t.Name, string(s.ContentType), stamp(one.Watermark), stamp(one.FirstStart), strconv.FormatInt(one.N, 10),
				string(one.Desired), string(one.Wish.State), strconv.Itoa(len(one.Pending)), gaps(one.Gaps), backfillTexts(one.Backfills))
		}
	}
	return c.reply(control.OutcomeDone, out.String(), map[string]any{"checkpoint": map[string]any{"streams": list}})
}

func readCheckpoint(ctx context.Context, store checkpoint.Operator, s audit.Stream) (contextCheckpoint, error) {
	known, ok, err := store.Peek(ctx, s)
	damaged := errors.Is(err, audit.ErrLost)
	if err != nil && !damaged {
		return contextCheckpoint{}, err
	}
	wish, err := store.Wish(ctx, s)
	if err != nil {
		return contextCheckpoint{}, err
	}
	one := contextCheckpoint{
		Tenant: s.Tenant.ID, ContentType: s.ContentType, Known: ok, Damaged: damaged, N: known.N, Epoch: known.Epoch,
		FirstStart: known.FirstStart, Watermark: known.Progress.Watermark, Backlog: audit.BacklogOf(known.Progress), Swept: known.Progress.Swept,
		Desired: known.Desired.State, Wish: wish,
		Pending: []contextPending{}, Gaps: []audit.GapStatus{}, Backfills: []audit.BackfillProgress{},
	}
	if one.Desired == "" {
		one.Desired = audit.Running
	}
	for _, p := range known.Pending {
		one.Pending = append(one.Pending, contextPending{
			ContentID: p.Blob.ID, Created: p.Blob.Created, Expires: p.Blob.Expires, Cause: p.Cause, Error: p.Error,
			Attempts: p.Attempts, NextTry: p.NextTry,
		})
	}
	one.Backfills = append(append(one.Backfills, known.Backfills...), wish.Waiting(known.Backfills)...)
	for _, g := range known.Gaps {
		one.Gaps = append(one.Gaps, audit.GapStatus{From: g.From, To: g.To, Cause: g.Cause, Count: g.Count})
	}
	return one, nil
}

// span is a stretch of contentCreated, with the blobs that are available in it.
type span struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Blobs *int      `json:"blobs"` // nil if they could not be counted
}

// move is a change of a stream's watermark.
type move struct {
	*call

	store checkpoint.Operator
	wish  audit.WatermarkWish
	from  time.Time // the present watermark
	to    time.Time
}

func (c *call) setCheckpoint(ctx context.Context) error {
	return c.moveCheckpoint(ctx, audit.WatermarkWish{To: c.command.Arguments.Watermark, Command: c.command.ID, Until: c.until()})
}

// resetCheckpoint forgets what was delivered; the stream begins again where a new one would.
func (c *call) resetCheckpoint(ctx context.Context) error {
	return c.moveCheckpoint(ctx, audit.WatermarkWish{Reset: true, Command: c.command.ID, Until: c.until()})
}

// until is when the command expires; one of the command line is sent when it is done.
func (c *call) until() time.Time {
	sent := c.command
	if sent.Origin.Time.IsZero() {
		sent.Origin.Time = time.Now()
	}
	return sent.Deadline(c.options.Config.Control.MaxAge.D()).UTC().Truncate(time.Second)
}

func (c *call) moveCheckpoint(ctx context.Context, wish audit.WatermarkWish) error {
	if err := c.own(); err != nil {
		return err
	}
	store, err := c.options.Store()
	if err != nil {
		return err
	}
	known, err := peek(ctx, store, c.stream())
	if err != nil {
		return err
	}
	m := &move{call: c, store: store, wish: wish, from: known.Progress.Watermark}
	again := known.Moved == c.command.ID
	if m.wish, err = m.asked(ctx); err != nil {
		return err
	}
	if again && wish.Reset {
		m.wish.To = known.FirstStart
	}
	m.to = m.wish.To // the owner begins where the answer says
	if c.command.Arguments.DryRun {
		return m.dryRun(ctx)
	}
	if again {
		return m.answer(control.OutcomeDone, "")
	}
	if err := m.paused(ctx); err != nil {
		return err
	}
	return m.ask(ctx)
}

// asked is the wish as the same command has stored it, or else with a time: a command that is done again begins where its
// first answer says.
func (m *move) asked(ctx context.Context) (audit.WatermarkWish, error) {
	out := m.wish
	stored, err := m.store.Wish(ctx, m.stream())
	if err != nil {
		return out, err
	}
	if w := stored.Watermark; w != nil && w.Command == out.Command {
		return *w, nil
	}
	if out.To.IsZero() {
		first, _ := m.tenant().Source.FirstWindow()
		out.To = time.Now().UTC().Add(-first).Truncate(time.Second)
	}
	if oldest := time.Now().UTC().Add(-audit.MaxAge).Truncate(time.Second); out.To.Before(oldest) {
		out.To = oldest
	}
	return out, nil
}

// paused refuses to move the watermark under a stream that reads.
func (m *move) paused(ctx context.Context) error {
	state, err := m.wanted(ctx, m.store)
	if err != nil {
		return err
	}
	status, err := m.status(ctx, m.store)
	if err != nil {
		return err
	}
	idle := silent(status.State) || status.State == audit.StateUnowned || status.State == audit.StatePaused
	if state != audit.Paused || !idle {
		return m.refuseUnpaused()
	}
	return nil
}

func (m *move) refuseUnpaused() error {
	return refused("not_paused", fmt.Sprintf("stream %s is not paused", m.stream()),
		"run pause "+m.typed()+" first, and resume "+m.typed()+" afterwards")
}

// ask writes the wish and waits until the owner, if there is one, has obeyed.
func (m *move) ask(ctx context.Context) error {
	paused := true
	err := m.store.ChangeWish(ctx, m.stream(), func(w *audit.Wish) {
		paused = w.State == "" || w.State == audit.Paused // still; empty: what the checkpoint says counts
		if paused {
			w.Watermark = &m.wish
		}
	})
	if err == nil && !paused {
		err = m.refuseUnpaused()
	}
	if err != nil {
		return err
	}
	owned := true
	ok, err := await(ctx, obedience, func() (bool, error) {
		known, err := peek(ctx, m.store, m.stream())
		if err != nil || known.Moved == m.command.ID {
			return true, err
		}
		status, err := m.status(ctx, m.store)
		owned = status.State != audit.StateUnowned
		return !owned, err
	})
	switch {
	case err != nil:
		return fmt.Errorf("wait for the stream's owner, which obeys all the same: %w", err)
	case !owned:
		return m.answer(control.OutcomeAccepted, "It is done when an instance takes the stream before "+stamp(m.wish.Until)+
			", unless the stream goes on before: nobody runs it now.")
	case !ok:
		return m.answer(control.OutcomeAccepted, "Its owner has not obeyed yet; run checkpoint show to see.")
	}
	return m.answer(control.OutcomeDone, "")
}

func (m *move) what() string {
	if m.wish.Reset {
		return fmt.Sprintf("Stream %s forgets what was delivered and begins again at %s.", m.stream(), stamp(m.to))
	}
	return fmt.Sprintf("The watermark of stream %s is set to %s.", m.stream(), stamp(m.to))
}

// cut says that the watermark is not set as far back as was asked for.
func (m *move) cut() string {
	if asked := m.command.Arguments.Watermark; asked.Before(m.to) && !asked.IsZero() {
		return fmt.Sprintf(" Microsoft keeps content for 7 days: nothing of %s can be read.", stamp(asked))
	}
	return ""
}

func (m *move) answer(outcome control.Outcome, note string) error {
	text := m.what() + m.cut()
	if note != "" {
		text += "\n" + note
	}
	return m.reply(outcome, text, map[string]any{"checkpoint": m.context(outcome)})
}

func (m *move) context(outcome control.Outcome) map[string]any {
	return m.streamContext(outcome, map[string]any{
		"reset": m.wish.Reset, "dry_run": m.command.Arguments.DryRun, "watermark": m.to, "former_watermark": m.from,
	})
}

// dryRun tells what would be read again, or skipped.
func (m *move) dryRun(ctx context.Context) error {
	client, err := m.options.Client(m.tenant())
	if err != nil {
		return err
	}
	out := m.context(control.OutcomeDone)
	text := "Dry run, nothing was changed. " + m.what() + m.cut() + "\n"
	switch {
	case m.from.IsZero():
		text += "The stream has no watermark yet: nothing was read."
	case m.wish.Reset || m.to.Before(m.from):
		again := m.span(ctx, client, m.to, client.Now())
		out["read_again"] = again
		text += fmt.Sprintf("Read again: %s.", again)
		if !m.wish.Reset {
			text += " Of these, blobs that were delivered before are not delivered again."
		}
	case m.to.After(m.from):
		skipped := m.span(ctx, client, m.from, m.to)
		out["skipped"] = skipped
		text += fmt.Sprintf("Skipped, and told as a gap: %s.", skipped)
	default:
		text += "That is where it stands."
	}
	return m.reply(control.OutcomeDone, text, map[string]any{"checkpoint": out})
}

func (m *move) span(ctx context.Context, client *source.Client, from, to time.Time) span {
	out := span{From: from.UTC(), To: to.UTC().Truncate(time.Second)}
	blobs, err := count(ctx, client, m.stream(), windows(from, to, client.Now()), map[audit.Hash]struct{}{})
	if err == nil {
		out.Blobs = &blobs
	}
	return out
}

// String tells the span to people.
func (s span) String() string {
	blobs := "an unknown number of blobs, since they could not be listed"
	if s.Blobs != nil {
		blobs = fmt.Sprintf("%d blobs", *s.Blobs)
	}
	return fmt.Sprintf("%s from %s to %s", blobs, stamp(s.From), stamp(s.To))
}
