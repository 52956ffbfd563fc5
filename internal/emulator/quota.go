package emulator

import (
	"sync"
	"time"
)

// quotas are token buckets, one for each tenant and publisher; requests that name no publisher share one.
type quotas struct {
	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

func newQuotas() *quotas { return &quotas{buckets: map[string]*bucket{}} }

// take uses up one request of so many per minute; it answers false if there is none left.
func (q *quotas) take(tenant, publisher string, perMinute int, now time.Time) bool {
	key := tenant + "/" + publisher
	if publisher == nobody {
		key = nobody
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.buckets[key]
	if b == nil {
		b = &bucket{tokens: float64(perMinute), at: now}
		q.buckets[key] = b
	}
	b.tokens = min(float64(perMinute), b.tokens+now.Sub(b.at).Minutes()*float64(perMinute))
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
