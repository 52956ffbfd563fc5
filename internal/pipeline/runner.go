package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"o365-kafka-connector/internal/audit"
)

// Settings are what a run needs to know about its stream.
type Settings struct {
	Stream        audit.Stream
	Source        Source
	Background    Source                    // the same for backlog and back-fills, whose requests take what the others leave; nil: Source
	Transform     func() (Transform, error) // a new one for each worker
	Outputs       int                       // how many events a record may have at most; 0: one
	Backfill      FillTransform             // nil: back-fills fail
	Dedupe        bool                      // drop records that another blob has published; needs a Claimer
	Reread        func([]byte) Content      // the record that a dead letter holds; nil: it cannot be put back
	EventTopic    func(string) error        // what keeps events from a topic that a dead letter names; nil: nothing
	AutoSubscribe bool
	FirstFetch    time.Duration // how far back a new stream begins
	CatchUpAfter  time.Duration // further behind than this: what happens now first, the backlog beside it; 0: in order
	PollInterval  time.Duration
	Overlap       time.Duration // how far behind the watermark each window starts
	SweepInterval time.Duration
	SweepDepth    time.Duration
	Workers       int
	BlobBuffer    int64 // bytes of a blob above which it goes through a temporary file
}

// Group bounds what is published in one go.
type Group struct {
	Blobs   int
	Records int
	Linger  time.Duration // how long a group is collected at most
}

// Runner holds what all runs of the process share.
type Runner struct {
	Sink        Sink
	Letters     Letters // nil: the sink keeps none that could be read back
	Checkpoints Checkpointer
	Claimer     Claimer  // nil: no stream drops duplicates
	Operator    Operator // nil: nobody asks for anything
	Meter       Meter
	Board       *Board
	Budget      *Budget
	Spool       *Spool
	Group       Group
	Drain       time.Duration // from the end of a stream's context to the return of Supervise, at most
	Log         *slog.Logger
}

// Supervise runs a stream until the context ends, starting it again whenever its run ends, after a pause of 1 s to
// 1 min.
func (r *Runner) Supervise(ctx context.Context, s Settings) {
	delay := newBackOff(time.Second, time.Minute)
	var known audit.Checkpoint // what the last run knew, in case its checkpoint is lost
	for ctx.Err() == nil {
		began := time.Now()
		var err error
		known, err = r.Run(ctx, s, known)
		report := r.Board.Report(s.Stream)
		if ctx.Err() != nil {
			if err != nil {
				report.log.Warn("stream did not end well", "error", err)
			}
			return
		}
		switch {
		case errors.Is(err, audit.ErrFenced):
			r.Meter.Fenced(s.Stream)
			report.log.Warn("another owner took the stream; taking it back", "hint", "nothing to do if it happens once; else an instance with control.enabled: false or another control.group_id uses the same checkpoints")
		case errors.Is(err, audit.ErrLost):
			report.log.Error("checkpoint was lost", "error", err,
				"hint", "it is rebuilt from the journal; without one the stream goes on from where this process knows it was. Use a Redis with persistence and without eviction")
		default:
			report.log.Error("stream ended; starting it again", "error", err)
		}
		if time.Since(began) > time.Minute {
			delay.Reset()
		}
		if pause(ctx, delay.NextBackOff()) != nil {
			return
		}
	}
}

// run is one take of a stream, from acquiring it to giving it up.
type run struct {
	Settings
	*Runner
	publisher Publisher
	journal   bool // it keeps one
	report    *Report
	ledger    *ledger
	claims    *claims
	memory    *memory
	hold      *hold
	brake     *brake
	desk      *desk
	start     time.Time // the stream's first start
	epoch     int64
	seen      atomic.Bool // the subscription was seen enabled
	catching  atomic.Bool // somebody reads the backlog

	// Of one loop.
	work      chan job     // unbuffered: planners go as fast as the workers
	spare     chan job     // the same, for what may wait
	ready     chan outcome // to the publisher; its batches are bounded by the budget, the rest by its capacity
	stopping  bool         // what fails now will not be tried again
	reopening bool         // an operator asked for the subscription
}

// job is a blob that somebody claimed.
type job struct {
	blob  audit.Blob
	prior *audit.Pending // what is remembered of its former failures
	last  bool           // there will be no further try
	fill  *filling       // the back-fill that it belongs to; nil: the stream itself
	slots chan struct{}  // of which it holds one; nil: none

	letter  *audit.Letter // that is put back; nil: none
	redrive *redriving    // by whom
}

// hash is what the job is claimed by. Of a blob, any number of records may be dead letters.
func (j job) hash() audit.Hash {
	if j.letter != nil && j.letter.Record {
		return j.letter.Hash()
	}
	return j.blob.Hash()
}

// marks reports whether the blob is done for the stream when it is published.
func (j job) marks() bool {
	if j.letter != nil {
		return !j.letter.Record
	}
	return j.fill.marks()
}

func (j job) release() {
	if j.slots != nil {
		<-j.slots
	}
}

// Run takes the stream and works on it until the context ends, which is not an error, or something happens that a
// new take has to mend. Known is what an earlier run of this process knew. It returns what this one knew.
func (r *Runner) Run(ctx context.Context, s Settings, known audit.Checkpoint) (audit.Checkpoint, error) {
	report := r.Board.Report(s.Stream)
	r.Budget.Join(s.Stream)
	last, end := outlast(ctx, r.Drain)
	defer end()
	t, err := r.take(ctx, s, known)
	if err != nil {
		if t.publisher != nil {
			err = errors.Join(err, t.publisher.Close())
		}
		return known, ended(ctx, errors.Join(err, giveUp(last, t.handle, err)))
	}
	c := t.checkpoint
	w := &run{
		Settings: s, Runner: r, publisher: t.publisher, journal: t.journal, report: report,
		ledger: newLedger(t.handle, report, r.Meter, c),
		claims: newClaims(c.Pending), memory: newMemory(c), hold: newHold(), brake: newBrake(), desk: newDesk(),
		start: c.FirstStart, epoch: c.Epoch,
	}
	report.take(c, s.PollInterval, w.claims)
	defer report.release()
	report.log.Info("stream taken", "epoch", c.Epoch, "watermark", c.Progress.Watermark, "pending", len(c.Pending))
	err = w.own(ctx, t)
	if cerr := t.publisher.Close(); cerr != nil {
		err = errors.Join(err, fmt.Errorf("close publisher: %w", cerr))
	}
	err = errors.Join(err, giveUp(last, t.handle, err))
	return w.knows(), ended(ctx, err)
}

// own works on the stream, and has a line on it kept up to date.
func (w *run) own(ctx context.Context, t taken) error {
	polite, end := outlast(ctx, w.farewell())
	defer end()
	if err := w.listen(ctx); err != nil {
		return err
	}
	var beside sync.WaitGroup
	bctx, stop := context.WithCancel(ctx)
	defer beside.Wait()
	defer stop()
	if w.Operator != nil {
		beside.Go(func() { w.watchWish(bctx) })
		beside.Go(func() { w.writeLine(bctx) })
	}
	if err := w.remember(ctx); err != nil {
		return err
	}
	w.tell(polite, "owned", "this instance works on the stream")
	if t.rebuilt != "" {
		w.tell(polite, "checkpoint_rebuilt", t.rebuilt)
	}
	w.retell(polite)
	err := w.obey(ctx)
	if isFinal(err) {
		return err
	}
	stop()
	beside.Wait()
	beside.Go(func() { w.wipeLine(polite) }) // neither waits for the other's service
	w.tell(polite, "released", "this instance gave the stream up")
	beside.Wait()
	return err
}

// knows returns what a later run has to know if the checkpoint is lost.
func (w *run) knows() audit.Checkpoint {
	c := audit.Checkpoint{
		Progress: w.ledger.at(), Pending: w.claims.all(),
		Desired: w.memory.obeyed(), Moved: w.memory.mover(), Backfills: w.memory.allFills(),
	}
	return c
}

// ended turns the error of a run that was told to end into none.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// releasing is how long the release of a stream may take whose run has failed.
const releasing = 2 * time.Second

// giveUp releases the handle, unless somebody else has the stream already.
func giveUp(ctx context.Context, h Handle, err error) error {
	if h == nil || isFinal(err) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, releasing)
	defer cancel()
	if err := h.Release(ctx); err != nil {
		return fmt.Errorf("release stream: %w", err)
	}
	return nil
}

// isFinal reports whether an answer of the checkpoint ends the run.
func isFinal(err error) bool { return errors.Is(err, audit.ErrFenced) || errors.Is(err, audit.ErrLost) }
