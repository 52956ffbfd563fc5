package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
)

// take acquires the stream and loads its checkpoint. A stream that has none starts at first fetch, or where an earlier
// run of this process was when the checkpoint was lost.
func (r *Runner) take(ctx context.Context, s Settings, known audit.Progress) (Handle, audit.Checkpoint, error) {
	report := r.Board.Report(s.Stream)
	var handle Handle
	var c audit.Checkpoint
	var ok bool
	err := insist(ctx, r.Meter, report, func() (err error) {
		handle, err = r.Checkpoints.Acquire(ctx, s.Stream)
		return err
	})
	if err != nil {
		return nil, c, fmt.Errorf("acquire stream: %w", err)
	}
	err = insist(ctx, r.Meter, report, func() (err error) {
		c, ok, err = handle.Load(ctx)
		return err
	})
	switch {
	case errors.Is(err, audit.ErrLost):
		report.log.Error("checkpoint is damaged; starting anew", "error", err)
	case err != nil:
		return nil, c, fmt.Errorf("load checkpoint: %w", err)
	case ok:
		return handle, c, nil
	}
	c, err = r.reset(ctx, handle, s, known)
	return handle, c, err
}

func (r *Runner) reset(ctx context.Context, h Handle, s Settings, known audit.Progress) (audit.Checkpoint, error) {
	report := r.Board.Report(s.Stream)
	start := firstStart(s.Source.Now(), s.FirstFetch)
	lost := !known.Watermark.IsZero()
	if lost {
		start = earliest(start, known.Watermark.Add(-s.Overlap))
	}
	progress := audit.Progress{Watermark: start, SubscribeTried: known.SubscribeTried}
	fresh := audit.Checkpoint{FirstStart: start, Progress: progress}
	err := insist(ctx, r.Meter, report, func() error { return h.Reset(ctx, fresh) })
	if err != nil {
		return fresh, fmt.Errorf("reset checkpoint: %w", err)
	}
	var c audit.Checkpoint
	err = insist(ctx, r.Meter, report, func() (err error) {
		c, _, err = h.Load(ctx)
		return err
	})
	if err != nil {
		return fresh, fmt.Errorf("load checkpoint: %w", err)
	}
	if lost {
		report.log.Warn("checkpoint was lost; blobs published before may be published again", "from", start)
	} else {
		report.log.Info("no checkpoint yet; starting at first fetch", "from", start)
	}
	return c, nil
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
