package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"o365-kafka-connector/internal/audit"
)

// untold returns the outages that commands caused while nobody owned the stream and that the checkpoint does not tell.
// What lies in the outage that a stopped stream is in belongs to that one.
func (w *run) untold(wish audit.Wish) (out []audit.Outage) {
	obeyed := w.memory.obeyed()
	for _, o := range wish.Outages {
		within := obeyed.State == audit.Stopped && o.To.After(obeyed.Since)
		if !o.To.IsZero() && !within && !w.memory.told(o.To) {
			out = append(out, o)
		}
	}
	return out
}

// tellOutages stores the outages that are untold as gaps, and takes out of the wish what the checkpoint tells. It must
// not be called while the publisher runs.
func (w *run) tellOutages(ctx context.Context) error {
	wish, _ := w.desk.read()
	var gaps []outcome
	for _, o := range w.untold(wish) {
		gaps = append(gaps, outcome{gap: &audit.Gap{From: o.From, To: o.To, Cause: audit.CauseStopped, Noted: time.Now().UTC()}})
		w.report.log.Warn("subscription was off while nobody read the stream", "unread_from", o.From, "unread_to", o.To)
	}
	if err := w.commit(ctx, gaps); err != nil {
		return fmt.Errorf("store outages: %w", err)
	}
	if slices.ContainsFunc(wish.Outages, func(o audit.Outage) bool { return w.settled(wish, o) }) {
		w.changeWish(ctx, func(wish *audit.Wish) {
			wish.Outages = slices.DeleteFunc(wish.Outages, func(o audit.Outage) bool { return w.settled(*wish, o) })
		})
	}
	return nil
}

// settled reports whether the checkpoint tells of an outage, or will without it: as long as the stream is stopped, its
// own gap goes on.
func (w *run) settled(wish audit.Wish, o audit.Outage) bool {
	obeyed := w.memory.obeyed()
	return !o.To.IsZero() && w.memory.told(o.To) ||
		obeyed.State == audit.Stopped && wanted(wish, obeyed) != audit.Running
}

// outageEnd is when the subscription was started first after a moment, as far as commands noted it; zero if none did.
func (w *run) outageEnd(from time.Time) time.Time {
	wish, _ := w.desk.read()
	for _, o := range wish.Outages {
		if o.To.After(from) {
			return o.To
		}
	}
	return time.Time{}
}

// changeWish changes the wish as well as it can: a failure shows as a wish that cannot be read, and what was to be
// changed is changed later.
func (w *run) changeWish(ctx context.Context, change func(*audit.Wish)) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	_ = w.Operator.ChangeWish(ctx, w.Stream, change)
}
