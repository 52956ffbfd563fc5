package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
)

// replayed is how many entries are stored in one call.
const replayed = 64

// errAhead means that the checkpoint holds what this Kafka never committed.
var errAhead = errors.New("the checkpoint is ahead of Kafka")

// replay brings a checkpoint up to date with the journal.
type replay struct {
	*Runner

	report    *Report
	handle    Handle
	publisher Publisher
	standing  audit.Standing

	batch   []audit.Logged
	fresh   bool  // the checkpoint is to be emptied before the first entry
	entries int   // that were stored
	stored  int64 // number of the last of these
}

// onward stores the entries that follow upon the checkpoint, and returns the number at which the stream stands.
func (p *replay) onward(ctx context.Context, c audit.Checkpoint) (int64, error) {
	// The last message before the position is the checkpoint's own entry, which names the take that wrote it.
	f := p.fold(ctx, c.N)
	f.position = c.Position
	n, err := p.read(ctx, c.Position-1, f)
	if err != nil {
		return 0, err
	}
	if f.ahead() {
		return 0, fmt.Errorf("%w: it stands at entry %d, Kafka at %d", errAhead, c.N, p.standing.N)
	}
	return n, p.store(ctx)
}

// origin is what a checkpoint comes from.
type origin int

const (
	fromCheckpoint origin = iota // the checkpoint, and what follows upon it in the journal
	fromBoth                     // the checkpoint, and a journal that was made again since
	fromJournal                  // the journal: the checkpoint was emptied
	fromNothing                  // neither: the journal holds nothing of the stream that counts, and nothing was changed
)

// anew brings a checkpoint that the journal does not fit to up to date from the journal's beginning, and returns the
// number at which the stream stands. Redis is the number of the checkpoint, -1 if there is none, and why says what does
// not fit.
//
// The checkpoint is kept if somebody deleted the journal's topic, and it was made again: such a journal begins in the
// middle of the history, and with the entry that follows upon the checkpoint at the latest.
func (p *replay) anew(ctx context.Context, redis int64, why error) (int64, origin, error) {
	// A journal that does not tell everything must not take away what the checkpoint has.
	first := int64(-1)
	n, err := p.read(ctx, 0, newFold(p.standing.N, -1, func(l audit.Logged) error {
		if first < 0 {
			first = l.Entry.N
		}
		return nil
	}))
	if errors.Is(err, errHole) {
		err = fmt.Errorf("%w: %s", err, hintHole)
	}
	if err != nil || first < 0 {
		return max(n, p.standing.N), fromNothing, err
	}
	from := fromJournal
	if redis = max(redis, p.stored); first > 1 && first <= redis+1 && redis <= n && !errors.Is(why, errRewritten) {
		from = fromBoth
	} else {
		redis = -1
	}
	p.fresh, p.batch, p.entries = from == fromJournal, nil, 0
	n, err = p.read(ctx, 0, p.fold(ctx, redis))
	if err == nil {
		err = p.store(ctx)
	}
	return n, from, err
}

const hintHole = "somebody deleted entries of the journal's topic. Bring them back, or give up what is known of the stream " +
	"(docs/operations.md, \"The journal\"): stop the connector, delete the stream's keys in Redis and its consumer group in Kafka"

// fold has what counts stored.
func (p *replay) fold(ctx context.Context, redis int64) *fold {
	return newFold(p.standing.N, redis, func(l audit.Logged) error {
		if p.batch = append(p.batch, l); len(p.batch) < replayed {
			return nil
		}
		return p.store(ctx)
	})
}

// read folds the journal from a position on and returns the number at which the stream stands.
func (p *replay) read(ctx context.Context, from int64, f *fold) (int64, error) {
	f.hint = p.standing.Token != ""
	for l, err := range p.publisher.Entries(ctx, from) {
		if err == nil {
			err = f.add(l)
		}
		if err != nil {
			return 0, fmt.Errorf("read journal: %w", err)
		}
	}
	n, err := f.end()
	if err != nil {
		return 0, fmt.Errorf("read journal: %w", err)
	}
	if p.standing.Token != "" && f.owner != p.standing.Token {
		return 0, p.overtaken(ctx, f.epoch)
	}
	return n, nil
}

// overtaken gives way to a take of a higher epoch, above which the next one of this process will be.
func (p *replay) overtaken(ctx context.Context, epoch int64) error {
	err := insist(ctx, p.Meter, p.report, func() error {
		_, _, err := p.handle.Load(ctx, epoch)
		return err
	})
	if err != nil && !errors.Is(err, audit.ErrLost) {
		return fmt.Errorf("load checkpoint: %w", err)
	}
	return fmt.Errorf("%w: epoch %d in the journal", audit.ErrFenced, epoch)
}

// store stores what was read.
func (p *replay) store(ctx context.Context) error {
	if len(p.batch) == 0 {
		return nil
	}
	if p.fresh {
		if err := p.begin(ctx, p.batch[0].Entry.N-1); err != nil {
			return err
		}
	}
	err := insist(ctx, p.Meter, p.report, func() error { return p.handle.Replay(ctx, p.batch) })
	if err != nil {
		return fmt.Errorf("rebuild checkpoint: %w", err)
	}
	p.entries += len(p.batch)
	p.stored = p.batch[len(p.batch)-1].Entry.N
	p.batch = p.batch[:0]
	return nil
}

// begin empties the checkpoint, down to the number before its first entry.
func (p *replay) begin(ctx context.Context, n int64) error {
	p.fresh = false
	err := insist(ctx, p.Meter, p.report, func() error {
		return p.handle.Reset(ctx, audit.Checkpoint{N: n, Position: 0})
	})
	if err != nil {
		return fmt.Errorf("reset checkpoint: %w", err)
	}
	return nil
}

// snapshotEvery is how often everything but the ledger is written to the journal: deltas expire with it.
const snapshotEvery = 24 * time.Hour

// snapshot returns everything but the ledger, as the run's entries have made it. It must be called where they are made.
func (w *run) snapshot() *audit.Snapshot {
	return &audit.Snapshot{
		FirstStart: w.start, Pending: w.claims.all(), Gaps: w.report.lost(), Desired: w.memory.obeyed(),
		Moved: w.memory.mover(), Backfills: w.memory.allFills(),
	}
}

// untilSnapshot returns how long the last snapshot is good for.
func (w *run) untilSnapshot() time.Duration {
	if !w.journal {
		return snapshotEvery
	}
	return max(0, time.Until(w.memory.snapshot().Add(snapshotEvery)))
}

// remember writes a snapshot if it is time. It must not be called while the publisher runs.
func (w *run) remember(ctx context.Context) error {
	if w.untilSnapshot() > 0 {
		return nil
	}
	if err := w.commit(ctx, []outcome{{snapshot: true}}); err != nil {
		return fmt.Errorf("write snapshot to the journal: %w", err)
	}
	return nil
}

// snapshots is the planner that has the publisher write one each day.
func (w *run) snapshots(ctx context.Context) error {
	for w.journal {
		if err := pause(ctx, w.untilSnapshot()); err != nil {
			return err
		}
		if err := w.note(ctx, outcome{snapshot: true}); err != nil {
			return err
		}
	}
	return nil
}

// await waits until the phase ends or the channel is closed, and goes on writing snapshots.
func (w *run) await(ctx, phase context.Context, changed <-chan struct{}) error {
	for {
		timer := time.NewTimer(w.untilSnapshot())
		select {
		case <-changed:
			timer.Stop()
			return nil
		case <-phase.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		if err := w.remember(ctx); err != nil {
			return err
		}
	}
}
