package model

// fold decides which of a stream's entries count, with one entry in hand at most.
//
// With transactions those up to N do, and of each n the last one in the log: the ones before it were aborted. So an
// entry is held back until the next number turns up. When N is unknown all but the highest number count. Without
// transactions those count that follow upon nothing with a higher epoch.
type fold struct {
	rules     rules
	based     bool // n is where Redis stands; otherwise any number may be the first
	n         int  // the last entry that was given out
	committed int  // N; -1: unknown
	token     int  // of the take that reads, at-least-once
	epoch     int  // the highest that was read, at-least-once

	held   *message
	hole   bool
	ended  bool // everything that counts was read
	fenced bool // there was a later take before
}

// next takes a message and returns what is known to count.
func (f *fold) next(m message) []message {
	switch {
	case f.hole, f.ended:
		return nil
	case f.rules.atLeastOnce:
		return f.ordered(m)
	case f.committed >= 0 && m.entry.n > f.committed && !f.rules.aboveN:
		return nil
	case f.based && m.entry.n <= f.n: // written anew since Redis was as it is
		f.hole = !f.rules.trustPosition
		return nil
	case f.held == nil, f.held.entry.n == m.entry.n:
		f.hold(m)
		return nil
	}
	found := f.give(*f.held)
	f.held = &m
	return found
}

// hold keeps an entry until it is known whether another one of its number follows.
func (f *fold) hold(m message) {
	if f.held != nil && (f.rules.firstOfEach || f.rules.highestEpoch && f.held.entry.epoch > m.entry.epoch) {
		return
	}
	f.held = &m
}

// rest returns what counts when nothing follows. When N is unknown the last entry is none of it, but it tells that the
// one before it is.
func (f *fold) rest() []message {
	if f.hole || f.held == nil {
		return nil
	}
	if f.committed < 0 && !f.rules.highestCounts {
		f.hole = f.based && f.held.entry.n != f.n+1
		return nil
	}
	return f.give(*f.held)
}

func (f *fold) give(m message) []message {
	if f.based && m.entry.n != f.n+1 {
		f.hole = true
		return nil
	}
	f.based, f.n = true, m.entry.n
	return []message{m}
}

// ordered is next for at-least-once.
func (f *fold) ordered(m message) []message {
	if f.rules.lateTakes && m.opened { // whoever comes last has the journal
		f.epoch = m.entry.epoch
	}
	void := m.entry.epoch < f.epoch
	f.epoch = max(f.epoch, m.entry.epoch)
	switch {
	case m.opened:
		f.ended, f.fenced = m.token == f.token, void
		return nil
	case void && !f.rules.anyEpoch:
		return nil
	}
	return f.give(m) // which finds what was written anew
}
