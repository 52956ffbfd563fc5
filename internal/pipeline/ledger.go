package pipeline

import (
	"context"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
)

// ledger is a run's view of its checkpoint: it knows at which N the run stands, and asks again while the store is
// away. Its errors end the run.
type ledger struct {
	handle Handle
	report *Report
	meter  Meter

	mu       sync.Mutex // guards the following, over a whole call, so that nobody asks with an N that is passing
	n        int64
	progress audit.Progress
}

// unseen returns those of the hashes that are not done.
func (l *ledger) unseen(ctx context.Context, hashes []audit.Hash) (out []audit.Hash, err error) {
	if len(hashes) == 0 {
		return nil, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	err = l.insist(ctx, func() error {
		out, err = l.handle.Unseen(ctx, l.n, hashes)
		return err
	})
	return out, err
}

// next returns the number of the next entry.
func (l *ledger) next() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n + 1
}

// apply stores an entry.
func (l *ledger) apply(ctx context.Context, e audit.Entry, position int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.insist(ctx, func() error { return l.handle.Apply(ctx, e, position) })
	if err != nil {
		return err
	}
	l.n = e.N
	if e.Watermark != nil {
		l.progress.Watermark = e.Watermark.To
		l.report.moved(e.Watermark.To)
	}
	return nil
}

// reset forgets everything but what c says, and goes on at its beginning.
func (l *ledger) reset(ctx context.Context, c audit.Checkpoint) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.insist(ctx, func() error { return l.handle.Reset(ctx, c) }); err != nil {
		return err
	}
	l.n, l.progress = 0, c.Progress
	l.report.moved(c.Progress.Watermark)
	return nil
}

// advance changes the progress and stores it.
func (l *ledger) advance(ctx context.Context, change func(*audit.Progress)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.progress
	change(&p)
	if p == l.progress {
		return nil
	}
	if err := l.insist(ctx, func() error { return l.handle.Advance(ctx, p) }); err != nil {
		return err
	}
	l.progress = p
	l.report.advanced(p.Watermark)
	return nil
}

// at returns the progress as it stands.
func (l *ledger) at() audit.Progress {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.progress
}

func (l *ledger) insist(ctx context.Context, call func() error) error {
	return insist(ctx, l.meter, l.report, call)
}

// insist repeats a call to the checkpoint until it succeeds, the run has to end, or the context does.
func insist(ctx context.Context, m Meter, r *Report, call func() error) error {
	delay := newBackOff(100*time.Millisecond, 5*time.Second)
	for {
		err := call()
		switch {
		case err == nil:
			r.OK(PartCheckpoint)
			return nil
		case ctx.Err() != nil, isFinal(err):
			return err
		}
		m.CheckpointError(r.stream)
		r.Fault(PartCheckpoint, audit.AsFault(err, audit.CauseCheckpoint))
		if err := pause(ctx, delay.NextBackOff()); err != nil {
			return err
		}
	}
}
