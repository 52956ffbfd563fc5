package pipeline

import (
	"fmt"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
)

// When nearly everything fails: more than 95 % of so many blobs in a row.
const (
	judged  = 50
	tooMany = judged*95/100 + 1
)

// brake keeps a stream from emptying itself into the dead letters. When nearly all blobs in a row have become dead
// letters for other reasons than their age, no further one does: what fails stays pending, and all downloads wait but
// for one now and then that tries whether it still is so. It goes on when one succeeds, or when an operator says resume:
// then dead letters are made as before, until the next success.
type brake struct {
	hold *hold

	mu      sync.Mutex // guards the following
	recent  [judged]bool
	next    int
	bad     int // of the recent ones
	engaged bool
	forced  bool   // an operator wants to go on whatever comes
	command string // the last one that changed the wish
}

func newBrake() *brake {
	h := newHold()
	h.delay = newBackOff(time.Minute, 15*time.Minute)
	return &brake{hold: h}
}

func (b *brake) push(bad bool) {
	if b.recent[b.next] {
		b.bad--
	}
	if bad {
		b.bad++
	}
	b.recent[b.next] = bad
	b.next = (b.next + 1) % judged
}

// good notes that a blob was read.
func (b *brake) good() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.push(false)
	b.forced = false
	b.release()
}

func (b *brake) release() {
	if b.engaged {
		b.engaged = false
		b.hold.lift()
	}
}

// lose asks whether another blob may become a dead letter, and notes that it does.
func (b *brake) lose() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bad >= tooMany && !b.forced {
		b.engaged = true
		return false
	}
	b.push(true)
	return true
}

// failed makes downloads wait if the brake is engaged, and reports whether it is.
func (b *brake) failed(f *audit.Fault) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.engaged {
		b.hold.raise(f)
	}
	return b.engaged
}

// heed reports whether the wish tells to go on all the same.
func (b *brake) heed(wish audit.Wish) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	news := wish.Command != b.command
	b.command = wish.Command
	if !news || !b.engaged || wish.State != audit.Running {
		return false
	}
	b.forced = true
	b.release()
	return true
}

// braked is what the brake tells of a stream.
func (w *run) braked(f *audit.Fault) *audit.Fault {
	return &audit.Fault{
		Cause: f.Cause, Scope: audit.OfStream,
		Err: fmt.Errorf("nearly all of the last %d blobs became dead letters, so the stream waits instead of making more; the last answer: %w", judged, f),
		Hint: "find out why blobs cannot be read (a proxy that changes answers? Microsoft's service health?); the stream goes on by itself " +
			"when one can; resume " + string(w.Stream.ContentType) + " makes dead letters of what cannot be read, and redrive puts these back later",
	}
}
