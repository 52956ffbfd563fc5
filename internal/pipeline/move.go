package pipeline

import (
	"context"
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
)

// move sets the watermark as operators ask for it, once for each command, and takes out of the wish what is dealt with. It
// must not be called while the publisher runs.
func (w *run) move(ctx context.Context, m *audit.WatermarkWish) error {
	switch {
	case m == nil:
		return nil
	case m.Command == w.memory.mover():
	case !m.Until.IsZero() && time.Now().After(m.Until):
		w.report.log.Warn("watermark stays: the command to move it has expired", "command", m.Command, "until", m.Until)
	case m.To.IsZero() && !m.Reset:
		w.report.log.Warn("watermark stays: nobody says where it should be", "command", m.Command)
	default:
		if err := w.moveTo(ctx, m); err != nil {
			return err
		}
	}
	w.changeWish(ctx, func(wish *audit.Wish) {
		if wish.Watermark != nil && wish.Watermark.Command == m.Command {
			wish.Watermark = nil
		}
	})
	return nil
}

func (w *run) moveTo(ctx context.Context, m *audit.WatermarkWish) error {
	now := w.Source.Now().UTC().Truncate(time.Second)
	to := m.To.UTC().Truncate(time.Second)
	if m.To.IsZero() {
		to = firstStart(now, w.FirstFetch)
	}
	to = earliest(latest(to, now.Add(-audit.MaxAge)), now)
	before := w.ledger.at()
	change := []outcome{{move: &audit.WatermarkMove{To: to, Command: m.Command}, forget: m.Reset}}
	for _, s := range unread(before, to) {
		change = append(change, outcome{gap: &audit.Gap{From: s.Start, To: s.End, Cause: audit.CauseSkipped, Noted: time.Now().UTC()}})
	}
	if err := w.commit(ctx, change); err != nil {
		return fmt.Errorf("move watermark: %w", err)
	}
	if w.start = earliest(w.start, to); m.Reset { // what came before is not delivered again
		w.start = to
	}
	w.report.log.Info("watermark was moved", "from", before.Watermark, "to", to, "reset", m.Reset, "command", m.Command)
	return nil
}

// unread returns the stretches up to a moment that were not read.
func unread(p audit.Progress, to time.Time) (out []audit.Window) {
	from := p.Watermark
	if p.Behind() {
		if w := (audit.Window{Start: from, End: earliest(p.Head.Start, to)}); !w.Empty() {
			out = append(out, w)
		}
		from = p.Head.End
	}
	if from.Before(to) {
		out = append(out, audit.Window{Start: from, End: to})
	}
	return out
}
