package pipeline

import (
	"context"
	"time"
)

// closing is how much of the drain time is kept for giving the stream up at most: one half for its status line and
// message, the other for the checkpoint.
const closing = time.Second

func (r *Runner) closing() time.Duration { return min(closing, r.Drain/2) }

// inHand is how long after the end of a run's context what is in hand may take to be finished.
func (r *Runner) inHand() time.Duration { return r.Drain - r.closing() }

// fetching is how long after it a blob may take to arrive: what comes later could be published but not noted any more.
func (r *Runner) fetching() time.Duration { return r.inHand() * 3 / 4 }

// farewell is how long after it the status line may take to be wiped, and the last message to be sent.
func (r *Runner) farewell() time.Duration { return r.Drain - r.closing()/2 }

// outlast returns a context that goes on for a while after ctx has ended. The caller calls end when it is done.
func outlast(ctx context.Context, d time.Duration) (longer context.Context, end context.CancelFunc) {
	return upTo(context.WithoutCancel(ctx), ctx, d)
}

// upTo returns a part of hard that ends a while after ctx has ended. The caller calls end when it is done.
func upTo(hard, ctx context.Context, d time.Duration) (part context.Context, end context.CancelFunc) {
	part, cancel := context.WithCancel(hard)
	stop := context.AfterFunc(ctx, func() {
		if pause(part, d) == nil {
			cancel()
		}
	})
	return part, func() {
		stop()
		cancel()
	}
}
