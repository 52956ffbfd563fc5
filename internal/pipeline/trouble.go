package pipeline

import (
	"time"

	"o365-kafka-connector/internal/audit"
)

// Part is the part of a stream's work that is in trouble.
type Part string

// The parts.
const (
	PartSubscribe  Part = "subscribe"
	PartList       Part = "list"
	PartFetch      Part = "fetch"
	PartPublish    Part = "publish"
	PartCheckpoint Part = "checkpoint"
	PartPending    Part = "pending"
	PartWish       Part = "wish"
	PartBlobs      Part = "blobs" // nearly all of them fail
)

// reminder is how often a trouble that lasts is logged again.
const reminder = 5 * time.Minute

// A passing fault is worth a line only when it lasts.
const (
	lastingCount = 3
	lasting      = 10 * time.Second
)

type trouble struct {
	cause  audit.Cause // the latest
	hint   string      // of the latest
	since  time.Time
	count  int
	logged map[told]time.Time // when it was last logged
}

// told is what a line of the log was about. Another hint for the same cause is news: something else has to be done.
type told struct {
	cause audit.Cause
	hint  string
}

func (t *trouble) told() told { return told{t.cause, t.hint} }

// due reports whether the trouble has to be logged now.
func (t *trouble) due(now time.Time) bool {
	if logged, ok := t.logged[t.told()]; ok {
		return now.Sub(logged) >= reminder
	}
	switch t.cause {
	case audit.CauseTransport, audit.CauseTimeout, audit.CauseServer, audit.CauseThrottled, audit.CausePage,
		audit.CauseSink, audit.CauseCheckpoint:
		return t.count >= lastingCount || now.Sub(t.since) >= lasting
	default:
		return true
	}
}

// Fault notes that a part of the stream's work failed. It is logged when it is new, unless it is of the passing kind
// and has not lasted yet, and every five minutes.
func (r *Report) Fault(p Part, f *audit.Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now().UTC()
	r.lastError = &audit.LastError{Time: now, Message: f.Error(), Hint: f.Hint}
	t := r.troubles[p]
	if t == nil {
		t = &trouble{since: now, logged: map[told]time.Time{}}
		r.troubles[p] = t
	}
	t.cause, t.hint = f.Cause, f.Hint
	t.count++
	if !t.due(now) {
		return
	}
	t.logged[t.told()] = now
	r.log.Warn("stream is in trouble", "part", string(p), "cause", string(f.Cause), "error", f.Error(), "hint", f.Hint,
		"failures", t.count, "since", t.since)
}

// OK notes that a part works, again or still.
func (r *Report) OK(p Part) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.troubles[p]
	if t == nil {
		return
	}
	delete(r.troubles, p)
	if len(t.logged) == 0 {
		return
	}
	r.log.Info("stream recovered", "part", string(p), "cause", string(t.cause), "failures", t.count, "since", t.since)
}

// has reports whether a part is in trouble.
func (r *Report) has(p Part) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.troubles[p] != nil
}

// blobFault notes an answer about a single blob: nothing for the stream to wait for.
func (r *Report) blobFault(b audit.Blob, f *audit.Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastError = &audit.LastError{Time: time.Now().UTC(), Message: f.Error(), Hint: f.Hint}
	r.log.Debug("blob failed", "content_id", b.ID, "cause", string(f.Cause), "error", f.Error())
}

// troubled returns the state that the troubles amount to, the gravest first.
func (r *Report) troubled() audit.State {
	var state audit.State
	for _, t := range r.troubles {
		switch {
		case t.cause == audit.CauseNoPermission:
			return audit.StateNoPermission
		case t.cause == audit.CauseThrottled && state == "":
			state = audit.StateThrottled
		case t.cause != audit.CauseThrottled:
			state = audit.StateFailing
		}
	}
	return state
}
