package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// pause waits, and not beyond the context's end.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// errSlow means that something did not come true in time.
var errSlow = errors.New("it takes too long")

// until asks again and again whether something is so. Its error is errSlow.
func until(ctx context.Context, limit time.Duration, what string, is func(ctx context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !is(ctx) {
		if ctx.Err() != nil {
			return fmt.Errorf("not within %s: %s: %w", limit, what, errSlow)
		}
		pause(ctx, 100*time.Millisecond)
	}
	return nil
}

// between is a random length of time.
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)+1)).Round(time.Millisecond)
}
