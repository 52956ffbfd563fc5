package command

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"strings"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/control"
)

// Letters reads dead letters back.
type Letters interface {
	// Ends returns where each partition of the dead letters ends now.
	Ends(ctx context.Context) ([]int64, error)
	// Read yields the stream's letters of a range, in the order of the log.
	Read(ctx context.Context, s audit.Stream, r audit.LetterRange) iter.Seq2[audit.Letter, error]
}

// redriveWait is how long a command that came over Kafka waits for the end: those that follow for the same stream wait
// for it.
const redriveWait = 20 * time.Second

// contextRedrive is what becomes of a redrive.
type contextRedrive struct {
	ID          string              `json:"id"`
	Tenant      string              `json:"tenant"`
	ContentType audit.ContentType   `json:"content_type"`
	Outcome     control.Outcome     `json:"outcome"`
	Filter      audit.RedriveFilter `json:"filter"`
	State       audit.BackfillState `json:"state,omitempty"` // empty: not begun yet
	Letters     int64               `json:"letters"`
	Blobs       int64               `json:"blobs"`
	Records     int64               `json:"records"`
	Again       int64               `json:"failed_again"`
	Expired     int64               `json:"expired"`
	Known       int64               `json:"redriven_before"`
	Examples    []string            `json:"expired_content_ids,omitempty"`
	Error       string              `json:"error,omitempty"`

	putBack int64
}

func redriveID(command string) string {
	sum := sha256.Sum256([]byte(command))
	return "rd-" + hex.EncodeToString(sum[:5])
}

func (c *call) redriveFilter() audit.RedriveFilter {
	a := c.command.Arguments
	return audit.RedriveFilter{Cause: a.Cause, Since: a.Since, ContentID: a.ContentID}
}

// redrive has the stream's owner put dead letters back, and tells how it goes.
func (c *call) redrive(ctx context.Context) error {
	if err := c.own(); err != nil {
		return err
	}
	if c.options.Letters == nil {
		return refused("no_letters", "dead letters can be put back from Kafka only", "sink.kind must be kafka")
	}
	if c.command.Arguments.DryRun {
		return c.tryRedrive(ctx)
	}
	store, err := c.options.Store()
	if err != nil {
		return err
	}
	if err := c.askRedrive(ctx, store); err != nil {
		return err
	}
	return c.awaitRedrive(ctx, store)
}

func (c *call) askRedrive(ctx context.Context, store checkpoint.Operator) error {
	id, filter := redriveID(c.command.ID), c.redriveFilter()
	c.command.Arguments.BackfillID = id
	done, err := c.ended(ctx, store, c.stream())
	if err != nil || done != nil { // done again
		return err
	}
	return store.ChangeWish(ctx, c.stream(), func(w *audit.Wish) {
		if _, ok := w.Backfill(id); ok {
			return
		}
		w.Backfills = append(w.Backfills, audit.Backfill{
			ID: id, Mode: audit.BackfillRedrive, Redrive: &filter, Asked: time.Now().UTC(), By: c.command.IssuedBy,
		})
	})
}

// awaitRedrive waits for the end as long as somebody works on it.
func (c *call) awaitRedrive(ctx context.Context, store checkpoint.Operator) error {
	limit := 24 * time.Hour
	if c.command.Origin.Topic != "" {
		limit = redriveWait
	}
	var p audit.BackfillProgress
	var state audit.State
	_, err := await(ctx, limit, func() (bool, error) {
		now, err := c.ended(ctx, store, c.stream())
		if err != nil {
			return false, err
		}
		if now != nil {
			p = *now
			c.options.Progress(Progress{Text: fmt.Sprintf("%d dead letters put back", redriven(p).PutBack())})
		}
		if p.State != "" && p.State != audit.BackfillRunning {
			return true, nil
		}
		status, err := c.status(ctx, store)
		state = status.State
		return state == audit.StateUnowned || state == audit.StatePaused || state == audit.StateStopped, err
	})
	if err != nil {
		return fmt.Errorf("wait for the stream's owner, which goes on all the same (checkpoint show tells how far it is): %w", err)
	}
	return c.answerRedrive(p, state)
}

// redriven is how far a redrive is, the zero value before it has begun.
func redriven(p audit.BackfillProgress) audit.RedriveProgress {
	if p.Redrive == nil {
		return audit.RedriveProgress{}
	}
	return *p.Redrive
}

func (c *call) answerRedrive(p audit.BackfillProgress, state audit.State) error {
	s, r := c.stream(), redriven(p)
	out := contextRedrive{
		ID: c.command.Arguments.BackfillID, Tenant: s.Tenant.ID, ContentType: s.ContentType, Outcome: control.OutcomeAccepted,
		Filter: c.redriveFilter(), State: p.State, Letters: r.Letters, Blobs: p.Blobs, Records: p.Records, Again: r.Again,
		Expired: r.Expired, Known: r.Known, Examples: r.Examples, Error: p.Error, putBack: r.PutBack(),
	}
	text := fmt.Sprintf("Redrive %s of stream %s", out.ID, s)
	switch p.State {
	case audit.BackfillFailed:
		return &control.Refusal{Outcome: control.OutcomeFailed, Code: "redrive_failed", Message: text + " failed: " + p.Error, Hint: "run it again when that is mended: nothing is put back twice"}
	case audit.BackfillDone, audit.BackfillCancelled:
		out.Outcome = control.OutcomeDone
		text += fmt.Sprintf(" is %s: ", p.State)
	case audit.BackfillRunning:
		text += " is under way (checkpoint show tells how far it is): "
	default:
		text += " is accepted, and begins when what was asked for before is done"
		if state == audit.StateUnowned || state == audit.StatePaused || state == audit.StateStopped {
			text = fmt.Sprintf("Redrive %s of stream %s is accepted, and begins when the stream runs: it is %s", out.ID, s, state)
		}
	}
	if p.State != "" {
		text += out.counts()
	}
	return c.reply(out.Outcome, text, map[string]any{"redrive": out})
}

// counts tells people what was done.
func (r contextRedrive) counts() string {
	text := fmt.Sprintf("%d dead letters put back (%d blobs, %d records published)", r.putBack, r.Blobs, r.Records)
	if r.Again > 0 {
		text += fmt.Sprintf(", %d failed again and are dead letters again", r.Again)
	}
	if r.Known > 0 {
		text += fmt.Sprintf(", %d left out as they were put back before or are being tried anyway", r.Known)
	}
	return text + expiredText(r.Expired, r.Examples)
}

func expiredText(n int64, examples []string) string {
	if n == 0 {
		return ""
	}
	text := fmt.Sprintf("\nNot possible for %d, since Microsoft keeps content for 7 days: %s", n, strings.Join(examples, ", "))
	if int64(len(examples)) < n {
		text += ", …"
	}
	return text
}
