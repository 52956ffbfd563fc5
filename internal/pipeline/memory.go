package pipeline

import (
	"maps"
	"slices"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
)

// memory is what a run knows of its checkpoint beside progress and pending blobs: what its own entries change.
type memory struct {
	mu      sync.Mutex // guards the following
	desired audit.Desired
	moved   string
	fills   map[string]audit.BackfillProgress
	skipped []audit.Gap        // stretches that an operator wants nobody to read
	started map[time.Time]bool // ends of the gaps of stops
	written time.Time          // when the last snapshot was
}

func newMemory(c audit.Checkpoint) *memory {
	m := &memory{
		desired: c.Desired, moved: c.Moved, written: c.Snapshot, fills: map[string]audit.BackfillProgress{}, started: map[time.Time]bool{},
	}
	for _, p := range c.Backfills {
		m.fills[p.ID] = p
	}
	m.note(c.Gaps)
	return m
}

func (m *memory) note(gaps []audit.Gap) {
	for _, g := range gaps {
		switch {
		case g.Cause == audit.CauseSkipped:
			m.skipped = append(m.skipped, g)
		case g.Cause == audit.CauseStopped && !g.To.IsZero():
			m.started[g.To.UTC()] = true
		}
	}
}

// told reports whether there is a gap of a stop that ends there.
func (m *memory) told(end time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.started[end.UTC()]
}

// record takes over what an applied entry says.
func (m *memory) record(e audit.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.Desired != nil {
		m.desired = *e.Desired
	}
	for _, p := range e.Backfills {
		m.fills[p.ID] = p
	}
	if e.Watermark != nil {
		m.moved = e.Watermark.Command
		m.skipped = slices.DeleteFunc(m.skipped, func(g audit.Gap) bool { return g.To.After(e.Watermark.To) })
	}
	if e.Snapshot != nil {
		m.written = e.Time
	}
	m.note(e.Gaps)
}

// snapshot returns when the last one was written.
func (m *memory) snapshot() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.written
}

// obeyed returns the state that the stream obeys.
func (m *memory) obeyed() audit.Desired {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.desired
}

// mover returns the command that moved the watermark last.
func (m *memory) mover() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.moved
}

// fill returns how far a back-fill has come.
func (m *memory) fill(id string) (audit.BackfillProgress, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.fills[id]
	return p, ok
}

// allFills returns the progress of all back-fills.
func (m *memory) allFills() []audit.BackfillProgress {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.fills))
}

// skips returns the stretches before the watermark that nobody wants to be read.
func (m *memory) skips(p audit.Progress) []audit.Gap {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []audit.Gap
	for _, g := range m.skipped {
		if !g.To.After(p.Watermark) {
			out = append(out, g)
		}
	}
	return out
}
