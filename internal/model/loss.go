package model

import "slices"

// dump is what Redis held at a time.
type dump struct {
	time     int
	streams  [streams]keys
	rewrites [streams]int // numbers that had been used again
}

// changing keeps what Redis holds, for a fault that brings it back.
func (w *world) changing() { w.before = w.keep(w.before) }

func (w *world) keep(in []dump) []dump {
	if len(in) == keptDumps {
		in = append(in[:0], in[1:]...)
	}
	d := dump{time: w.now, streams: w.redis.streams}
	for s, t := range w.truths {
		d.rewrites[s] = t.rewrites
	}
	return append(in, d)
}

func (w *world) empty() {
	w.log("Redis is emptied")
	for s := range streams {
		w.redis.streams[s] = noKeys()
	}
}

func (w *world) rollBack() {
	if len(w.before) > 0 {
		w.bury()
		i := len(w.before) - 1 - w.tape.below(len(w.before))
		w.log("Redis loses its last %d writes", len(w.before)-i)
		w.redis.streams, w.before = w.before[i].streams, w.before[:i]
	}
}

// bury ends all takes of a stream but the last, and what they have sent, before Redis brings their epochs back and before
// the journal forgets what makes their entries void. Assumption of at-least-once alone: nothing else keeps former owners
// from writing entries, and from applying them to a Redis that knows them.
func (w *world) bury() {
	if !w.rules.atLeastOnce {
		return
	}
	former := func(o *owner) bool { return o.epoch < w.redis.acquired[o.stream] }
	w.flying = slices.DeleteFunc(w.flying, func(f flight) bool { return former(f.from) })
	for _, o := range slices.Clone(w.owners) {
		if former(o) {
			w.log("%s dies", o)
			o.stop()
			w.remove(o)
		}
	}
}

func (w *world) save() { w.dumps = w.keep(w.dumps) }

func (w *world) restore() {
	if len(w.dumps) > 0 {
		w.bury()
		i := w.tape.below(len(w.dumps))
		w.redis.streams = w.dumps[i].streams
		w.log("dump %d of Redis is restored: N = %v and %v", i, w.redis.streams[0].n, w.redis.streams[1].n)
	}
}

func (w *world) loseKey() {
	s, key := w.tape.below(streams), w.tape.below(keyCount)
	w.log("Redis loses key %d of stream %d", key, s)
	w.redis.streams[s].lose(key)
}

// mixKey puts one key of a dump in place. Assumption: not one from before a number was used again, as no mark tells the
// two apart.
func (w *world) mixKey() {
	if len(w.dumps) == 0 {
		return
	}
	s, key, from := w.tape.below(streams), w.tape.below(keyCount), w.tape.below(len(w.dumps))
	if d := w.dumps[from]; d.rewrites[s] == w.truths[s].rewrites {
		w.bury()
		w.log("key %d of stream %d is restored from dump %d", key, s, from)
		w.redis.streams[s].mix(key, d.streams[s])
	}
}
