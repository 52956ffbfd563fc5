package source

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

var errAway = &audit.Fault{Cause: audit.CauseCheckpoint, Scope: audit.OfStream, Hint: "start it", Err: errors.New("connection refused")}

// absent is a budget that can be away.
type absent struct {
	*LocalBudget

	mu    sync.Mutex
	away  bool
	calls int
	told  []time.Duration
}

func (a *absent) set(away bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.away = away
}

func (a *absent) Take(ctx context.Context, d audit.Demand) (int, time.Duration, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	if a.away {
		return 0, 0, errAway
	}
	return a.LocalBudget.Take(ctx, d)
}

func (a *absent) Throttled(ctx context.Context, tenant string, retryAfter time.Duration) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.away {
		return errAway
	}
	a.told = append(a.told, retryAfter)
	return a.LocalBudget.Throttled(ctx, tenant, retryAfter)
}

func newAbsent(m Meter) (*absent, *throttle) {
	a := &absent{LocalBudget: NewLocalBudget()}
	return a, newThrottle(a, m, audit.Demand{Tenant: "t", PerMinute: 600})
}

func TestShortAbsenceOfTheBudgetIsBorne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &counter{}
		a, th := newAbsent(m)
		a.set(true)
		back := make(chan time.Time, 1)
		time.AfterFunc(10*time.Second, func() { a.set(false); back <- time.Now() })
		var group sync.WaitGroup
		for _, ct := range audit.ContentTypes() {
			group.Go(func() {
				if err := th.wait(t.Context(), audit.Stream{ContentType: ct}, urgent); err != nil {
					t.Error(err)
				}
				a.mu.Lock()
				defer a.mu.Unlock()
				if a.away {
					t.Error("a request was sent without a budget")
				}
			})
		}
		group.Wait()
		if late := time.Since(<-back); late > longestPause {
			t.Errorf("went on after %s", late)
		}
		if a.calls > 25 {
			t.Errorf("the budget was asked %d times", a.calls)
		}
		if m.waited > 0 {
			t.Errorf("%s count as throttled", m.waited)
		}
	})
}

func TestLongAbsenceOfTheBudgetIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, th := newAbsent(&counter{})
		a.set(true)
		start := time.Now()
		var group sync.WaitGroup
		for _, ct := range audit.ContentTypes() {
			group.Go(func() {
				err := th.wait(t.Context(), audit.Stream{ContentType: ct}, download)
				f := audit.AsFault(err, "none")
				if f.Cause != audit.CauseCheckpoint || f.Hint != "start it" || !strings.Contains(err.Error(), "request budget") {
					t.Errorf("cause %s, hint %q: %v", f.Cause, f.Hint, err)
				}
			})
		}
		group.Wait()
		if took := time.Since(start); took < maxAway || took > maxAway+longestPause {
			t.Errorf("told after %s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := th.wait(ctx, audit.Stream{}, urgent)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errAway) {
			t.Errorf("an impatient caller is told %v", err)
		}
		a.set(false)
		if err := th.wait(t.Context(), audit.Stream{}, urgent); err != nil {
			t.Error(err)
		}
	})
}

func TestRefusalIsToldLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, th := newAbsent(&counter{})
		a.set(true)
		for _, d := range []time.Duration{0, 20 * time.Second, time.Second} {
			if th.refused(t.Context(), d) == nil {
				t.Error("no error")
			}
		}
		a.set(false)
		start := time.Now()
		if err := th.wait(t.Context(), audit.Stream{}, urgent); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 20*time.Second || len(a.told) != 1 {
			t.Errorf("took %s, told %v", took, a.told)
		}
	})
}

// hanging is a budget that does not answer.
type hanging struct{ *LocalBudget }

func (hanging) Take(ctx context.Context, _ audit.Demand) (int, time.Duration, error) {
	<-ctx.Done()
	return 0, 0, ctx.Err()
}

func TestARequestDoesNotTellOfAnothersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(hanging{NewLocalBudget()}, &counter{}, audit.Demand{Tenant: "t", PerMinute: 600})
		given, giveUp := context.WithCancel(t.Context())
		slow, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var group sync.WaitGroup
		group.Go(func() { _ = th.wait(given, audit.Stream{}, download) })
		synctest.Wait()
		group.Go(func() { _ = th.wait(slow, audit.Stream{}, download) }) // leads after it
		synctest.Wait()
		giveUp()
		synctest.Wait()
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		err := th.wait(ctx, audit.Stream{}, download)
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			t.Errorf("it says %v", err)
		}
		cancel()
		group.Wait()
	})
}
