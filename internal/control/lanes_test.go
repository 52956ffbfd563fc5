package control

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// hanging has the command with an id wait for its context, after it has called first.
func hanging(id string, first func(context.Context)) change {
	return change{handle: func(m *member) Handler {
		return func(ctx context.Context, c Command, emit func(Reply) error) error {
			if c.ID != id {
				return m.did(c, emit)
			}
			first(ctx)
			<-ctx.Done()
			return ctx.Err()
		}
	}}
}

func TestLookingWaitsForNobody(t *testing.T) {
	onKafka(t, func(r *rig) {
		r.join("a", hanging("slow", func(context.Context) {}))
		r.whole(10*time.Second, "a")
		s := streamsOf(contoso)[0]
		r.send(s.Key(), `{"id":"slow","command":"stop-subscription"}`)
		for i := range inFlight {
			r.send(s.Key(), fmt.Sprintf(`{"id":"s%d","command":"status","arguments":{"content_type":%q}}`, i, s.ContentType))
		}
		r.send(s.Key(), fmt.Sprintf(`{"id":"dry","command":"checkpoint-reset","arguments":{"content_type":%q,"dry_run":true}}`, s.ContentType))
		r.sendTo(Shard(s, 12), "", `{"id":"other","command":"list-subscriptions"}`)
		for _, id := range []string{"other", "dry"} {
			if got := r.answersTo(id, 1)[0]; got.Outcome != OutcomeDone {
				t.Errorf("%+v", got)
			}
		}
	})
}

// TestAStopIsCalledOff has a stop let others pass while it waits: a start need not wait for what it calls off, and
// comes after it all the same.
func TestAStopIsCalledOff(t *testing.T) {
	onKafka(t, func(r *rig) {
		var mu sync.Mutex
		var order []string
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, what)
		}
		a := r.join("a", change{handle: func(m *member) Handler {
			return func(ctx context.Context, c Command, emit func(Reply) error) error {
				if c.ID != "stop" {
					note(c.ID)
					return m.did(c, emit)
				}
				time.Sleep(300 * time.Millisecond)
				note("stop")
				LetPass(ctx)
				<-ctx.Done()
				return ctx.Err()
			}
		}})
		r.whole(10*time.Second, "a")
		s := streamsOf(contoso)[0]
		first := r.send(s.Key(), `{"id":"stop","command":"stop-subscription"}`)
		r.send(s.Key(), `{"id":"start","command":"start-subscription"}`)
		r.answersTo("start", 1)
		mu.Lock()
		if want := []string{"stop", "start"}; !slices.Equal(order, want) {
			t.Errorf("order %v", order)
		}
		mu.Unlock()
		if at := r.committed(Shard(s, 12)); at > first {
			t.Errorf("offset %d was committed, the stop at %d being under way", at, first)
		}
		a.leave()
		r.join("b", change{})
		// The next owner does both again, and the start to no second effect.
		r.answersTo("stop", 1)
		r.answersTo("start", 2)
		if n := r.effects("start"); n != 1 {
			t.Errorf("started %d times", n)
		}
	})
}

func TestACommandExpiresInItsLane(t *testing.T) {
	onKafka(t, func(r *rig) {
		r.join("a", hanging("slow", func(context.Context) {}))
		r.whole(10*time.Second, "a")
		s := streamsOf(contoso)[0]
		r.send(s.Key(), `{"id":"slow","command":"stop-subscription"}`)
		soon := time.Now().Add(time.Second).UTC().Format(time.RFC3339Nano)
		r.send(s.Key(), `{"id":"late","command":"pause","expires":"`+soon+`"}`)
		r.send(s.Key(), `{"id":"behind","command":"resume"}`)
		if got := r.answersTo("late", 1)[0]; got.Outcome != OutcomeExpired || r.effects("late") != 0 {
			t.Errorf("%+v", got)
		}
		time.Sleep(300 * time.Millisecond)
		if r.effects("behind") != 0 {
			t.Error("who stands behind a command that expired overtook the one before it")
		}
	})
}

func TestLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lanes
		has := func(p *place) bool { return p.wait(t.Context(), time.Now().Add(time.Second)) }
		a, b, c, other, none := l.enter("x"), l.enter("x"), l.enter("x"), l.enter("y"), l.enter("")
		if !has(a) || has(b) || has(c) || !has(other) || !has(none) {
			t.Fatal("only the first of each lane has its turn")
		}
		b.leave()
		if has(c) {
			t.Error("c overtook a")
		}
		a.leave()
		a.leave()
		none.leave()
		d := l.enter("x")
		if !has(c) || has(d) {
			t.Error("c has its turn after a, and d not yet")
		}
		for _, p := range []*place{c, d, other} {
			p.leave()
		}
		if len(l.lines) != 0 {
			t.Errorf("lanes are left behind: %v", l.lines)
		}
	})
}
