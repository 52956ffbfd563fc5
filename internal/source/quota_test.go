package source

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"o365-kafka-connector/internal/audit"
)

// TestServiceThatGrantsLess has two lines of requests share a budget, with a service that grants half or a quarter of
// what is configured: most of that is used, and few requests are refused.
func TestServiceThatGrantsLess(t *testing.T) {
	const configured, minutes = 1200, 60
	for _, granted := range []int{configured / 2, configured / 4} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), minutes*time.Minute)
			defer cancel()
			service := rate.NewLimiter(rate.Limit(granted)/60, granted)
			service.AllowN(time.Now(), granted)
			budget := NewLocalBudget()
			var mu sync.Mutex
			sent, refused := 0, 0
			var group sync.WaitGroup
			for range 2 {
				th := newThrottle(budget, &counter{}, audit.Demand{Tenant: "t", PerMinute: configured})
				for _, ct := range audit.ContentTypes() {
					group.Go(func() {
						for th.wait(ctx, audit.Stream{ContentType: ct}, download) == nil {
							ok := service.Allow()
							mu.Lock()
							if ok {
								sent++
							} else {
								refused++
							}
							mu.Unlock()
							if !ok {
								_ = th.refused(ctx, 0)
							}
						}
					})
				}
			}
			group.Wait()
			t.Logf("granted %d a minute: %d sent, %d refused in %d minutes", granted, sent, refused, minutes)
			if sent < granted*minutes*7/10 || refused > sent/100 {
				t.Errorf("granted %d a minute: %d sent, %d refused in %d minutes", granted, sent, refused, minutes)
			}
		})
	}
}
