package model

import (
	"errors"
	"fmt"
)

// errHole means that the journal lacks an entry that it should have.
var errHole = errors.New("the journal has a hole")

// errAhead means that Redis knows of more than Kafka.
var errAhead = errors.New("Redis is ahead of Kafka")

// take makes the stream the owner's: first in Redis, then in Kafka, and if it still is in Redis then, what is committed
// and not yet in Redis is replayed from the journal.
func (o *owner) take() error {
	w, s := o.w, o.stream
	if w.rules.taker != nil {
		return o.takeBy(w.rules.taker)
	}
	epoch, err := ask(o, "acquire", func() (int, error) { return w.redis.acquire(s), nil })
	if err != nil {
		return err
	}
	o.epoch = epoch
	committed, err := o.open(epoch)
	if err != nil {
		return err
	}
	found, err := ask(o, "load", func() (loaded, error) { return w.redis.load(s, epoch, committed.epoch) })
	if err != nil {
		return err
	}
	o.epoch = found.epoch
	if w.rules.noReplay {
		return o.skipReplay(found)
	}
	if err := o.replay(committed.n, found); err != nil {
		return err
	}
	if w.rules.believeRedis {
		if found, err = ask(o, "load again", func() (loaded, error) { return w.redis.load(s, o.epoch, 0) }); err != nil {
			return err
		}
		o.n, o.epoch, o.state, o.watermark = found.n, found.epoch, found.state, found.watermark
	}
	_, err = o.unseen(0)
	return err
}

// open fences former owners in Kafka and asks for N.
func (o *owner) open(epoch int) (committed offset, err error) {
	w, s := o.w, o.stream
	fetch := func() (offset, error) { return w.kafka.offsets[s], nil }
	if w.rules.offsetBeforeFence {
		if committed, err = ask(o, "fetch offset", fetch); err != nil {
			return committed, err
		}
	}
	if w.rules.atLeastOnce {
		if err := o.opens(epoch); err != nil {
			return committed, err
		}
	} else if err := o.fence(); err != nil {
		return committed, err
	}
	if !w.rules.offsetBeforeFence {
		committed, err = ask(o, "fetch offset", fetch)
	}
	if w.rules.offsetFromZero {
		committed.n = max(committed.n, 0)
	}
	return committed, err
}

// fence initializes the producer.
func (o *owner) fence() (err error) {
	w, s := o.w, o.stream
	if w.rules.noFence {
		p := w.kafka.producers[s]
		o.producer, o.sequences = p.epoch, p.next
		return nil
	}
	o.producer, err = ask(o, "initialize producer", func() (int, error) { return w.kafka.initialize(s), nil })
	o.sequences, o.late = [2]int{}, false
	return err
}

// skipReplay goes on where Redis stands.
func (o *owner) skipReplay(found loaded) error {
	o.n, o.state, o.watermark = found.n, found.state, found.watermark
	if found.ok {
		return nil
	}
	return o.reset(0, 0)
}

// reset makes Redis stand at n with nothing but that.
func (o *owner) reset(n, position int) error {
	w, s := o.w, o.stream
	w.count("a checkpoint was reset")
	oldest := w.oldest()
	err := tell(o, fmt.Sprint("reset to ", n), func() error { return w.redis.reset(s, o.epoch, n, position) })
	o.n, o.position, o.state, o.watermark = n, position, state{}, oldest
	if w.rules.keepOnRebuild {
		o.watermark, o.state.pending = w.redis.streams[s].watermark, w.redis.streams[s].state.pending
	}
	return err
}

// replay applies what is committed and not yet in Redis, from where Redis stands or, if that does not do, from the
// journal's beginning.
func (o *owner) replay(committed int, found loaded) error {
	w := o.w
	if w.rules.atLeastOnce && !w.rules.believeOffset { // a former owner may have set it
		committed = -1
	}
	o.n, o.position, o.writer, o.state, o.watermark = found.n, found.position, found.writer, found.state, found.watermark
	if found.ok && committed >= 0 && found.n > committed && !w.rules.atLeastOnce {
		return errAhead
	}
	if found.ok && found.position <= w.kafka.end() {
		if whole, err := o.walk(committed, true); whole || err != nil {
			return err
		}
	}
	whole, err := o.walk(committed, false)
	if err == nil && !whole && w.rules.holeIsEmpty {
		return o.reset(committed, w.kafka.start)
	}
	if err == nil && !whole {
		return errHole
	}
	return err
}

// walk reads the journal, from where Redis stands or from its beginning, and applies what counts. It reports whether
// all of it was there.
func (o *owner) walk(committed int, based bool) (whole bool, err error) {
	w := o.w
	f := &fold{rules: w.rules, based: based, n: o.n, committed: committed, token: o.token}
	if based {
		f.epoch = o.writer
	}
	at := w.kafka.start
	if based {
		at = max(at, o.position)
	}
	end, err := ask(o, "ask for the journal's end", w.kafka.asked)
	if err != nil {
		return false, err
	}
	reset := based
	for at < end && !f.hole && !f.ended {
		messages, err := ask(o, fmt.Sprint("read the journal from ", at), func() ([]message, error) { return w.kafka.read(at, end), nil })
		if err != nil {
			return false, err
		}
		if len(messages) > 0 && messages[0].at > at { // retention has passed by
			return false, nil
		}
		at += max(len(messages), 1)
		for _, m := range messages {
			if !o.reads(m) {
				continue
			}
			if err := o.enter(f.next(m), end, &reset); err != nil {
				return false, err
			}
		}
	}
	if f.fenced {
		return false, errFenced
	}
	if err := o.enter(f.rest(), end, &reset); err != nil || f.hole {
		return false, err
	}
	if !reset {
		return true, o.startAnew(f)
	}
	return f.committed < 0 || o.n == f.committed || w.rules.atLeastOnce && o.n > f.committed, nil
}

// reads reports whether a message is one of the stream's.
func (o *owner) reads(m message) bool {
	hidden := o.w.rules.readCommitted && m.tx != nil && m.tx.aborted
	return m.stream == o.stream && !m.marker && !hidden
}

// enter applies what the fold gives out. Before the first entry of the journal's beginning Redis is reset.
func (o *owner) enter(found []message, end int, reset *bool) error {
	w, s := o.w, o.stream
	for _, m := range found {
		if !*reset {
			*reset = true
			if err := o.reset(m.entry.n-1, m.at); err != nil {
				return err
			}
		}
		w.count("an entry was replayed")
		position := m.at + 1
		if w.rules.positionAtEnd {
			position = end
		}
		err := tell(o, fmt.Sprint("apply entry ", m.entry.n), func() error { return w.redis.apply(s, o.epoch, m.entry, position) })
		if err != nil {
			return err
		}
		o.applied(m.entry)
	}
	return nil
}

func (o *owner) applied(e entry) {
	o.n, o.writer, o.state, o.watermark = e.n, e.epoch, o.state.with(e), max(o.watermark, e.watermark)
}

// startAnew goes on when the journal tells nothing that counts: at the beginning, or after a long rest.
func (o *owner) startAnew(f *fold) error {
	n := max(f.committed, 0)
	if f.held != nil { // whether the only entry counts is unknown
		n = f.held.entry.n - 1
	}
	return o.reset(n, o.w.kafka.start)
}
