package control

import (
	"context"
	"slices"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
)

// lane names what commands are done one after the other: those that change the same stream, or do the same to a
// tenant. What only looks waits for nobody, and has none.
func lane(j job, s audit.Stream, ofStream bool) string {
	switch {
	case j.command.Name.Reads() || j.command.Arguments.DryRun:
		return ""
	case ofStream:
		return s.Key()
	}
	return j.tenant.ID + " " + string(j.command.Name)
}

// lanes has commands of a kind wait for those that came before.
type lanes struct {
	mu    sync.Mutex // guards the following
	lines map[string][]*place
}

// place is that of one command in its lane.
type place struct {
	of   *lanes
	name string
	turn chan struct{} // closed when it is the first
}

// enter takes the last place of a lane.
func (l *lanes) enter(name string) *place {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &place{of: l, name: name, turn: make(chan struct{})}
	if name == "" {
		close(p.turn)
		return p
	}
	if l.lines == nil {
		l.lines = map[string][]*place{}
	}
	l.lines[name] = append(l.lines[name], p)
	if len(l.lines[name]) == 1 {
		close(p.turn)
	}
	return p
}

// wait returns true when it is this place's turn, and false when the deadline or the context ends first.
func (p *place) wait(ctx context.Context, deadline time.Time) bool {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	select {
	case <-p.turn:
		return true
	case <-ctx.Done():
		return false
	}
}

// leave gives the place up; leaving twice is leaving once. Who stands behind moves up, and has its turn when nobody
// stands before it.
func (p *place) leave() {
	l := p.of
	l.mu.Lock()
	defer l.mu.Unlock()
	line := l.lines[p.name]
	i := slices.Index(line, p)
	if i < 0 {
		return
	}
	line = slices.Delete(line, i, i+1)
	if len(line) == 0 {
		delete(l.lines, p.name)
		return
	}
	l.lines[p.name] = line
	if i == 0 {
		close(line[0].turn)
	}
}

type placeKey struct{}

// LetPass lets the later commands of the same stream begin. A handler calls it when what it changes is written and only
// waiting is left, so that a command to the contrary need not wait for what it calls off. Outside of a group it does
// nothing.
func LetPass(ctx context.Context) {
	if p, ok := ctx.Value(placeKey{}).(*place); ok {
		p.leave()
	}
}
