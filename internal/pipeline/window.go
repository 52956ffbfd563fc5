package pipeline

import (
	"time"

	"o365-kafka-connector/internal/audit"
)

// edge is how much earlier than its window a listing starts: a blob whose contentCreated equals the start of a
// listing may come with a part of its records only.
const edge = time.Second

// span is the longest window that still leaves room for the edge.
const span = audit.MaxWindow - edge

// minSpan is the shortest window that a slow listing is cut down to.
const minSpan = time.Minute

// maxOverlap keeps a window going forward.
const maxOverlap = 23 * time.Hour

// starting is how long a new stream may take to its first listing without losing anything that it was meant to read.
const starting = 5 * time.Minute

// nextWindow plans the window after the watermark: from overlap behind it up to now, at most a day. What of it lies
// further back than the API answers is returned as the gap, which is empty in the normal case.
func nextWindow(now time.Time, c audit.Checkpoint, overlap time.Duration) (w, gap audit.Window) {
	now = now.UTC().Truncate(time.Second)
	oldest := now.Add(-audit.MaxAge)
	mark := c.Progress.Watermark.UTC().Truncate(time.Second)
	first := c.FirstStart.UTC().Truncate(time.Second)
	if mark.Before(oldest) {
		if begun := !mark.Equal(first); begun || oldest.Sub(mark) > starting {
			gap = audit.Window{Start: mark, End: oldest}
		}
		mark = oldest
	}
	w.Start = latest(mark.Add(-min(overlap, maxOverlap)), oldest, first)
	w.End = w.Start.Add(span)
	if w.End.After(now) {
		w.End = now
	}
	return w, gap
}

// firstStart returns where a new stream begins to read.
func firstStart(now time.Time, back time.Duration) time.Time {
	return now.UTC().Add(-min(back, audit.MaxAge)).Truncate(time.Second)
}

// sweepDue returns the stretch that a sweep has to list again now, empty if none is due; full says that it covers
// all that the API keeps.
func sweepDue(now time.Time, c audit.Checkpoint, every, depth time.Duration) (w audit.Window, full bool) {
	now = now.UTC().Truncate(time.Second)
	switch {
	case now.Sub(latest(c.Progress.SweptFully, c.FirstStart)) >= 24*time.Hour:
		full, depth = true, audit.MaxAge
	case now.Sub(latest(c.Progress.Swept, c.FirstStart)) >= every:
	default:
		return audit.Window{}, false
	}
	w.Start = latest(now.Add(-min(depth, audit.MaxAge)), c.FirstStart.UTC().Truncate(time.Second))
	w.End = c.Progress.Watermark.UTC().Truncate(time.Second)
	return w, full
}

func latest(t time.Time, more ...time.Time) time.Time {
	for _, m := range more {
		if m.After(t) {
			t = m
		}
	}
	return t
}
