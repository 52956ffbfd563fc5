package pipeline

import (
	"errors"
	"fmt"

	"o365-kafka-connector/internal/audit"
)

var (
	// errHole means that the journal lacks an entry that must be there.
	errHole = errors.New("the journal lacks entries")
	// errRewritten means that the journal tells another history than the checkpoint.
	errRewritten = errors.New("it was written anew after its N was deleted")
)

// fold picks out of the messages of a stream's journal, in the order of the log, the entries that count, one of each
// number. It holds one of them back:
//
//   - Of entries written in transactions the last one of each number counts, since a number is tried again only when it
//     did not commit, and the next one only when it did. The newest counts if Kafka's N says so.
//   - Of entries written without, those count that bear the token of the take before them in the log. A take does not
//     count behind one of a higher epoch: whoever was slow to write it has lost the stream already.
type fold struct {
	kafka int64 // number of the last committed entry, as an offset says; -1 if that is unknown
	redis int64 // number that the checkpoint stands at; -1: it is rebuilt, from whatever number comes first
	count func(audit.Logged) error

	position int64 // of the checkpoint; 0: it is rebuilt
	hint     bool  // N proves nothing: without transactions former owners may set it

	last    int64 // the newest number that counts, that of the checkpoint included; -1: none
	certain int64 // the newest number that is known to be committed, of those that were read; -1: none
	held    *audit.Logged
	owner   string // token of the take that may write without transactions; empty if none was read
	epoch   int64  // of that take
	met     bool   // there was a message
}

func newFold(kafka, redis int64, count func(audit.Logged) error) *fold {
	return &fold{kafka: kafka, redis: redis, count: count, last: redis, certain: -1}
}

// add takes the next message.
func (f *fold) add(l audit.Logged) error {
	f.met = true
	switch {
	case f.position > 0 && l.Position > f.position && l.Token == "" && !l.Opened && l.Entry.N <= f.redis:
		return fmt.Errorf("%w: entry %d: %w", errHole, l.Entry.N, errRewritten)
	case l.Opened:
		if l.Entry.Epoch >= f.epoch {
			f.owner, f.epoch = l.Token, l.Entry.Epoch
		}
		return nil
	case l.Token != "":
		return f.fenced(l)
	case f.held != nil && l.Entry.N < f.held.Entry.N:
		return fmt.Errorf("%w: entry %d stands behind entry %d", errHole, l.Entry.N, f.held.Entry.N)
	}
	if err := f.settle(l.Entry.N); err != nil {
		return err
	}
	f.held = &l
	return nil
}

// fenced takes an entry that was written without a transaction.
func (f *fold) fenced(l audit.Logged) error {
	if f.owner == "" || l.Entry.Epoch > f.epoch { // its take may have expired
		f.owner, f.epoch = l.Token, l.Entry.Epoch
	}
	if l.Token != f.owner {
		return nil
	}
	if err := f.settle(l.Entry.N); err != nil {
		return err
	}
	return f.take(l)
}

// settle decides on the entry that is held back, now that entry n follows it: it counts if n is a later one, and else
// was tried again.
func (f *fold) settle(n int64) error {
	held := f.held
	f.held = nil
	if held == nil || held.Entry.N >= n {
		return nil
	}
	return f.take(*held)
}

// take counts an entry, unless the checkpoint has it.
func (f *fold) take(l audit.Logged) error {
	n := l.Entry.N
	f.certain = max(f.certain, n)
	switch {
	case n <= f.redis:
		return nil
	case f.last >= 0 && n != f.last+1:
		return fmt.Errorf("%w: entry %d follows upon entry %d", errHole, n, f.last)
	}
	f.last = n
	return f.count(l)
}

// end decides on the newest entry and returns the number at which the stream stands.
func (f *fold) end() (int64, error) {
	if held := f.held; held != nil {
		f.held = nil
		n := held.Entry.N
		if f.last < 0 && n > f.kafka {
			f.last = n - 1 // whatever came before it has expired
		}
		switch {
		case n <= f.kafka:
			if err := f.take(*held); err != nil {
				return 0, err
			}
		case n > f.last+1:
			return 0, fmt.Errorf("%w: entry %d follows upon entry %d", errHole, n, f.last)
		}
	}
	if f.last < f.kafka && !f.hint && (f.met || f.redis >= 0) {
		return 0, fmt.Errorf("%w: they end with entry %d, and entry %d was committed", errHole, f.last, f.kafka)
	}
	return max(f.last, 0), nil
}

// ahead reports whether the checkpoint holds entries that Kafka never heard of.
func (f *fold) ahead() bool { return !f.hint && f.kafka >= 0 && f.redis > max(f.kafka, f.certain) }
