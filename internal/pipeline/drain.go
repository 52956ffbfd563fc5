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

// farewell is how long after it the status line may take to be wiped, and the last message to be sent.
func (r *Runner) farewell() time.Duration { return r.Drain - r.closing()/2 }

// outlast returns a context that goes on for a while after ctx has ended. The caller calls end when it is done.
func outlast(ctx context.Context, d time.Duration) (longer context.Context, end context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if pause(longer, d) == nil {
			cancel()
		}
	})
	return longer, func() {
		stop()
		cancel()
	}
}
