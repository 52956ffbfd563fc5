package pipeline

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

func streamOf(tenant string, ct audit.ContentType) audit.Stream {
	return audit.Stream{Tenant: audit.Tenant{ID: tenant, Name: tenant}, ContentType: ct}
}

func TestBudgetIsNeverExceededAndNeverStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const total = 1000
		b := NewBudget(total)
		var mu sync.Mutex
		held, most := int64(0), int64(0)
		var wg sync.WaitGroup
		for i := range 40 {
			s := streamOf(string(rune('a'+i%3)), audit.ContentTypes()[i%5])
			rnd := rand.New(rand.NewPCG(uint64(i), 1))
			wg.Go(func() {
				for range 100 {
					r, err := b.Reserve(t.Context(), s, 1+rnd.Int64N(3*total))
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					held += r.Bytes()
					most = max(most, held)
					held -= r.Bytes()
					mine := r.Bytes()
					held += mine
					mu.Unlock()
					time.Sleep(time.Duration(rnd.IntN(50)) * time.Millisecond)
					mu.Lock()
					held -= mine
					mu.Unlock()
					r.Shrink(mine / 2)
					r.Release()
				}
			})
		}
		wg.Wait()
		if most > total || b.free != total {
			t.Errorf("held %d of %d at most, %d free in the end", most, total, b.free)
		}
	})
}

func TestSlowStreamLeavesBudgetToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(1000)
		slow, other := streamOf("a", audit.Exchange), streamOf("b", audit.Exchange)
		b.Join(slow)
		b.Join(streamOf("a", audit.General))
		b.Join(other)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if r, err := b.Reserve(ctx, slow, 100); err == nil {
					<-ctx.Done()
					r.Release()
				}
			})
		}
		synctest.Wait()
		for range 100 {
			short, stop := context.WithTimeout(ctx, time.Second)
			r, err := b.Reserve(short, other, 400)
			stop()
			if err != nil {
				t.Fatal("the other tenant gets nothing:", err)
			}
			r.Release()
		}
		cancel()
		wg.Wait()
	})
}

func TestReserveGivesUpWithItsContext(t *testing.T) {
	b := NewBudget(10)
	s := streamOf("a", audit.Exchange)
	r, err := b.Reserve(t.Context(), s, 10)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := b.Reserve(ctx, s, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	r.Release()
	r.Release()
	if b.free != 10 {
		t.Errorf("%d of 10 free", b.free)
	}
}

func TestSpoolIsBoundedAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := NewSpool(dir, 100)
	f, err := s.File()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(make([]byte, 60)); err != nil {
		t.Fatal(err)
	}
	g, err := s.File()
	if err != nil {
		t.Fatal(err)
	}
	_, err = g.Write(make([]byte, 60))
	if fault, ok := errors.AsType[*audit.Fault](err); !ok || fault.Cause != audit.CauseSpool || fault.Scope != audit.OfStream {
		t.Errorf("two files above the bound: %v", err)
	}
	_, err = f.Write(make([]byte, 60)) // no waiting would make room for it
	if fault, ok := errors.AsType[*audit.Fault](err); !ok || fault.Cause != audit.CauseSpool || fault.Scope != audit.OfBlob {
		t.Errorf("one file above the bound: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Write(make([]byte, 60)); err != nil {
		t.Errorf("room came back, but: %v", err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
}
