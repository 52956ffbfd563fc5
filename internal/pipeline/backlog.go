package pipeline

import (
	"context"
	"errors"
	"time"

	"o365-kafka-connector/internal/audit"
)

// How much of a backlog is listed and noted at a time: more while that is quickly done, less when it takes long.
const (
	firstStep = 15 * time.Minute
	minStep   = time.Minute
	quickStep = 10 * time.Second
	slowStep  = 2 * time.Minute
)

// headOf returns what is read ahead of the watermark from now on. When more than the setting catch_up_after is unread,
// it begins anew, an overlap before now, and what was read ahead before is listed again with the backlog: the ledger
// knows it.
func headOf(now time.Time, p audit.Progress, s Settings) audit.Window {
	if s.CatchUpAfter <= 0 {
		return audit.Window{}
	}
	read := p.Watermark
	if p.Behind() {
		read = p.Head.End
	}
	start := now.Add(-s.Overlap)
	if now.Sub(read) <= s.CatchUpAfter+starting || !start.After(read) {
		return p.Head
	}
	return audit.Window{Start: start, End: start}
}

// moveHead has the stream read what happens now first, if it is far behind.
func (w *run) moveHead(ctx context.Context, now time.Time) error {
	now = now.UTC().Truncate(time.Second)
	before := w.ledger.at()
	if headOf(now, before, w.Settings) == before.Head {
		return nil
	}
	err := w.ledger.advance(ctx, func(p *audit.Progress) { p.Head = headOf(now, *p, w.Settings) })
	if b := w.ledger.at().Backlog(); err == nil && !b.Empty() {
		w.report.log.Info("stream is far behind: it reads what happens now, and the backlog beside it", "from", b.Start, "to", b.End)
	}
	return err
}

// catchUp reads the backlog, the oldest first, until there is none.
func (w *run) catchUp(ctx context.Context) error {
	w.report.reading(time.Now(), w.ledger.at().Watermark)
	slots := make(chan struct{}, max(1, w.Workers-1)) // one worker is always there for what happens now
	for step := firstStep; ; {
		now := w.Source.Now()
		if err := w.expire(ctx, now); err != nil {
			return err
		}
		p := w.ledger.at()
		if !p.Behind() {
			w.report.log.Info("backlog is read", "watermark", p.Watermark)
			return nil
		}
		s := search{slots: slots}
		if w.backlogFirst(now) {
			s.slots = nil
		}
		began := time.Now()
		if err := w.readStep(ctx, now, step, s); err != nil {
			return err
		}
		switch took := time.Since(began); {
		case took < quickStep:
			step = min(2*step, span)
		case took > slowStep:
			step = max(step/2, minStep)
		}
	}
}

// readStep reads a piece of the backlog.
func (w *run) readStep(ctx context.Context, now time.Time, step time.Duration, s search) error {
	p := w.ledger.at()
	next := nextWindow(now, audit.Checkpoint{Progress: p, FirstStart: w.start}, w.Overlap)
	next.End = earliest(next.End, latest(p.Watermark, next.Start).Add(step))
	from := earliest(next.Start, p.Watermark)
	err := w.cover(ctx, next, s, func(t *tally, end time.Time) error {
		return w.pass(ctx, t, audit.Window{Start: from, End: end})
	})
	if errors.Is(err, errReplan) {
		return pause(ctx, time.Second)
	}
	w.report.reading(time.Now(), w.ledger.at().Watermark)
	return err
}

// backlogFirst reports whether the backlog would expire beside what happens now, so that it has to go first.
func (w *run) backlogFirst(now time.Time) bool {
	p := w.ledger.at()
	first, changed := w.report.judgeBacklog(now, p)
	switch {
	case changed && first:
		w.report.log.Warn("backlog would expire: it goes first, and what happens now waits", "from", p.Watermark,
			"expires", p.Watermark.Add(audit.MaxAge), "hint", "raise source.requests_per_minute or source.workers if you can")
	case changed:
		w.report.log.Info("backlog will not expire: what happens now is read again", "from", p.Watermark)
	}
	return first
}
