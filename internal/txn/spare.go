package txn

import (
	"slices"
	"sync"
)

// maxSpare bounds the bytes of batches that are kept for use again. A sync.Pool would give these large buffers away
// at every collection, just to have them made again.
const maxSpare = 6 << 20

// spare keeps batches that were given back, for all producers of the process.
var spare spares

type spares struct {
	mu      sync.Mutex // guards the following
	batches []*Batch   // by room, the smallest first
	bytes   int
}

func (b *Batch) room() int { return cap(b.raw) + cap(b.packed) }

// take returns the smallest batch with so much room for records, or a new one.
func (s *spares) take(size int) *Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.batches, func(b *Batch) bool { return cap(b.raw) >= size })
	if i < 0 {
		return &Batch{raw: make([]byte, 0, size)}
	}
	b := s.batches[i]
	s.batches = slices.Delete(s.batches, i, i+1)
	s.bytes -= b.room()
	return b
}

// give keeps a batch if there is room for it, in the place of smaller ones if need be: those are cheaper to make.
func (s *spares) give(b *Batch) {
	if b.room() > maxSpare/2 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, _ := slices.BinarySearchFunc(s.batches, b, func(x, y *Batch) int { return cap(x.raw) - cap(y.raw) })
	s.batches = slices.Insert(s.batches, i, b)
	s.bytes += b.room()
	for s.bytes > maxSpare {
		s.bytes -= s.batches[0].room()
		s.batches = slices.Delete(s.batches, 0, 1)
	}
}
