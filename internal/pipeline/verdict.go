package pipeline

import (
	"math/rand/v2"
	"time"

	"o365-kafka-connector/internal/audit"
)

// Pauses between the tries of a pending blob.
const (
	firstRetry   = 10 * time.Second
	longestRetry = 15 * time.Minute
)

// giveBack decides what becomes of a blob that failed by itself: it stays pending until it expires, or earlier becomes
// a dead letter when it is certain to stay bad.
func (w *run) giveBack(j job, f *audit.Fault) outcome {
	if j.fill.aside() {
		return outcome{job: &j, failed: true}
	}
	now := w.Source.Now().UTC()
	if j.letter != nil {
		return outcome{job: &j, dead: again(*j.letter, f, now)}
	}
	p := nextPending(j, f, now)
	if !j.last && !p.Blob.Expired(now) && (!hopeless(p) || !w.brake.lose()) {
		return outcome{job: &j, pending: &p}
	}
	return outcome{job: &j, dead: &audit.DeadLetter{
		Stream: w.Stream, Blob: p.Blob, SHA256: p.SHA256, Cause: p.Cause, Error: p.Error, Attempts: p.Attempts,
		FirstFailed: p.FirstFailed, LastFailed: p.LastFailed,
	}}
}

// nextPending adds a failure to what is remembered of a blob.
func nextPending(j job, f *audit.Fault, now time.Time) audit.Pending {
	p := audit.Pending{Blob: j.blob, FirstFailed: now, SameSince: now}
	if j.prior != nil {
		p = *j.prior
	}
	if p.Cause != f.Cause || p.SHA256 != f.SHA256 {
		p.Same, p.SameSince = 0, now
	}
	p.Cause, p.SHA256, p.Error = f.Cause, f.SHA256, f.Error()
	p.Same++
	p.Attempts++
	p.LastFailed = now
	delay := min(firstRetry<<min(p.Attempts-1, 10), longestRetry)
	p.NextTry = now.Add(max(delay, f.RetryAfter) + rand.N(delay/10))
	return p
}

// hopeless reports whether a blob is certain to stay bad: the service says five times over an hour that it does not
// have it, or sends the same malformed body five times over six hours.
func hopeless(p audit.Pending) bool {
	if p.Same < 5 {
		return false
	}
	since := p.SameSince
	if since.IsZero() {
		since = p.FirstFailed
	}
	failing := p.LastFailed.Sub(since)
	switch p.Cause {
	case audit.CauseNotFound, audit.CauseExpired, audit.CauseBadContentID:
		return failing >= time.Hour
	case audit.CauseMalformed:
		return p.SHA256 != "" && failing >= 6*time.Hour
	default:
		return false
	}
}
