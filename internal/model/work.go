package model

import (
	"errors"
	"fmt"
)

// work does one of the things that can be done, mostly the first.
func (o *owner) work() error {
	w, s := o.w, o.stream
	var todo []func() error
	add := func(can bool, do func() error) {
		if can {
			todo = append(todo, do)
		}
	}
	add(o.ready != 0, o.publish)
	add(o.reading && o.window == 0, o.advance)
	add(o.reading && w.rules.advanceEarly, o.advance)
	add(!o.reading && o.watermark < w.now, o.list)
	add(o.state.pending&^o.claimed != 0, o.retry)
	add(w.wish[s] != 0 && w.wish[s] != o.state.desired, o.obey)
	add(!w.rules.noSnapshot && w.now-o.state.snapshot >= day, o.snapshot)
	add(o.swept < w.now, o.sweep)
	if len(todo) == 0 {
		o.idle = true
		o.rest()
		return nil
	}
	o.idle = false
	return todo[w.tape.below(len(todo))]()
}

// claim takes blobs into work that nobody works on. They are prepared at once.
func (o *owner) claim(found blobs) {
	found &^= o.claimed
	o.claimed |= found
	o.ready |= found
}

// listing is what Microsoft has of a window.
type listing struct {
	end   int
	blobs blobs
}

// list reads the next window.
func (o *owner) list() error {
	w, s := o.w, o.stream
	found, err := ask(o, "list", func() (listing, error) {
		return listing{w.now, w.between(s, o.watermark-overlap, w.now)}, nil
	})
	if err != nil {
		return nil //nolint:nilerr // listed again later
	}
	o.end, o.window, o.reading = found.end, found.blobs&^o.state.pending, true
	o.claim(o.window)
	return nil
}

// sweep reads everything once more.
func (o *owner) sweep() error {
	w, s := o.w, o.stream
	o.rest()
	o.swept = w.now
	o.claim(w.alive(s) &^ o.state.pending)
	return nil
}

// retry takes pending blobs up again.
func (o *owner) retry() error {
	o.rest()
	o.claim(o.state.pending)
	return nil
}

// advance moves the watermark to the window's end.
func (o *owner) advance() error {
	w, s, n, to := o.w, o.stream, o.n, o.end
	err := tell(o, fmt.Sprint("advance to ", to), func() error { return w.redis.advance(s, o.epoch, n, to) })
	if err == nil {
		o.watermark, o.reading = max(o.watermark, to), false
	}
	return final(err)
}

// final is an error that ends the run.
func final(err error) error {
	if errors.Is(err, errUnanswered) {
		return nil
	}
	return err
}

func (o *owner) obey() error { return o.change(entry{desired: o.w.wish[o.stream]}) }

func (o *owner) snapshot() error {
	s := o.state
	return o.change(entry{snapshot: &s})
}

// change commits an entry without events.
func (o *owner) change(e entry) error { return o.commit(o.compose(e), 0) }

func (o *owner) compose(e entry) entry {
	o.w.entries++
	e.id, e.n, e.epoch, e.time, e.watermark = o.w.entries, o.n+1, o.epoch, o.w.now, o.watermark
	return e
}

// publish commits a group of what is ready: all of it, one, or about half.
func (o *owner) publish() error {
	w := o.w
	group := o.ready
	switch w.tape.below(4) {
	case 2:
		group &= -group
	case 3:
		if half := group & 0x5555555555555555; half != 0 {
			group = half
		}
	}
	fresh := group
	if !w.rules.noQuestion {
		var err error
		if fresh, err = o.unseen(group); err != nil {
			return err
		}
	}
	if fresh != 0 {
		e := o.results(fresh)
		if err := o.commit(o.compose(e), e.done); err != nil {
			return err
		}
	}
	o.ready &^= group
	o.claimed &^= group
	o.window &^= group
	return nil
}

// unseen asks the ledger.
func (o *owner) unseen(group blobs) (blobs, error) {
	w, s, n := o.w, o.stream, o.n
	fresh, err := ask(o, fmt.Sprintf("unseen %s at %d", group, n), func() (blobs, error) { return w.redis.unseen(s, o.epoch, n, group) })
	if err == nil && (w.truths[s].rewrites == 0 || o.producer == w.kafka.producers[s].epoch) {
		w.checkFold(s, true)
	}
	return fresh, err
}

// results is what became of blobs. Dead letters count as events.
func (o *owner) results(group blobs) (e entry) {
	alive := o.w.alive(o.stream)
	group.each(func(i int) {
		switch k := o.w.blobs[o.stream][i].kind; {
		case k == good, o.state.pending.has(i), !alive.has(i):
			e.done |= 1 << i
		default:
			e.pending |= 1 << i
		}
	})
	return e
}

// commit publishes events and entry as one, and then applies the entry.
func (o *owner) commit(e entry, what blobs) error {
	w, s := o.w, o.stream
	var position int
	var err error
	if w.rules.atLeastOnce {
		position, err = o.append(e, what)
	} else {
		position, err = o.transactAgain(e, what)
	}
	if err != nil {
		return err
	}
	if !w.rules.redisFirst {
		err = tell(o, fmt.Sprint("apply ", e.n), func() error { return w.redis.apply(s, o.epoch, e, position) })
	}
	if err == nil {
		o.applied(e)
	}
	return err
}

// transactAgain is what broken protocols do about a transaction that was not answered.
func (o *owner) transactAgain(e entry, what blobs) (int, error) {
	w, s, sequences := o.w, o.stream, o.sequences
	position, err := o.transact(e, what)
	if !errors.Is(err, errUnanswered) {
		return position, err
	}
	abort := func() error {
		return tell(o, "abort", func() error { return w.kafka.finish(s, o.producer, false) })
	}
	switch {
	case w.rules.reuseSequences:
		if err := abort(); err != nil {
			return 0, err
		}
		o.sequences = sequences
	case w.rules.abortAndGoOn:
		if err := abort(); err != nil && !errors.Is(err, errState) {
			return 0, err
		}
	case w.rules.commitAnew:
		if err := o.fence(); err != nil {
			return 0, err
		}
	default:
		return 0, err
	}
	return o.transact(e, what)
}

// transact is one transaction. Any error ends the run: the next take finds out what became of it.
func (o *owner) transact(e entry, what blobs) (position int, err error) {
	w, s := o.w, o.stream
	if err := o.renew(); err != nil {
		return 0, err
	}
	epoch, sequences := o.producer, o.sequences
	if what != 0 {
		o.sequences[events]++
		err = tell(o, fmt.Sprintf("publish %s", what), func() error { return w.kafka.publish(s, epoch, sequences[events], what) })
		if err != nil {
			return 0, err
		}
	}
	o.sequences[journal]++
	position, err = ask(o, fmt.Sprintf("enter %d", e.n), func() (int, error) { return w.kafka.enter(s, epoch, sequences[journal], e) })
	if err != nil {
		return 0, err
	}
	at := offset{e.n, e.epoch}
	if !w.rules.offsetOutside {
		err = o.coordinate(fmt.Sprint("commit offset ", e.n), func() error { return w.kafka.commitOffset(s, epoch, at) })
	}
	if err == nil && w.rules.redisFirst {
		err = tell(o, fmt.Sprint("apply ", e.n), func() error { return w.redis.apply(s, o.epoch, e, position) })
	}
	if err == nil {
		err = o.coordinate("commit", func() error { return w.kafka.finish(s, epoch, true) })
	}
	if err == nil && w.rules.offsetOutside {
		err = tell(o, fmt.Sprint("commit offset ", e.n), func() error { return w.kafka.plainOffset(s, at) })
	}
	return position, err
}

// renew asks for a new epoch if a request of the last transaction may still arrive in this one.
func (o *owner) renew() error {
	w, s, epoch := o.w, o.stream, o.producer
	if !o.late || w.rules.keepEpoch {
		return nil
	}
	raised, err := ask(o, "raise producer epoch", func() (int, error) { return w.kafka.raise(s, epoch) })
	if err != nil {
		return err
	}
	o.producer, o.sequences, o.late = raised, [2]int{}, false
	return nil
}
