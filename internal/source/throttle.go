package source

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
)

const (
	// The pauses between tries to reach the budget.
	firstPause   = 50 * time.Millisecond
	longestPause = time.Second
	// maxAway is how long requests wait for a budget that does not answer until they are told: a restart or a failover
	// takes less, and nobody has to notice.
	maxAway = 15 * time.Second
)

// class is how urgent a request is.
type class int

const (
	urgent     class = iota // a listing, and whatever else is no download
	download                // of a blob
	background              // anything for a back-fill
)

// throttle is the line in which a tenant's requests wait for its budget. One of them asks it for all.
//
// Listings come first, though a waiting download goes between two of them, so that neither waits for ever. Among equals
// it is the turn of the stream that was served longest ago, however many workers it has. The background comes last.
type throttle struct {
	budget Budget
	meter  Meter
	demand audit.Demand // without what waits
	hurry  chan struct{}

	mu      sync.Mutex // guards the following
	waiting []*waiter  // in the order of arrival
	leader  *waiter    // asks the budget; nil if nobody waits
	served  map[audit.ContentType]uint64
	turn    uint64
	listed  bool           // a listing had the last turn
	untold  *time.Duration // what the API asked for in a refusal that the budget does not know of
	away    error          // why the budget did not answer last time; nil if it did
}

// waiter is a request that waits. Its fields are guarded by the throttle.
type waiter struct {
	stream audit.ContentType
	class  class
	wake   chan struct{} // holds one: it leads, or is done
	done   bool          // it may be sent, unless there is an error
	err    error
	held   bool // there was nothing left for it
}

func newThrottle(b Budget, m Meter, d audit.Demand) *throttle {
	d.Asker = rand.Text()
	return &throttle{budget: b, meter: m, demand: d, hurry: make(chan struct{}, 1), served: map[audit.ContentType]uint64{}}
}

// wait returns when a request of the stream may be sent. A fault means that the budget cannot be asked.
func (t *throttle) wait(ctx context.Context, s audit.Stream, c class) error {
	start := time.Now()
	w := t.join(s.ContentType, c)
	select {
	case <-w.wake:
		t.lead(ctx, w)
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !w.done {
		t.settle(w)
		return t.unserved(ctx)
	}
	if w.held && w.err == nil {
		t.meter.Throttled(s, time.Since(start))
	}
	return w.err
}

// unserved is the error of a request whose caller waits no longer.
func (t *throttle) unserved(ctx context.Context) error {
	if t.away != nil {
		return fmt.Errorf("wait for the request budget: %w: %w", ctx.Err(), t.away)
	}
	return fmt.Errorf("wait for the request budget: %w", ctx.Err())
}

func (t *throttle) join(s audit.ContentType, c class) *waiter {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := &waiter{stream: s, class: c, wake: make(chan struct{}, 1)}
	t.waiting = append(t.waiting, w)
	if t.leader == nil {
		t.leader = w
		notify(w.wake)
	}
	if c != background {
		notify(t.hurry)
	}
	return w
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// settle takes a request out of the line; another one leads if this one did.
func (t *throttle) settle(w *waiter) {
	t.waiting = slices.DeleteFunc(t.waiting, func(other *waiter) bool { return other == w })
	notify(w.wake)
	if t.leader != w {
		return
	}
	t.leader = nil
	if len(t.waiting) > 0 {
		t.leader = t.waiting[0]
		notify(t.leader.wake)
	}
}

// lead asks the budget until w, which must lead for it, is done or the context ends.
func (t *throttle) lead(ctx context.Context, w *waiter) {
	var lost time.Time // when the budget ceased to answer
	for pause := firstPause; ctx.Err() == nil; {
		d, leads := t.ask(w)
		if !leads {
			return
		}
		granted, wait, err := t.take(ctx, d)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			lost, pause = time.Time{}, firstPause
			if t.serve(granted) {
				continue
			}
		case lost.IsZero():
			lost, wait = time.Now(), pause
		case time.Since(lost) >= maxAway:
			t.fail(err)
			return
		default:
			pause = min(2*pause, longestPause)
			wait = pause
		}
		t.sleep(ctx, wait, d.Background)
	}
}

// ask says what to ask for: for the background only while nothing else waits.
func (t *throttle) ask(w *waiter) (audit.Demand, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.leader != w {
		return audit.Demand{}, false
	}
	select {
	case <-t.hurry: // whoever hurries is counted here
	default:
	}
	d := t.demand
	d.Background = !slices.ContainsFunc(t.waiting, func(o *waiter) bool { return o.class != background })
	streams := map[audit.ContentType]bool{}
	for _, o := range t.waiting {
		if d.Background == (o.class == background) {
			d.Requests++
			streams[o.stream] = true
		}
	}
	d.Streams = len(streams)
	return d, true
}

// take asks the budget, after it was told what it does not know yet.
func (t *throttle) take(ctx context.Context, d audit.Demand) (granted int, wait time.Duration, err error) {
	t.mu.Lock()
	untold := t.untold
	t.untold = nil
	t.mu.Unlock()
	if untold != nil {
		err = t.refused(ctx, *untold)
	}
	if err == nil {
		granted, wait, err = t.budget.Take(ctx, d)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if ctx.Err() == nil { // else it may say no more than that this request was given up
		t.away = err
	}
	return granted, wait, err
}

// refused tells the budget that the API refused a request for its quota. If that fails, the budget is told before it
// grants anything here.
func (t *throttle) refused(ctx context.Context, retryAfter time.Duration) error {
	err := t.budget.Throttled(ctx, t.demand.Tenant, retryAfter)
	if err == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.untold != nil {
		retryAfter = max(retryAfter, *t.untold)
	}
	t.untold = &retryAfter
	return err
}

// serve lets so many requests go; false means that none could and all are held back.
func (t *throttle) serve(granted int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for range min(granted, len(t.waiting)) {
		w := t.next()
		t.turn++
		t.served[w.stream], t.listed = t.turn, w.class == urgent
		w.done = true
		t.settle(w)
	}
	if granted > 0 {
		return true
	}
	for _, w := range t.waiting {
		w.held = true
	}
	return false
}

// next returns the request whose turn it is.
func (t *throttle) next() *waiter {
	urgency := func(w *waiter) int {
		if t.listed && w.class == download {
			return -1
		}
		return int(w.class)
	}
	first := t.waiting[0]
	for _, w := range t.waiting[1:] {
		a, b := urgency(w), urgency(first)
		if a < b || a == b && t.served[w.stream] < t.served[first.stream] {
			first = w
		}
	}
	return first
}

// fail tells all that wait.
func (t *throttle) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := *audit.AsFault(err, audit.CauseCheckpoint)
	f.Err = fmt.Errorf("wait for the request budget: %w", err)
	for _, w := range slices.Clone(t.waiting) {
		w.done, w.err = true, &f
		t.settle(w)
	}
}

// sleep waits for d; for the background only until something else wants to go.
func (t *throttle) sleep(ctx context.Context, d time.Duration, yield bool) {
	var hurry chan struct{}
	if yield {
		hurry = t.hurry
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-hurry:
	case <-ctx.Done():
	}
}
