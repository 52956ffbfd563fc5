package model

import (
	"fmt"
	"iter"
)

// owner is a process that takes a stream and works on it. Every effect on the world is a step of its own: the owner
// may die before it, sleep before it, or act long after others have taken its stream.
type owner struct {
	w      *world
	stream int
	number int
	next   func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	idle   bool // there is nothing to do
	ended  error

	epoch      int
	producer   int    // epoch in Kafka
	sequences  [2]int // next ones
	late       bool   // a request to a coordinator may still arrive
	unanswered int    // requests
	token      int    // at-least-once

	n         int
	position  int // where the replay begins
	writer    int // epoch of entry n
	state     state
	watermark int

	claimed blobs // somebody works on them
	ready   blobs // prepared
	window  blobs // of the window that is being read, not yet done
	reading bool
	end     int // of the window
	swept   int
}

// died ends an owner.
type died struct{}

func (w *world) newOwner(s int) *owner {
	w.started++
	o := &owner{w: w, stream: s, number: w.started}
	o.next, o.stop = iter.Pull(func(yield func(struct{}) bool) {
		defer func() {
			if r := recover(); r != nil && r != any(died{}) {
				panic(r)
			}
		}()
		o.yield = yield
		o.ended = o.run()
		w.count("a run ended: " + o.ended.Error())
		w.log("%s ends: %v", o, o.ended)
	})
	return o
}

// String names the owner.
func (o *owner) String() string {
	return fmt.Sprintf("owner %d (stream %d)", o.number, o.stream)
}

// rest is the end of a step.
func (o *owner) rest() {
	if !o.yield(struct{}{}) {
		panic(died{})
	}
}

func (o *owner) run() error {
	if err := o.take(); err != nil {
		return err
	}
	for {
		if err := o.work(); err != nil {
			return err
		}
	}
}

// ask makes a request in a step of its own. If no answer comes the request may have been lost, or its answer, or it
// is still under way and arrives when nobody waits for it. It is repeated, or given up.
func ask[T any](o *owner, what string, request func() (T, error)) (T, error) {
	w := o.w
	for {
		o.rest()
		if !w.tape.among256(w.profile.lost) {
			answer, err := request()
			w.answered(o, what, answer, err)
			return answer, err
		}
		o.unanswered++
		fate := w.tape.below(3)
		w.log("%s: %s: no answer, %s", o, what, [...]string{"request lost", "answer lost", "request late"}[fate])
		switch fate {
		case 1:
			_, _ = request()
		case 2:
			land := func() { _, _ = request() }
			w.flying = append(w.flying, flight{from: o, what: fmt.Sprintf("%s: %s", o, what), land: land})
		}
		if w.tape.below(3) == 2 {
			var none T
			return none, errUnanswered
		}
	}
}

// answered writes an answer into the trace.
func (w *world) answered(o *owner, what string, answer any, err error) {
	switch _, nothing := answer.(struct{}); {
	case !w.tracing:
	case err != nil:
		w.log("%s: %s: %v", o, what, err)
	case nothing:
		w.log("%s: %s", o, what)
	default:
		w.log("%s: %s: %v", o, what, answer)
	}
}

// tell makes a request that is answered by success or failure alone.
func tell(o *owner, what string, request func() error) error {
	_, err := ask(o, what, func() (struct{}, error) { return struct{}{}, request() })
	return err
}

// coordinate makes a request to a coordinator: if it goes unanswered, it may hit the next transaction.
func (o *owner) coordinate(what string, request func() error) error {
	before := o.unanswered
	err := tell(o, what, request)
	o.late = o.late || o.unanswered > before
	return err
}
