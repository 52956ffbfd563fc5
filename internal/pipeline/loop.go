package pipeline

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"
)

// loop runs planners, workers and the publisher until the phase ends or all planners have done their work. When the
// phase ends, planners stop at once and the blobs in hand are finished; when ctx ends there is most of the
// drain time for it.
// When one of them fails, everything ends at once. An end of the phase alone is no error.
func (w *run) loop(ctx, phase context.Context, planners ...func(context.Context) error) error {
	w.work, w.spare, w.ready = make(chan job), make(chan job), make(chan outcome, w.Group.Blobs)
	grace, end := outlast(ctx, w.inHand())
	defer end()
	hard, cancel := context.WithCancelCause(grace)
	defer cancel(nil)
	soft, halt := context.WithCancel(phase)
	defer halt()
	fetching, end := upTo(hard, ctx, w.fetching())
	defer end()

	part := func(err error) error {
		if err != nil && (soft.Err() == nil || isFinal(err)) {
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
	var planning errgroup.Group
	for _, plan := range planners {
		planning.Go(func() error { return part(plan(gctx)) })
	}
	preparing.Go(func() error {
		defer halt()
		return planning.Wait()
	})
	for range w.Workers {
		preparing.Go(func() error { return part(w.prepareAll(gctx, fetching)) })
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
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return ctx.Err()
	}
	return err
}
