package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
)

// asking bounds the wait for the service's clock.
const asking = 20 * time.Second

// taken is a stream that was acquired.
type taken struct {
	handle     Handle
	checkpoint audit.Checkpoint
	rebuilt    bool // it was there, and is lost
}

// take acquires the stream and loads its checkpoint. A stream that has none starts at first fetch, or where an earlier
// run of this process was when the checkpoint was lost.
func (r *Runner) take(ctx context.Context, s Settings, known audit.Checkpoint) (t taken, err error) {
	report := r.Board.Report(s.Stream)
	var ok bool
	err = insist(ctx, r.Meter, report, func() (err error) {
		t.handle, err = r.Checkpoints.Acquire(ctx, s.Stream)
		return err
	})
	if err != nil {
		return t, fmt.Errorf("acquire stream: %w", err)
	}
	err = insist(ctx, r.Meter, report, func() (err error) {
		t.checkpoint, ok, err = t.handle.Load(ctx, 0)
		return err
	})
	switch {
	case errors.Is(err, audit.ErrLost):
		report.log.Error("checkpoint is damaged; starting anew", "error", err)
		t.rebuilt = true
	case err != nil:
		return t, fmt.Errorf("load checkpoint: %w", err)
	case ok:
		t.checkpoint.Progress = t.checkpoint.Progress.Covered(audit.Window{}) // another version may have left it half-way
		return t, nil
	}
	t.rebuilt = t.rebuilt || !known.Progress.Watermark.IsZero()
	t.checkpoint, err = r.reset(ctx, t.handle, s, known)
	return t, err
}

func (r *Runner) reset(ctx context.Context, h Handle, s Settings, known audit.Checkpoint) (audit.Checkpoint, error) {
	report := r.Board.Report(s.Stream)
	// Any answer sets the source's clock: this machine's, if wrong, must not decide where the stream starts.
	asked, cancel := context.WithTimeout(ctx, asking)
	_, _ = s.Source.Subscribed(asked, s.Stream) // a failure shows again in the run
	cancel()
	start := firstStart(s.Source.Now(), s.FirstFetch)
	lost := !known.Progress.Watermark.IsZero()
	if lost {
		start = earliest(start, known.Progress.Watermark.Add(-s.Overlap))
	}
	progress := audit.Progress{Watermark: start, SubscribeTried: known.Progress.SubscribeTried, Head: known.Progress.Head}
	fresh := audit.Checkpoint{
		FirstStart: start, Progress: progress, Desired: known.Desired, Moved: known.Moved, Backfills: known.Backfills,
		Pending: known.Pending, // no listing would find them again
	}
	err := insist(ctx, r.Meter, report, func() error { return h.Reset(ctx, fresh) })
	if err != nil {
		return fresh, fmt.Errorf("reset checkpoint: %w", err)
	}
	var c audit.Checkpoint
	err = insist(ctx, r.Meter, report, func() (err error) {
		var ok bool
		if c, ok, err = h.Load(ctx, 0); err == nil && !ok {
			err = audit.ErrLost
		}
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
