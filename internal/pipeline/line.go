package pipeline

import (
	"context"
	"time"

	"o365-kafka-connector/internal/audit"
)

// How often the stream's status line is written, how long it stands, and how long its removal may take.
const (
	lineEvery = 2 * time.Second
	lineTTL   = 15 * time.Second
	lineLimit = time.Second
)

// writeLine keeps the stream's status line up to date until the context ends. It is only for information: a failure is
// left to those who need the store.
func (w *run) writeLine(ctx context.Context) {
	for {
		cctx, cancel := context.WithTimeout(ctx, askLimit)
		_ = w.Operator.PutStatus(cctx, w.Stream, w.report.status(time.Now()), lineTTL)
		cancel()
		if pause(ctx, lineEvery) != nil {
			return
		}
	}
}

// wipeLine takes the status line away when the stream is given up.
func (w *run) wipeLine(ctx context.Context) {
	if w.Operator == nil || w.report.has(PartCheckpoint) || w.report.has(PartWish) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lineLimit)
	defer cancel()
	_ = w.Operator.PutStatus(ctx, w.Stream, audit.StreamStatus{}, 0) // it ends by itself
}

// tell sends a status message as well as it can. It must not be called while the publisher runs.
func (w *run) tell(ctx context.Context, kind, text string) {
	if w.report.has(PartPublish) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lineLimit)
	defer cancel()
	if err := w.commit(ctx, []outcome{{status: w.message(kind, text)}}); err != nil {
		w.report.log.Debug("status message was not sent", "kind", kind, "error", err)
	}
}

// retold is for how long a gap is told again by whoever takes the stream.
const retold = 24 * time.Hour

// retell hands the sink the messages about the newest gaps once more: whoever had the stream may have died between their
// commit and their message. They are the same, so that a consumer, which goes by key, learns nothing twice.
func (w *run) retell(ctx context.Context) {
	var again []outcome
	for _, g := range w.report.lost() {
		if time.Since(g.Noted) < retold {
			again = append(again, outcome{status: w.gapMessage(g)})
		}
	}
	ctx, cancel := context.WithTimeout(ctx, lineLimit)
	defer cancel()
	if err := w.commit(ctx, again); err != nil {
		w.report.log.Debug("status message was not sent", "kind", "gap", "error", err)
	}
}

// gapMessage tells of a gap.
func (w *run) gapMessage(g audit.Gap) *audit.StatusMessage {
	return &audit.StatusMessage{
		Stream: w.Stream, Kind: "gap", Time: g.Noted, From: g.From, To: g.To, Cause: g.Cause, Count: g.Count,
		Message: "content could not be read",
	}
}

// message is a status message about the stream.
func (w *run) message(kind, text string) *audit.StatusMessage {
	return &audit.StatusMessage{Stream: w.Stream, Kind: kind, Time: time.Now().UTC(), Message: text}
}
