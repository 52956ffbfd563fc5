package pipeline

import (
	"time"

	"o365-kafka-connector/internal/audit"
)

// paceSpan is how far back the pace of a backlog is looked at.
const paceSpan = 30 * time.Minute

// margin is how long before its end a backlog counts as about to expire. It stays so until there is twice as much time.
const margin = time.Hour

// pace is how fast a backlog is read.
type pace struct {
	samples []sample // the oldest first
	first   bool     // the backlog goes first
}

// sample is where the watermark was at a time.
type sample struct{ at, mark time.Time }

func (p *pace) note(s sample) {
	for len(p.samples) > 1 && s.at.Sub(p.samples[1].at) > paceSpan {
		p.samples = p.samples[1:]
	}
	p.samples = append(p.samples, s)
}

// speed is the time of content that is read in the same time; 0 if it is not known.
func (p *pace) speed() float64 {
	if len(p.samples) < 2 {
		return 0
	}
	begin, end := p.samples[0], p.samples[len(p.samples)-1]
	if took := end.at.Sub(begin.at); took > 0 {
		return float64(end.mark.Sub(begin.mark)) / float64(took)
	}
	return 0
}

// need is how long a stretch will take; false if that is not known.
func (p *pace) need(length time.Duration) (time.Duration, bool) {
	speed := p.speed()
	if speed <= 0 {
		return 0, false
	}
	return time.Duration(min(float64(length)/speed, float64(100*audit.Lifetime))), true
}

// end is when the backlog will be read, nil if that is not known.
func (p *pace) end(now time.Time, backlog audit.Window) *time.Time {
	need, ok := p.need(backlog.Duration())
	if !ok {
		return nil
	}
	at := now.UTC().Add(need).Truncate(time.Second)
	return &at
}

// judge decides whether the backlog has to go first: its oldest content is about to expire, or its newest will have
// before its turn comes.
func (p *pace) judge(now time.Time, backlog audit.Window) bool {
	room := margin
	if p.first {
		room = 2 * margin
	}
	left := backlog.Start.Add(audit.MaxAge).Sub(now)
	need, known := p.need(backlog.Duration())
	p.first = !backlog.Empty() && (left < room || known && need+room > left+backlog.Duration())
	return p.first
}

// reading shows how far the backlog is read.
func (r *Report) reading(now, mark time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pace.note(sample{now, mark})
}

// judgeBacklog decides whether the backlog has to go first, and tells whether that is new.
func (r *Report) judgeBacklog(now time.Time, p audit.Progress) (first, changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.pace.first
	first = r.pace.judge(now, p.Backlog())
	return first, first != before
}
