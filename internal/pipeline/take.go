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
	publisher  Publisher
	checkpoint audit.Checkpoint
	journal    bool   // the sink keeps one
	rebuilt    string // what to tell if the checkpoint was lost
}

// aheadTries is how often a stream is taken whose checkpoint is ahead of Kafka: it may be so for a moment, when two
// successors cross.
const aheadTries = 3

// take acquires the stream, in the checkpoint and in the sink, and loads its checkpoint. What the checkpoint lacks is
// taken from the journal; without one, a stream whose checkpoint was lost goes on where an earlier run of this process
// was. A stream that has nothing starts at first fetch.
func (r *Runner) take(ctx context.Context, s Settings, known audit.Checkpoint) (t taken, err error) {
	for try := 1; ; try++ {
		t = taken{}
		err = r.takeOnce(ctx, s, known, &t)
		if !errors.Is(err, errAhead) {
			return t, err
		}
		if try == aheadTries {
			return t, fmt.Errorf("%w: is it another Kafka than the checkpoint's? Connect to that one, or set another "+
				"checkpoint.key_prefix to begin anew", err)
		}
		if err := errors.Join(t.publisher.Close(), pause(ctx, time.Second)); err != nil {
			return t, err
		}
	}
}

func (r *Runner) takeOnce(ctx context.Context, s Settings, known audit.Checkpoint, t *taken) error {
	report := r.Board.Report(s.Stream)
	err := insist(ctx, r.Meter, report, func() (err error) {
		t.handle, err = r.Checkpoints.Acquire(ctx, s.Stream)
		return err
	})
	if err != nil {
		return fmt.Errorf("acquire stream: %w", err)
	}
	if t.publisher, err = r.Sink.Open(ctx, s.Stream, t.handle.Epoch()); err != nil {
		return fmt.Errorf("open publisher: %w", err)
	}
	report.OK(PartPublish)
	standing, journal := t.publisher.Standing()
	t.journal = journal
	ok, err := r.load(ctx, report, t, standing.Epoch)
	lost := errors.Is(err, audit.ErrLost)
	if err != nil && !lost {
		return err
	}
	n := int64(0)
	if journal {
		p := &replay{Runner: r, report: report, handle: t.handle, publisher: t.publisher, standing: standing}
		if n, ok, err = r.catchUp(ctx, p, t, ok); err != nil {
			return err
		}
	}
	if ok {
		t.checkpoint.Progress = t.checkpoint.Progress.Covered(audit.Window{}) // another version may have left it half-way
		return nil
	}
	if lost || !known.Progress.Watermark.IsZero() || n > 0 {
		report.log.Error("checkpoint was lost; starting anew")
		t.rebuilt = "the checkpoint was lost; records may be published again"
	}
	t.checkpoint, err = r.reset(ctx, s, t, beginning{known: known, n: max(n, 0)})
	return err
}

func (r *Runner) load(ctx context.Context, report *Report, t *taken, epoch int64) (ok bool, err error) {
	err = insist(ctx, r.Meter, report, func() (err error) {
		t.checkpoint, ok, err = t.handle.Load(ctx, epoch)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("load checkpoint: %w", err)
	}
	return ok, nil
}

// catchUp brings the checkpoint to where Kafka is, and returns the number at which the stream stands. False means that
// the stream has to begin anew, behind that number.
func (r *Runner) catchUp(ctx context.Context, p *replay, t *taken, ok bool) (n int64, _ bool, err error) {
	began, redis := time.Now(), int64(-1)
	if ok {
		redis = t.checkpoint.N
		n, err = p.onward(ctx, t.checkpoint)
		if err != nil && !errors.Is(err, errHole) && !errors.Is(err, audit.ErrBeyondEnd) {
			return 0, false, err
		}
	}
	why, from := err, fromCheckpoint
	if !ok || why != nil {
		if n, from, err = p.anew(ctx, redis, why); err != nil {
			return 0, false, err
		}
	}
	switch from {
	case fromNothing: // all entries have expired, or there never was one, or the topic was made again
		t.checkpoint.Snapshot = time.Time{}
		return n, ok && n <= redis, nil
	case fromJournal:
		t.rebuilt = fmt.Sprintf("the checkpoint was rebuilt from %d entries of the journal in %s; nothing is published again",
			p.entries, time.Since(began).Round(time.Millisecond))
		p.report.log.Warn("checkpoint was lost, and rebuilt from the journal", "entries", p.entries, "took", time.Since(began), "reason", why)
	case fromBoth:
		p.report.log.Warn("journal was made again, and goes on where the checkpoint stands", "entries", p.entries, "took", time.Since(began))
	case fromCheckpoint:
		if p.entries == 0 {
			return n, true, nil
		}
		p.report.log.Info("checkpoint was brought up to date from the journal", "entries", p.entries, "took", time.Since(began))
	}
	ok, err = r.load(ctx, p.report, t, 0)
	if err == nil && (!ok || t.checkpoint.N != n) {
		err = fmt.Errorf("load checkpoint: %w", audit.ErrLost)
	}
	if from == fromBoth {
		t.checkpoint.Snapshot = time.Time{} // the new journal has to tell what only the old one told
	}
	return n, ok, err
}

// beginning is where a stream begins that has no checkpoint.
type beginning struct {
	known audit.Checkpoint // what an earlier run of this process knew
	n     int64            // number of the last entry that Kafka knows of
}

func (r *Runner) reset(ctx context.Context, s Settings, t *taken, from beginning) (audit.Checkpoint, error) {
	report, known, h := r.Board.Report(s.Stream), from.known, t.handle
	// Any answer sets the source's clock: this machine's, if wrong, must not decide where the stream starts.
	asked, cancel := context.WithTimeout(ctx, asking)
	_, _ = s.Source.Subscribed(asked, s.Stream) // a failure shows again in the run
	cancel()
	start := firstStart(s.Source.Now(), s.FirstFetch)
	lost := !known.Progress.Watermark.IsZero()
	switch {
	case lost:
		start = earliest(start, known.Progress.Watermark.Add(-s.Overlap))
	case from.n > 0: // it was read before, nobody knows how far, and not for longer than the journal is kept
		start = firstStart(s.Source.Now(), audit.MaxAge)
	}
	progress := audit.Progress{Watermark: start, SubscribeTried: known.Progress.SubscribeTried, Head: known.Progress.Head}
	fresh := audit.Checkpoint{
		N: from.n, Position: -1, FirstStart: start, Progress: progress, Desired: known.Desired, Moved: known.Moved, Backfills: known.Backfills,
		Pending: known.Pending, // no listing would find them again
	}
	err := insist(ctx, r.Meter, report, func() error { return h.Reset(ctx, fresh) })
	if err != nil {
		return fresh, fmt.Errorf("reset checkpoint: %w", err)
	}
	ok, err := r.load(ctx, report, t, 0)
	if err == nil && (!ok || t.checkpoint.N != fresh.N) {
		err = fmt.Errorf("load checkpoint: %w", audit.ErrLost)
	}
	if err != nil {
		return fresh, err
	}
	if lost {
		report.log.Warn("checkpoint was lost; blobs published before may be published again", "from", start)
	} else {
		report.log.Info("no checkpoint yet; starting at first fetch", "from", start)
	}
	return t.checkpoint, nil
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
