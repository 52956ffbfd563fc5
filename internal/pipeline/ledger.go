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
	turn   chan struct{} // held over a whole call, so that nobody asks with an N that is passing

	mu       sync.Mutex // guards the following, which change only in turn
	n        int64
	progress audit.Progress
}

func newLedger(h Handle, r *Report, m Meter, c audit.Checkpoint) *ledger {
	return &ledger{handle: h, report: r, meter: m, turn: make(chan struct{}, 1), n: c.N, progress: c.Progress}
}

// call makes a call to the store when it is its turn.
func (l *ledger) call(ctx context.Context, do func() error) error {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.turn }()
	return do()
}

// unseen returns those of the hashes that are not done.
func (l *ledger) unseen(ctx context.Context, hashes []audit.Hash) (out []audit.Hash, err error) {
	if len(hashes) == 0 {
		return nil, nil
	}
	err = l.call(ctx, func() error {
		n := l.next() - 1
		return l.insist(ctx, func() error {
			out, err = l.handle.Unseen(ctx, n, hashes)
			return err
		})
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
	return l.call(ctx, func() error {
		if err := l.insist(ctx, func() error { return l.handle.Apply(ctx, e, position) }); err != nil {
			return err
		}
		p := l.at()
		if e.Watermark != nil {
			p.Watermark, p.Head = e.Watermark.To, audit.Window{}
		}
		l.stand(e.N, p)
		return nil
	})
}

// advance changes the progress and stores it.
func (l *ledger) advance(ctx context.Context, change func(*audit.Progress)) error {
	return l.call(ctx, func() error {
		before := l.at()
		p := before
		change(&p)
		if p == before {
			return nil
		}
		if err := l.insist(ctx, func() error { return l.handle.Advance(ctx, p) }); err != nil {
			return err
		}
		l.stand(l.next()-1, p)
		return nil
	})
}

// stand notes where the checkpoint stands.
func (l *ledger) stand(n int64, p audit.Progress) {
	l.mu.Lock()
	l.n, l.progress = n, p
	l.mu.Unlock()
	l.report.at(p)
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
