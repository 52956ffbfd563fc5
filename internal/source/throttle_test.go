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
func spend(ctx context.Context, th *throttle, ct audit.ContentType, c class, workers int) func() int {
	var group sync.WaitGroup
	var mu sync.Mutex
	n := 0
	for range workers {
		group.Go(func() {
			for th.wait(ctx, audit.Stream{ContentType: ct}, c) == nil {
				mu.Lock()
				n++
				mu.Unlock()
			}
		})
	}
	return func() int { group.Wait(); return n }
}

// throttled is a throttle with a budget of its own.
func throttled(perMinute int, m Meter) *throttle {
	return newThrottle(NewLocalBudget(), m, audit.Demand{Tenant: "t", PerMinute: perMinute})
}

func TestBudgetIsKeptAndShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &counter{}
		th := throttled(600, m) // 9.5 a second
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		many, few := spend(ctx, th, audit.Exchange, download, 50), spend(ctx, th, audit.DLP, download, 1)
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
		th := throttled(600, m)
		start := time.Now()
		for range 9 {
			if err := th.wait(t.Context(), audit.Stream{}, urgent); err != nil {
				t.Fatal(err)
			}
		}
		if time.Since(start) > 0 || m.waited > 0 {
			t.Errorf("a burst of one second took %s, waited %s", time.Since(start), m.waited)
		}
	})
}

// TestListingsComeFirst has downloads of one stream queue up: a listing of another goes at once, and a flood of
// listings leaves every other turn to the downloads.
func TestListingsComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := throttled(600, &counter{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		downloads := spend(ctx, th, audit.Exchange, download, 50)
		time.Sleep(10 * time.Second)
		start := time.Now()
		if err := th.wait(ctx, audit.Stream{ContentType: audit.DLP}, urgent); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 250*time.Millisecond {
			t.Errorf("a listing waited %s", took)
		}
		listings := spend(ctx, th, audit.DLP, urgent, 20)
		listed := listings()
		if fetched := downloads(); fetched < listed || listed < 200 {
			t.Errorf("%d listings, %d downloads", listed, fetched)
		}
	})
}

// TestBackgroundGetsHalfOfWhatIsFree has others take none, half and all of the budget.
func TestBackgroundGetsHalfOfWhatIsFree(t *testing.T) {
	for name, c := range map[string]struct {
		every    time.Duration
		min, max int
	}{
		"nothing": {time.Hour, 280, 300}, // of 570 a minute
		"half":    {210 * time.Millisecond, 135, 155},
		"all":     {time.Millisecond, 0, 25},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				th := throttled(600, &counter{})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				behind := spend(ctx, th, audit.Exchange, background, 10)
				others := 0
				for th.wait(ctx, audit.Stream{ContentType: audit.DLP}, download) == nil {
					others++
					timer := time.NewTimer(c.every)
					select {
					case <-timer.C:
					case <-ctx.Done():
					}
				}
				if n := behind(); n < c.min || n > c.max {
					t.Errorf("%d requests in the background beside %d others, want %d to %d", n, others, c.min, c.max)
				}
			})
		})
	}
}

func TestOthersGoBeforeTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := throttled(6, &counter{}) // one each 10 s, 21 s in the background
		ctx, cancel := context.WithCancel(t.Context())
		behind := spend(ctx, th, audit.Exchange, background, 5)
		time.Sleep(15 * time.Second)
		start := time.Now()
		if err := th.wait(ctx, audit.Stream{}, urgent); err != nil || time.Since(start) > 0 {
			t.Errorf("it took %s: %v", time.Since(start), err)
		}
		cancel()
		behind()
	})
}

func TestRefusalHalvesThePaceWhichThenGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := throttled(600, &counter{})
		for range 10 { // all were under way
			if err := th.refused(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
		}
		for minute, want := range []int{285, 299, 328, 356, 384, 413, 441, 470, 498, 527, 555, 570, 570} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if got := spend(ctx, th, audit.Exchange, download, 4)(); got < want-10 || got > want+10 {
				t.Errorf("minute %d: %d requests, want %d", minute, got, want)
			}
			cancel()
		}
	})
}

func TestRefusalsThatLastLeaveASixteenth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := throttled(6000, &counter{})
		for i := range 20 {
			_ = th.refused(t.Context(), 0)
			time.Sleep(halveAfter)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			want := max(59, 950>>(i+1))
			if got := spend(ctx, th, audit.Exchange, download, 4)(); got < want-5 || got > want*11/10+6 {
				t.Errorf("refusal %d: %d requests in 10 s, want %d", i, got, want)
			}
			cancel()
		}
	})
}

func TestRetryAfterHoldsTheWholeTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := throttled(600, &counter{})
		_ = th.refused(t.Context(), 90*time.Second)
		start := time.Now()
		for _, ct := range audit.ContentTypes() {
			if err := th.wait(t.Context(), audit.Stream{ContentType: ct}, urgent); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took < 90*time.Second || took > 95*time.Second {
			t.Errorf("took %s", took)
		}
		_ = th.refused(t.Context(), 1000*time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		if err := th.wait(ctx, audit.Stream{}, urgent); err != nil {
			t.Errorf("the tenant is held for more than an hour: %v", err)
		}
	})
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := throttled(1, &counter{})
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_ = th.wait(ctx, audit.Stream{}, urgent)
			cancel()
		}
		_ = th.refused(t.Context(), time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Minute, cancel)
		if err := th.wait(ctx, audit.Stream{}, urgent); err == nil {
			t.Error("no error")
		}
	})
}

// TestLeaderMayLeave ends the context of the request that asks the budget for all.
func TestLeaderMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := throttled(6, &counter{})
		if err := th.wait(t.Context(), audit.Stream{}, urgent); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		leader := spend(ctx, th, audit.Exchange, download, 1)
		synctest.Wait()
		other := make(chan error, 1)
		go func() { other <- th.wait(t.Context(), audit.Stream{}, download) }()
		synctest.Wait()
		cancel()
		leader()
		if err := <-other; err != nil {
			t.Error(err)
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
