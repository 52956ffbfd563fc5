package checkpoint

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"o365-kafka-connector/internal/audit"
)

//go:embed lua/budget.lua
var budgetPrelude string

//go:embed lua/take.lua
var takeSource string

//go:embed lua/throttled.lua
var throttledSource string

var (
	takeScript      = redis.NewScript(budgetPrelude + takeSource)
	throttledScript = redis.NewScript(budgetPrelude + throttledSource)
)

// Budget is the request budget that all instances with the same Redis and key prefix share: each tenant has one, and
// Redis's clock is the only one that counts. Calls may be concurrent.
//
// It is a GCRA (generic cell rate algorithm, https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm) at 95 % of the
// quota with a burst of one second, so that no minute sees more than 96.6 % of the quota. Whoever is refused gets a
// ticket, and tickets are served in the order of their numbers: an instance with a long way to Redis, or with few
// streams, gets its due.
type Budget struct{ store *redisStore }

// SharedBudget returns the store's request budget; false if the store is for one instance only and has none.
func SharedBudget(s Store) (*Budget, bool) {
	store, ok := s.(*redisStore)
	if !ok {
		return nil, false
	}
	return &Budget{store: store}, true
}

// Take grants up to d.Requests requests, which the caller should send at once, or none; then it has to ask again after
// the returned time, and loses its turn if it comes a second later than that.
func (b *Budget) Take(ctx context.Context, d audit.Demand) (granted int, wait time.Duration, err error) {
	if d.Tenant == "" || d.Asker == "" || d.PerMinute <= 0 || d.Streams <= 0 || d.Requests <= 0 {
		return 0, 0, fmt.Errorf("take from request budget: demand %+v makes no sense", d)
	}
	background := 0
	if d.Background {
		background = 1
	}
	var answer []int64
	err = b.store.do(ctx, "take from request budget", func(ctx context.Context) (err error) {
		answer, err = takeScript.Run(ctx, b.store.client, b.keys(d.Tenant),
			d.PerMinute, d.Asker, background, d.Streams, d.Requests).Int64Slice()
		if err == nil && len(answer) != 2 {
			err = errors.New("unknown answer of a script")
		}
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	return int(answer[0]), time.Duration(answer[1]) * time.Microsecond, nil
}

// Throttled tells that the API refused a request of the tenant for its quota, and how long it asked for silence, 0 if
// it did not; more than an hour counts as one. It halves the pace for all instances, at most once in 30 seconds and not
// below a sixteenth. A minute after the last refusal, or after the silence, the pace grows again, by 5 % of the full
// one each minute:
//
//	pace(t) = 0.95 × quota × min(1, factor + 0.05 × max(0, t − last − 1))    t and last in minutes
func (b *Budget) Throttled(ctx context.Context, tenant string, retryAfter time.Duration) error {
	return b.store.do(ctx, "slow request budget down", func(ctx context.Context) error {
		return throttledScript.Run(ctx, b.store.client, b.keys(tenant), max(0, retryAfter.Microseconds())).Err()
	})
}

// keys names the tenant's one key; what stands in braces decides on which node of a cluster it is.
func (b *Budget) keys(tenant string) []string {
	return []string{b.store.config.KeyPrefix + "{" + tenant + "}:budget"}
}
