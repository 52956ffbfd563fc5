package source

import (
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
)

const (
	// longestDeadline is how long the first byte of a listing is waited for at most: busy tenants need more than a
	// minute for a full window.
	longestDeadline = 2 * time.Minute
	// forgetAfter is how long a stream's longer deadline is remembered after its last time-out.
	forgetAfter = time.Hour
)

// patience remembers, for each stream, how long its listings may take: twice as long after each time-out.
type patience struct {
	base    time.Duration
	longest time.Duration

	mu      sync.Mutex // guards the following
	streams map[audit.ContentType]slowness
}

type slowness struct {
	deadline time.Duration
	last     time.Time // when the last listing timed out
}

func newPatience(base time.Duration) *patience {
	return &patience{base: base, longest: max(base, longestDeadline), streams: map[audit.ContentType]slowness{}}
}

// deadline returns how long the stream's next listing may take until its first byte.
func (p *patience) deadline(ct audit.ContentType) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.streams[ct]
	if !ok || time.Since(s.last) > forgetAfter {
		return p.base
	}
	return s.deadline
}

// longer notes that a listing timed out at the deadline it had, and reports whether the next one may take longer.
func (p *patience) longer(ct audit.ContentType, had time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.streams[ct] = slowness{deadline: min(2*had, p.longest), last: time.Now()}
	return had < p.longest
}
