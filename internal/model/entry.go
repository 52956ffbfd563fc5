package model

import (
	"fmt"
	"math/bits"
	"strings"
)

// blobs is a set of a stream's blobs; blob i is bit i.
type blobs uint64

const maxBlobs = 60

func (b blobs) has(i int) bool { return b>>i&1 == 1 }

// each calls f with every blob of the set.
func (b blobs) each(f func(i int)) {
	for b != 0 {
		i := bits.TrailingZeros64(uint64(b))
		f(i)
		b &^= 1 << i
	}
}

// entry is one change of a checkpoint.
type entry struct {
	id        int // no other entry has it
	n, epoch  int
	time      int
	done      blobs
	pending   blobs
	desired   int    // 0: says nothing
	snapshot  *state // everything but the ledger
	watermark int    // as it stood
}

// state is what entries add up to.
type state struct {
	done, pending blobs
	desired       int
	snapshot      int // when the last snapshot was made; 0: never
}

// with returns the state after an entry.
func (s state) with(e entry) state {
	if e.snapshot != nil {
		s.pending, s.desired, s.snapshot = e.snapshot.pending, e.snapshot.desired, e.time
	}
	s.done |= e.done
	s.pending = (s.pending | e.pending) &^ e.done
	if e.desired != 0 {
		s.desired = e.desired
	}
	return s
}

// String lists the blobs.
func (b blobs) String() string {
	var list []string
	b.each(func(i int) { list = append(list, fmt.Sprint(i)) })
	return "{" + strings.Join(list, " ") + "}"
}

// String tells what an entry changes.
func (e entry) String() string {
	text := fmt.Sprintf("entry %d of epoch %d", e.n, e.epoch)
	if e.done != 0 {
		text += fmt.Sprintf(", done %s", e.done)
	}
	if e.pending != 0 {
		text += fmt.Sprintf(", pending %s", e.pending)
	}
	if e.desired != 0 {
		text += fmt.Sprintf(", desired %d", e.desired)
	}
	if e.snapshot != nil {
		text += ", snapshot"
	}
	return text
}

// String tells what is stored.
func (s state) String() string {
	return fmt.Sprintf("done %s, pending %s, desired %d", s.done, s.pending, s.desired)
}
