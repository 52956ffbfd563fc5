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

// nextWindow plans the window after the watermark: from overlap behind it up to now, or to what was read ahead of it, at
// most a day, and no further back than the API answers.
func nextWindow(now time.Time, c audit.Checkpoint, overlap time.Duration) (w audit.Window) {
	now = now.UTC().Truncate(time.Second)
	oldest := now.Add(-audit.MaxAge)
	mark := latest(c.Progress.Watermark.UTC().Truncate(time.Second), oldest)
	w.Start = latest(mark.Add(-min(overlap, maxOverlap)), oldest, c.FirstStart.UTC().Truncate(time.Second))
	w.End = earliest(w.Start.Add(span), now)
	if c.Progress.Behind() {
		w.End = earliest(w.End, c.Progress.Head.Start)
	}
	return w
}

// headWindow plans the window after what was read ahead of the watermark.
func headWindow(now time.Time, p audit.Progress, overlap time.Duration) (w audit.Window) {
	w.Start = latest(p.Head.End.Add(-min(overlap, maxOverlap)), p.Head.Start)
	w.End = earliest(w.Start.Add(span), now.UTC().Truncate(time.Second))
	return w
}

// tooOld returns what follows upon the watermark and is older than what the API answers, up to what was read ahead of it;
// empty in the normal case. A new stream may take a while to its first listing.
func tooOld(now time.Time, c audit.Checkpoint) audit.Window {
	oldest := now.UTC().Truncate(time.Second).Add(-audit.MaxAge)
	mark := c.Progress.Watermark.UTC().Truncate(time.Second)
	late := oldest.Sub(mark)
	if late <= 0 || mark.Equal(c.FirstStart.UTC().Truncate(time.Second)) && late <= starting {
		return audit.Window{}
	}
	if c.Progress.Behind() {
		oldest = earliest(oldest, c.Progress.Head.Start)
	}
	return audit.Window{Start: mark, End: oldest}
}

// firstStart returns where a new stream begins to read.
func firstStart(now time.Time, back time.Duration) time.Time {
	return now.UTC().Add(-min(back, audit.MaxAge)).Truncate(time.Second)
}

// sweepDue returns the stretches that a sweep has to list again now, none if none is due; full says that they cover all
// that the API keeps and that was read.
func sweepDue(now time.Time, c audit.Checkpoint, every, depth time.Duration) (again []audit.Window, full bool) {
	now = now.UTC().Truncate(time.Second)
	switch {
	case now.Sub(latest(c.Progress.SweptFully, c.FirstStart)) >= 24*time.Hour:
		full, depth = true, audit.MaxAge
	case now.Sub(latest(c.Progress.Swept, c.FirstStart)) >= every:
	default:
		return nil, false
	}
	start := latest(now.Add(-min(depth, audit.MaxAge)), c.FirstStart.UTC().Truncate(time.Second))
	for _, read := range []audit.Window{{Start: start, End: c.Progress.Watermark.UTC().Truncate(time.Second)}, c.Progress.Head} {
		read.Start = latest(read.Start, start)
		for part := read; part.Start.Before(read.End); part.Start = part.End {
			part.End = earliest(part.Start.Add(span), read.End)
			again = append(again, part)
		}
	}
	return again, full
}

func latest(t time.Time, more ...time.Time) time.Time {
	for _, m := range more {
		if m.After(t) {
			t = m
		}
	}
	return t
}
