package command

import (
	"context"
	"errors"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/source"
)

const (
	tries    = 3 // of a request whose failure may pass by itself
	tryAgain = 500 * time.Millisecond
)

// windows divides a stretch of time into windows in whole seconds that the API answers. None is beyond what it keeps:
// a stretch that starts earlier is cut.
func windows(start, end, now time.Time) []audit.Window {
	if oldest := now.Add(-audit.MaxAge); start.Before(oldest) {
		start = oldest
	}
	if end.After(now) {
		end = now.Add(time.Second)
	}
	return exactWindows(start, end)
}

// exactWindows are windows whose bounds nobody moves, but to whole seconds.
func exactWindows(start, end time.Time) []audit.Window {
	start = start.Truncate(time.Second)
	if whole := end.Truncate(time.Second); !whole.Equal(end) {
		end = whole.Add(time.Second)
	}
	var out []audit.Window
	for ; start.Before(end); start = start.Add(audit.MaxWindow) {
		w := audit.Window{Start: start, End: start.Add(audit.MaxWindow)}
		if w.End.After(end) {
			w.End = end
		}
		out = append(out, w)
	}
	return out
}

// eachBlob calls do with each blob of a window, once.
func eachBlob(ctx context.Context, client *source.Client, listing listed, do func(audit.Blob) error) error {
	failed := 0
	for b, err := range client.List(ctx, listing.stream, listing.window) {
		if err != nil {
			if failed++; failed >= tries || !passing(err) || pause(ctx, tryAgain<<failed) != nil {
				return err
			}
			continue
		}
		failed = 0
		if listing.first(b) {
			if err := do(b); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// listed is a window with what was seen of it and of those before.
type listed struct {
	stream audit.Stream
	window audit.Window
	seen   map[audit.Hash]struct{}
}

func (l listed) first(b audit.Blob) bool {
	h := b.Hash()
	_, again := l.seen[h]
	l.seen[h] = struct{}{}
	return !again
}

// passing reports whether a request is worth another try. A time-out is not: whoever asked said how long to wait.
func passing(err error) bool {
	f, ok := errors.AsType[*audit.Fault](err)
	if !ok {
		return false
	}
	switch f.Cause {
	case audit.CauseTransport, audit.CauseServer, audit.CauseThrottled, audit.CauseCut:
		return true
	default:
		return false
	}
}

// count lists the windows and counts their blobs that are not in seen.
func count(ctx context.Context, client *source.Client, s audit.Stream, ws []audit.Window, seen map[audit.Hash]struct{}) (int, error) {
	blobs := 0
	for _, w := range ws {
		err := eachBlob(ctx, client, listed{stream: s, window: w, seen: seen}, func(audit.Blob) error {
			blobs++
			return nil
		})
		if err != nil {
			return blobs, err
		}
	}
	return blobs, nil
}
