package model

import (
	"errors"
	"fmt"
)

// What Kafka answers.
var (
	errUnanswered = errors.New("no answer")
	errFenced     = errors.New("fenced by another owner")
	errState      = errors.New("no such transaction")
	errSequence   = errors.New("sequence out of order")
)

// place is a partition that a transaction writes to.
type place int

const (
	events place = iota
	journal
)

// kafka is one partition of the journal, which all streams share, the producers' transactions, and the offsets. Of
// events it keeps nothing: what is committed is told to the world at once.
type kafka struct {
	w         *world
	producers [streams]producer
	log       []message // all that ever were, by offset
	start     int       // offset of the oldest one that is kept
	offsets   [streams]offset
	newest    [streams]int // highest epoch in the journal
}

// offset is N with its metadata. N = -1 means that there is none.
type offset struct{ n, epoch int }

type producer struct {
	epoch     int
	tx        *transaction
	committed bool        // how the last transaction of the epoch ended
	next      [2]int      // sequences
	ends      map[int]int // position after the journal's message, by its sequence
}

type transaction struct {
	stream  int
	events  blobs
	entry   *entry
	first   int // offset of its first message in the journal; -1: none
	end     int // position after its last one
	offset  *offset
	decided bool // to be committed; only the markers are missing
	aborted bool
	closed  bool // with markers
}

// message is one of the journal.
type message struct {
	stream int
	time   int
	tx     *transaction // nil: written without one
	entry  entry
	opened bool // no entry but the beginning of a take, at-least-once
	token  int
	marker bool
	at     int // its offset
}

// initialize begins a new epoch, and ends what the former one left open.
func (k *kafka) initialize(s int) int {
	p := &k.producers[s]
	k.mark(s)
	k.abort(s)
	k.renew(s)
	return p.epoch
}

// raise begins a new epoch for the producer that has the present one.
func (k *kafka) raise(s, epoch int) (int, error) {
	if k.producers[s].epoch != epoch {
		return 0, errFenced
	}
	return k.initialize(s), nil
}

func (k *kafka) renew(s int) {
	p := &k.producers[s]
	p.epoch++
	p.next, p.committed, p.ends = [2]int{}, false, map[int]int{}
}

// expire aborts a transaction that is open for too long. Its producer is fenced.
func (k *kafka) expire(s int) {
	if tx := k.producers[s].tx; tx != nil && !tx.decided {
		k.abort(s)
		k.renew(s)
	}
}

func (k *kafka) abort(s int) {
	p := &k.producers[s]
	if p.tx != nil && !p.tx.decided {
		k.w.count("a transaction was aborted")
		p.tx.aborted = true
		k.close(s)
	}
}

// mark writes the markers of a transaction whose commit is decided.
func (k *kafka) mark(s int) {
	tx := k.producers[s].tx
	if tx == nil || !tx.decided {
		return
	}
	if tx.offset != nil {
		k.offsets[s] = *tx.offset
	}
	k.close(s)
}

func (k *kafka) close(s int) {
	p := &k.producers[s]
	if p.tx.first >= 0 {
		k.append(message{stream: s, marker: true})
	}
	p.committed, p.tx.closed, p.tx = p.tx.decided, true, nil
}

func (k *kafka) append(m message) int {
	m.time, m.at = k.w.now, k.end()
	k.log = append(k.log, m)
	k.newest[m.stream] = max(k.newest[m.stream], m.entry.epoch)
	return k.end()
}

func (k *kafka) end() int { return len(k.log) }

// produce writes to a transaction, which it opens if need be. A sequence that was used already is answered as if it had
// been written, also if the transaction it was used in was aborted.
func (k *kafka) produce(s, epoch int, to place, sequence int, write func(*transaction)) error {
	p := &k.producers[s]
	if p.epoch != epoch {
		return errFenced
	}
	k.mark(s)
	switch {
	case sequence < p.next[to]:
		return nil
	case sequence > p.next[to]:
		return errSequence
	}
	p.next[to]++
	if p.tx == nil {
		p.tx = &transaction{stream: s, first: -1}
	}
	write(p.tx)
	return nil
}

// publish writes the events of blobs.
func (k *kafka) publish(s, epoch, sequence int, what blobs) error {
	return k.produce(s, epoch, events, sequence, func(tx *transaction) { tx.events |= what })
}

// enter writes an entry to the journal and returns the position after it.
func (k *kafka) enter(s, epoch, sequence int, e entry) (int, error) {
	err := k.produce(s, epoch, journal, sequence, func(tx *transaction) {
		tx.entry = &e
		tx.end = k.append(message{stream: s, tx: tx, entry: e})
		if tx.first < 0 {
			tx.first = tx.end - 1
		}
		k.producers[s].ends[sequence] = tx.end
	})
	return k.producers[s].ends[sequence], err
}

// commitOffset puts N into the transaction.
func (k *kafka) commitOffset(s, epoch int, o offset) error {
	p := &k.producers[s]
	switch {
	case p.epoch != epoch:
		return errFenced
	case p.tx == nil, p.tx.decided:
		return errState
	}
	p.tx.offset = &o
	return nil
}

// finish commits or aborts the transaction. To repeat it is harmless.
func (k *kafka) finish(s, epoch int, commit bool) error {
	p := &k.producers[s]
	if p.epoch != epoch {
		return errFenced
	}
	if tx := p.tx; tx == nil || tx.decided {
		if commit == (p.committed || tx != nil) {
			return nil
		}
		return errState
	}
	if !commit {
		k.abort(s)
		return nil
	}
	p.tx.decided = true
	if p.tx.entry != nil {
		k.w.commit(s, *p.tx.entry, p.tx.end)
	}
	k.w.deliver(s, p.tx.events)
	return nil
}

// read returns some messages from a position on.
func (k *kafka) read(from, end int) []message {
	from = max(from, k.start)
	to := max(from, min(end, from+3, k.end()))
	return k.log[from:to]
}

// asked answers where the journal ends.
func (k *kafka) asked() (int, error) {
	end := k.end()
	if k.w.rules.readCommitted {
		end = k.stable()
	}
	if k.w.rules.staleEnd {
		end = max(k.start, end-k.w.tape.below(4))
	}
	return end, nil
}

// stable is the position of the oldest message of an open transaction: readers of committed messages end there.
func (k *kafka) stable() int {
	stable := k.end()
	for _, p := range k.producers {
		if p.tx != nil && p.tx.first >= 0 {
			stable = min(stable, p.tx.first)
		}
	}
	return stable
}

// retain drops old messages.
func (k *kafka) retain() {
	for k.start < k.end() && k.log[k.start].time < k.w.now-journalAge {
		k.start++
	}
}

// plainOffset commits N outside of a transaction.
func (k *kafka) plainOffset(s int, o offset) error {
	k.offsets[s] = o
	return nil
}

// String tells what a message is.
func (m message) String() string {
	switch {
	case m.marker:
		return fmt.Sprintf("%d: marker", m.at)
	case m.opened:
		return fmt.Sprintf("%d: take of stream %d, epoch %d", m.at, m.stream, m.entry.epoch)
	}
	return fmt.Sprintf("%d: stream %d, %s", m.at, m.stream, m.entry)
}

// String tells N and its metadata.
func (o offset) String() string { return fmt.Sprintf("N = %d of epoch %d", o.n, o.epoch) }
