package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"o365-kafka-connector/internal/audit"
)

// Settings are what a run needs to know about its stream.
type Settings struct {
	Stream        audit.Stream
	Source        Source
	Transform     func() (Transform, error) // a new one for each worker
	AutoSubscribe bool
	FirstFetch    time.Duration // how far back a new stream begins
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
	Checkpoints Checkpointer
	Meter       Meter
	Board       *Board
	Budget      *Budget
	Spool       *Spool
	Group       Group
	Drain       time.Duration // how long a run that has to end may finish what it has in hand
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
			report.log.Warn("another owner took the stream; taking it back", "hint", "run one instance per deployment")
		case errors.Is(err, audit.ErrLost):
			report.log.Error("checkpoint was lost", "error", err,
				"hint", "the stream goes on from where this process knows it was; use a Redis with persistence and without eviction")
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
	report    *Report
	ledger    *ledger
	claims    *claims
	hold      *hold
	start     time.Time // the stream's first start
	epoch     int64

	work  chan job     // unbuffered: planners go as fast as the workers
	ready chan outcome // to the publisher; its batches are bounded by the budget, the rest by its capacity
}

// job is a blob that somebody claimed.
type job struct {
	blob  audit.Blob
	prior *audit.Pending // what is remembered of its former failures
}

// Run takes the stream and works on it until the context ends, which is not an error, or something happens that a
// new take has to mend. Known is what an earlier run of this process knew, progress and pending blobs. It returns what
// this one knew.
func (r *Runner) Run(ctx context.Context, s Settings, known audit.Checkpoint) (audit.Checkpoint, error) {
	report := r.Board.Report(s.Stream)
	r.Budget.Join(s.Stream)
	handle, c, err := r.take(ctx, s, known)
	if err != nil {
		return known, ended(ctx, err)
	}
	publisher, err := r.Sink.Open(ctx, s.Stream)
	if err != nil {
		return known, ended(ctx, fmt.Errorf("open publisher: %w", err))
	}
	w := &run{
		Settings: s, Runner: r, publisher: publisher, report: report,
		ledger: &ledger{handle: handle, report: report, meter: r.Meter, n: c.N, progress: c.Progress},
		claims: newClaims(c.Pending), hold: newHold(), start: c.FirstStart, epoch: c.Epoch,
		work: make(chan job), ready: make(chan outcome, r.Group.Blobs),
	}
	report.take(c, s.PollInterval, w.claims)
	defer report.release()
	report.log.Info("stream taken", "epoch", c.Epoch, "watermark", c.Progress.Watermark, "pending", len(c.Pending))
	if c.Desired.State == audit.Paused || c.Desired.State == audit.Stopped {
		err = w.idle(ctx, c.Desired)
	} else {
		err = w.loop(ctx)
	}
	if cerr := publisher.Close(); cerr != nil {
		err = errors.Join(err, fmt.Errorf("close publisher: %w", cerr))
	}
	err = errors.Join(err, w.giveUp(ctx, handle, err))
	return audit.Checkpoint{Progress: w.ledger.at(), Pending: w.claims.all()}, ended(ctx, err)
}

// ended turns the error of a run that was told to end into none.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// giveUp releases the handle, unless somebody else has the stream already.
func (w *run) giveUp(ctx context.Context, h Handle, err error) error {
	if isFinal(err) {
		return nil
	}
	rctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := h.Release(rctx); err != nil {
		return fmt.Errorf("release stream: %w", err)
	}
	return nil
}

// loop runs planners, workers and the publisher. When ctx ends, planners stop at once; the blobs in hand have the
// drain time. When one of them fails, everything ends at once.
func (w *run) loop(ctx context.Context) error {
	hard, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() {
		if pause(hard, w.Drain) == nil {
			cancel(nil)
		}
	})
	defer stop()
	soft, halt := context.WithCancel(ctx)
	defer halt()

	part := func(err error) error {
		if err != nil && (ctx.Err() == nil || isFinal(err)) {
			cancel(err) // the first one tells why the run ends
			halt()
		}
		return err
	}
	var publishing errgroup.Group
	publishing.Go(func() error {
		err := part(w.publish(hard))
		return errors.Join(err, w.drop())
	})
	preparing, gctx := errgroup.WithContext(soft)
	preparing.Go(func() error { return part(w.live(gctx)) })
	preparing.Go(func() error { return part(w.sweeps(gctx)) })
	preparing.Go(func() error { return part(w.retries(gctx)) })
	for range w.Workers {
		preparing.Go(func() error { return part(w.prepareAll(gctx, hard)) })
	}
	err := preparing.Wait()
	close(w.ready)
	fatal := publishing.Wait()
	if fatal != nil && !errors.Is(fatal, context.Canceled) {
		return fatal
	}
	if cause := context.Cause(hard); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// isFinal reports whether an answer of the checkpoint ends the run.
func isFinal(err error) bool { return errors.Is(err, audit.ErrFenced) || errors.Is(err, audit.ErrLost) }

// idle waits for the end: the stream is meant to do nothing.
func (w *run) idle(ctx context.Context, wish audit.Desired) error {
	w.report.rest(wish.State)
	<-ctx.Done()
	return ctx.Err()
}
