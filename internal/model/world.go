package model

import (
	"fmt"
	"slices"
)

const (
	streams = 2

	// Times are in ticks; a blob appears at each.
	day          = 10
	contentAge   = 7 * day // how long Microsoft keeps content
	journalAge   = 8 * day
	overlap      = 2
	maxOwners    = 4 // processes at a time
	keptDumps    = 6
	callsInCalm  = 4000
	ownersInCalm = 40
)

// kind is what becomes of a blob that is fetched.
type kind int

const (
	good    kind = iota
	failing      // fails once
	bad          // fails for ever: a dead letter in the end
)

type blob struct {
	created int
	kind    kind
}

// world is everything that is not an owner, and the scheduler.
type world struct {
	rules   rules
	tape    *tape
	now     int
	blobs   [streams][]blob
	wish    [streams]int // the state that an operator wants
	kafka   *kafka
	redis   *redis
	owners  []*owner
	started int
	entries int // that were composed
	current *owner
	flying  []flight // requests whose senders have given up
	dumps   []dump
	before  []dump // what Redis held before its last changes
	truths  [streams]truth
	profile profile

	counts  map[string]int // how often what happened
	failure string
	tracing bool
	trace   []string
}

// flight is a request that is still under way.
type flight struct {
	from *owner
	what string
	land func()
}

// profile is how often things happen in a run, of 256 steps.
type profile struct {
	weights []int // of happenings
	lost    int   // requests without an answer
}

// happening may come between the steps of owners.
type happening struct {
	name         string
	most, always int // how often, of 256 steps
	do           func(*world)
}

// happenings are all of them. Most runs see only some.
var happenings = []happening{
	{"a blob appears", 0, 10, (*world).appear},
	{"markers", 0, 6, (*world).mark},
	{"an owner starts", 8, 2, (*world).start},
	{"another owner goes on", 16, 1, (*world).change},
	{"an owner dies", 6, 0, (*world).crash},
	{"a late request arrives", 8, 1, (*world).arrive},
	{"a transaction expires", 4, 0, (*world).expire},
	{"Redis is emptied", 4, 0, (*world).empty},
	{"Redis loses its newest writes", 6, 0, (*world).rollBack},
	{"a dump of Redis is made", 6, 0, (*world).save},
	{"a dump of Redis is restored", 4, 0, (*world).restore},
	{"Redis loses a key", 4, 0, (*world).loseKey},
	{"a key of Redis is of another time", 4, 0, (*world).mixKey},
	{"an offset is deleted", 3, 0, (*world).forget},
	{"days pass", 2, 0, (*world).rest},
	{"old entries are deleted", 4, 0, (*world).retain},
	{"an operator has a wish", 4, 0, (*world).desire},
}

func newWorld(r rules, choices []byte) *world {
	w := &world{rules: r, tape: &tape{choices: choices}, now: 1, counts: map[string]int{}}
	w.kafka = &kafka{w: w}
	w.redis = &redis{w: w}
	for s := range streams {
		w.kafka.offsets[s].n = -1
		w.kafka.renew(s)
		w.redis.streams[s] = noKeys()
		w.truths[s] = newTruth()
	}
	for _, h := range happenings {
		often := max(0, w.tape.below(8)-4)
		w.profile.weights = append(w.profile.weights, h.always+h.most*often/3)
	}
	w.profile.lost = [...]int{0, 2, 8, 24}[w.tape.below(4)]
	return w
}

// play runs the world until the tape ends, lets it come to rest, and returns what went wrong.
func (w *world) play() string {
	for !w.tape.ended() && w.failure == "" {
		w.step()
	}
	w.calm()
	for _, o := range w.owners {
		o.stop()
	}
	return w.failure
}

// step lets the current owner go on, or something else happen.
func (w *world) step() {
	choice := 255 - w.tape.below(256)
	for i, h := range happenings {
		if choice -= w.profile.weights[i]; choice < 0 {
			w.count(h.name)
			h.do(w)
			return
		}
	}
	if w.current == nil {
		w.change()
	}
	if w.current == nil {
		w.start()
	}
	w.proceed(w.current)
}

// proceed makes an owner take a step.
func (w *world) proceed(o *owner) {
	if _, alive := o.next(); !alive {
		w.remove(o)
	}
}

func (w *world) remove(o *owner) {
	w.owners = slices.DeleteFunc(w.owners, func(other *owner) bool { return other == o })
	if w.current == o {
		w.current = nil
	}
}

func (w *world) appear() {
	s := w.tape.below(streams)
	if len(w.blobs[s]) == maxBlobs {
		return
	}
	k := [...]kind{good, good, good, good, good, failing, failing, bad}[w.tape.below(8)]
	w.blobs[s] = append(w.blobs[s], blob{created: w.now, kind: k})
	w.log("at %d: blob %d of stream %d appears, %s", w.now, len(w.blobs[s])-1, s, [...]string{"good", "failing once", "bad"}[k])
	w.now++
}

func (w *world) mark() { w.kafka.mark(w.tape.below(streams)) }

func (w *world) start() {
	if len(w.owners) == maxOwners {
		return
	}
	w.current = w.newOwner(w.tape.below(streams))
	w.owners = append(w.owners, w.current)
}

func (w *world) change() {
	if len(w.owners) > 0 {
		w.current = w.owners[w.tape.below(len(w.owners))]
	}
}

func (w *world) crash() {
	if len(w.owners) > 0 {
		o := w.owners[w.tape.below(len(w.owners))]
		w.log("%s dies", o)
		o.stop()
		w.remove(o)
	}
}

func (w *world) arrive() {
	if len(w.flying) > 0 {
		w.land(w.tape.below(len(w.flying)))
	}
}

func (w *world) land(i int) {
	f := w.flying[i]
	w.flying = slices.Delete(w.flying, i, i+1)
	w.count("a request landed late")
	w.log("late: %s", f.what)
	f.land()
}

func (w *world) expire() {
	s := w.tape.below(streams)
	w.log("the transaction of stream %d expires, if any", s)
	w.kafka.expire(s)
}

func (w *world) rest() {
	w.bury()
	w.now += 1 + w.tape.below(journalAge+day)
	w.log("it is %d", w.now)
}

func (w *world) retain() {
	w.kafka.retain()
	w.log("the journal starts at %d", w.kafka.start)
	// Assumption: nobody restores a dump that is older than the journal may be.
	old := func(d dump) bool { return d.time < w.now-journalAge }
	w.dumps, w.before = slices.DeleteFunc(w.dumps, old), slices.DeleteFunc(w.before, old)
}

// forget deletes an offset that no transaction is about to set.
func (w *world) forget() {
	s := w.tape.below(streams)
	w.log("the offset of stream %d is deleted", s)
	w.kafka.offsets[s] = offset{n: -1}
	w.truths[s].forgotten()
}

func (w *world) desire() {
	s := w.tape.below(streams)
	w.wish[s] = 1 + w.tape.below(3)
	w.log("an operator wants %d of stream %d", w.wish[s], s)
}

func (w *world) count(what string) { w.counts[what]++ }

func (w *world) log(format string, args ...any) {
	if w.tracing {
		w.trace = append(w.trace, fmt.Sprintf(format, args...))
	}
}

// broken notes the first thing that went wrong.
func (w *world) broken(format string, args ...any) {
	if w.failure == "" {
		w.failure = fmt.Sprintf(format, args...)
		w.log("BROKEN: %s", w.failure)
	}
}

// oldest is the creation time of the oldest blob that Microsoft still has.
func (w *world) oldest() int { return max(0, w.now-contentAge) }

// between returns the blobs that were created within [from, to) and can be read.
func (w *world) between(s, from, to int) blobs {
	var found blobs
	for i, b := range w.blobs[s] {
		if b.created >= max(from, w.oldest()) && b.created < to {
			found |= 1 << i
		}
	}
	return found
}

// alive are the blobs that Microsoft still has.
func (w *world) alive(s int) blobs { return w.between(s, 0, w.now) }
