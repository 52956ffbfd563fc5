package model

import (
	"errors"
	"slices"
)

// truth is what has really happened to a stream.
type truth struct {
	delivered  [maxBlobs]int // how often readers of committed records see each blob, dead letters included
	allowed    [maxBlobs]int // repetitions that the protocol allows
	folds      []state       // what the committed entries up to each n add up to
	ends       []int         // position after the entry of each n
	mayRewrite int           // the number that may be used again, since the offset was deleted; 0: none
	rewrites   int           // numbers that were used again
}

func newTruth() truth { return truth{folds: make([]state, 1), ends: make([]int, 1)} }

// forgotten notes that the offset is gone: whether the last entry counts cannot be known any more.
func (t *truth) forgotten() { t.mayRewrite = len(t.folds) - 1 }

// deliver notes that readers see the events of blobs.
func (w *world) deliver(s int, what blobs) {
	t := &w.truths[s]
	alive := w.alive(s)
	what.each(func(i int) {
		t.delivered[i]++
		w.count("a blob delivered")
		if !alive.has(i) { // a dead letter, which its id keeps apart
			return
		}
		if !w.rules.atLeastOnce && t.delivered[i] > 1+t.allowed[i] {
			w.broken("blob %d of stream %d is repeated", i, s)
		}
	})
}

// commit notes that an entry counts, which may take the place of one that does not count any more.
func (w *world) commit(s int, e entry, end int) {
	t := &w.truths[s]
	for w.rules.atLeastOnce && e.n > len(t.folds) { // nothing that counted was left, but an offset
		t.folds, t.ends = append(t.folds, t.last()), append(t.ends, 0)
	}
	if e.n < 1 || e.n > len(t.folds) {
		if !w.rules.readersOnly {
			w.broken("entry %d of stream %d follows upon %d", e.n, s, len(t.folds)-1)
		}
		return
	}
	if e.n == t.mayRewrite && e.n < len(t.folds) {
		t.allow(t.folds[e.n].done &^ t.folds[e.n-1].done)
	}
	if e.n < len(t.folds) {
		w.count("a number used again")
		t.rewrites++
	}
	t.mayRewrite = 0
	t.folds = append(t.folds[:e.n], t.folds[e.n-1].with(e))
	t.ends = append(t.ends[:e.n], end)
}

func (t *truth) allow(again blobs) {
	again.each(func(i int) { t.allowed[i]++ })
}

// last is what all committed entries add up to.
func (t *truth) last() state { return t.folds[len(t.folds)-1] }

// checkFold checks that Redis is the fold of the committed entries up to its N. What is not about single blobs is
// known only once all entries are read, and only while the journal tells.
func (w *world) checkFold(s int, all bool) {
	k, t := &w.redis.streams[s], &w.truths[s]
	if w.rules.readersOnly {
		return
	}
	if t.rewrites > 0 && !all { // a late request may write the former entry, which the next take notices
		return
	}
	n := k.n[keyState]
	if n < 0 {
		w.broken("stream %d is worked on without a checkpoint", s)
		return
	}
	if w.rules.atLeastOnce {
		n = min(n, len(t.folds)-1)
	}
	if n >= len(t.folds) {
		w.broken("Redis has entry %d of stream %d, which is not committed", n, s)
		return
	}
	want, alive := t.folds[n], w.alive(s)
	switch {
	case (want.done^k.state.done)&alive != 0:
		w.broken("the ledger of stream %d at N = %d is %s, want %s", s, n, k.state.done, want.done)
	case (want.pending^k.state.pending)&alive != 0:
		w.broken("pending blobs of stream %d at N = %d are %s, want %s", s, n, k.state.pending, want.pending)
	case all && want.desired != k.state.desired && w.told(s, n):
		w.broken("the desired state of stream %d at N = %d is %d, want %d", s, n, k.state.desired, want.desired)
	case n+1 < len(t.ends) && t.ends[n+1] <= k.position && t.ends[n+1] > w.kafka.start:
		w.broken("the position of stream %d at N = %d is %d, behind entry %d", s, n, k.position, n+1)
	}
}

// told reports whether the journal still tells everything about the state at n: a stream that nobody owned for long
// writes no snapshots.
func (w *world) told(s, n int) bool {
	return slices.ContainsFunc(w.kafka.log[w.kafka.start:], func(m message) bool {
		committed := m.stream == s && !m.marker && m.entry.n <= n && m.at+1 == w.truths[s].ends[m.entry.n]
		return committed && (m.entry.n == 1 || m.entry.snapshot != nil || w.rules.noSnapshot)
	})
}

// checkWatermark checks that everything before the watermark is done or pending.
func (w *world) checkWatermark(s int) {
	k, t := &w.redis.streams[s], &w.truths[s]
	if w.rules.readersOnly {
		return
	}
	pending := t.last().pending
	w.between(s, 0, k.watermark).each(func(i int) {
		if t.delivered[i] == 0 && !pending.has(i) {
			w.broken("the watermark of stream %d is %d, but blob %d of %d is neither done nor pending", s, k.watermark, i, w.blobs[s][i].created)
		}
	})
}

// calm lets everything come to rest, and checks that nothing is missing. Then Redis is emptied, and everything is looked
// at once more.
func (w *world) calm() {
	for _, o := range w.owners {
		o.stop()
	}
	w.owners = nil
	for len(w.flying) > 0 && w.failure == "" {
		w.land(0)
	}
	w.log("calm")
	w.finish()
	if w.failure == "" {
		w.empty()
		w.finish()
	}
}

// finish lets one owner after the other work on each stream until nothing is left to do.
func (w *world) finish() {
	for s := range streams {
		calls, started := 0, 0
		var last error
		o := w.newOwner(s)
		for ; !o.idle && w.failure == ""; calls++ {
			if _, alive := o.next(); !alive {
				w.advise(s, o.ended)
				last = o.ended
				o = w.newOwner(s)
				started++
			}
			if calls > callsInCalm || started > ownersInCalm {
				w.broken("stream %d does not come to rest: %v", s, last)
			}
		}
		o.stop()
		w.checkComplete(s)
	}
}

// advise is what a person does about a checkpoint that knows of more than Kafka, since it is from before a number was
// used again.
func (w *world) advise(s int, err error) {
	if errors.Is(err, errAhead) && w.truths[s].rewrites > 0 {
		w.redis.streams[s] = noKeys()
	}
}

func (w *world) checkComplete(s int) {
	t := &w.truths[s]
	if w.failure != "" {
		return
	}
	w.alive(s).each(func(i int) {
		if t.delivered[i] == 0 {
			w.broken("blob %d of stream %d is lost", i, s)
		}
	})
	if k := &w.redis.streams[s]; !w.rules.readersOnly && k.state.pending&w.alive(s) != 0 || t.last().pending&w.alive(s) != 0 {
		w.broken("blobs of stream %d are still pending", s)
	}
}

// countOrdered notes an entry that was written without a transaction, if it counts.
func (w *world) countOrdered(s int, e entry, end int) {
	if e.epoch >= w.kafka.newest[s] {
		w.commit(s, e, end)
	}
}
