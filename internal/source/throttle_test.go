package source

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

type counter struct {
	mu     sync.Mutex
	waited time.Duration
}

func (c *counter) Request(audit.Stream, string, string, time.Duration) {}

func (c *counter) Throttled(_ audit.Stream, waited time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waited += waited
}

// spend lets workers of a stream send for some time and returns how often they could.
func spend(ctx context.Context, b *budget, ct audit.ContentType, workers int) func() int {
	var group sync.WaitGroup
	var mu sync.Mutex
	n := 0
	for range workers {
		group.Go(func() {
			for b.wait(ctx, audit.Stream{ContentType: ct}) == nil {
				mu.Lock()
				n++
				mu.Unlock()
			}
		})
	}
	return func() int { group.Wait(); return n }
}

func TestBudgetIsKeptAndShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &counter{}
		b := newBudget(600, m) // 9.5 a second
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		many, few := spend(ctx, b, audit.Exchange, 50), spend(ctx, b, audit.DLP, 1)
		busy, quiet := many(), few()
		if total := busy + quiet; total < 565 || total > 580 {
			t.Errorf("%d requests in a minute, want 570 and a burst of 9", total)
		}
		if quiet < busy*9/10 {
			t.Errorf("the stream with one worker got %d requests, the one with 50 got %d", quiet, busy)
		}
		if m.waited == 0 {
			t.Error("no waiting was reported")
		}
	})
}

func TestBudgetDoesNotHoldBackASlowStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &counter{}
		b := newBudget(600, m)
		start := time.Now()
		for range 9 {
			if err := b.wait(t.Context(), audit.Stream{}); err != nil {
				t.Fatal(err)
			}
		}
		if time.Since(start) > 0 || m.waited > 0 {
			t.Errorf("a burst of one second took %s, waited %s", time.Since(start), m.waited)
		}
	})
}

func TestRefusalHalvesTheRateForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(600, &counter{})
		b.refused(0)
		for minute, want := range []int{285, 570} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if got := spend(ctx, b, audit.Exchange, 4)(); got < want-10 || got > want+15 {
				t.Errorf("minute %d: %d requests, want %d", minute, got, want)
			}
			cancel()
		}
	})
}

func TestRetryAfterHoldsTheWholeTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(600, &counter{})
		b.refused(90 * time.Second)
		start := time.Now()
		for _, ct := range audit.ContentTypes() {
			if err := b.wait(t.Context(), audit.Stream{ContentType: ct}); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took < 90*time.Second || took > 95*time.Second {
			t.Errorf("took %s", took)
		}
		b.refused(1000 * time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		if err := b.wait(ctx, audit.Stream{}); err != nil {
			t.Errorf("the tenant is held for more than an hour: %v", err)
		}
	})
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(1, &counter{})
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_ = b.wait(ctx, audit.Stream{})
			cancel()
		}
		b.refused(time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Minute, cancel)
		if err := b.wait(ctx, audit.Stream{}); err == nil {
			t.Error("no error")
		}
	})
}

func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatience(15 * time.Second)
		var got []time.Duration
		more := true
		for more {
			d := p.deadline(audit.Exchange)
			got = append(got, d)
			more = p.longer(audit.Exchange, d)
		}
		want := []time.Duration{15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute}
		for i := range want {
			if len(got) != len(want) || got[i] != want[i] {
				t.Fatalf("deadlines %v, want %v", got, want)
			}
		}
		if d := p.deadline(audit.DLP); d != 15*time.Second {
			t.Errorf("another stream's deadline is %s", d)
		}
		time.Sleep(59 * time.Minute)
		if d := p.deadline(audit.Exchange); d != 2*time.Minute {
			t.Errorf("after 59 minutes the deadline is %s", d)
		}
		time.Sleep(2 * time.Minute)
		if d := p.deadline(audit.Exchange); d != 15*time.Second {
			t.Errorf("after an hour the deadline is %s", d)
		}
		long := newPatience(10 * time.Minute)
		if long.longer(audit.Exchange, 10*time.Minute) || long.deadline(audit.Exchange) != 10*time.Minute {
			t.Error("a configured deadline above the longest is not kept")
		}
	})
}
