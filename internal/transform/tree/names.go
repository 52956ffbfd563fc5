package tree

import "hash/maphash"

// Names is a set of names with a number each, for lists of any length: it does not become slow, whoever chose the
// names. The zero value is ready. One goroutine at a time may use it.
type Names struct {
	slots   []uint32 // places in entries, from 1 on; 0: free
	entries []named
	text    []byte
}

type named struct {
	hash       uint64
	start, end uint32
	value      uint32
}

var seed = maphash.MakeSeed()

// Reset empties the set.
func (s *Names) Reset() {
	clear(s.slots)
	if len(s.slots) > 1<<12 {
		s.slots = nil
	}
	s.entries, s.text = s.entries[:0], s.text[:0]
	if cap(s.text) > keepScratch {
		s.text, s.entries = nil, nil
	}
}

// Add puts a name into the set, with a value, and returns its number: names are numbered from 0 in the order in which
// they came. A name that is there keeps its value, and found is true.
func (s *Names) Add(name []byte, value uint32) (number int, found bool) {
	if len(s.entries)*2 >= len(s.slots) {
		s.grow()
	}
	h := maphash.Bytes(seed, name)
	slot := s.slot(h, name)
	if s.slots[slot] != 0 {
		return int(s.slots[slot] - 1), true
	}
	start := len(s.text)
	s.text = append(s.text, name...)
	s.entries = append(s.entries, named{h, uint32(start), uint32(len(s.text)), value})
	s.slots[slot] = uint32(len(s.entries))
	return len(s.entries) - 1, false
}

// Value returns the value of the name with that number.
func (s *Names) Value(number int) uint32 { return s.entries[number].value }

// Set changes the value of the name with that number.
func (s *Names) Set(number int, value uint32) { s.entries[number].value = value }

// Len counts the names.
func (s *Names) Len() int { return len(s.entries) }

// Name returns the name with that number, until the next Reset.
func (s *Names) Name(number int) []byte {
	e := s.entries[number]
	return s.text[e.start:e.end:e.end]
}

// slot returns where the name stands, or where it belongs.
func (s *Names) slot(h uint64, name []byte) int {
	mask := len(s.slots) - 1
	for i := int(h) & mask; ; i = (i + 1) & mask {
		at := s.slots[i]
		if at == 0 || s.entries[at-1].hash == h && string(s.Name(int(at-1))) == string(name) {
			return i
		}
	}
}

func (s *Names) grow() {
	s.slots = make([]uint32, max(64, 2*len(s.slots)))
	for i, e := range s.entries {
		s.slots[s.slot(e.hash, s.Name(i))] = uint32(i + 1)
	}
}
