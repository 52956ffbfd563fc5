package checkpoint

import (
	"context"
	_ "embed"
	"errors"

	"github.com/redis/go-redis/v9"

	"o365-kafka-connector/internal/audit"
)

//go:embed lua/swap.lua
var swapSource string

var swapScript = redis.NewScript(swapSource)

// Document reads the document's key.
func (r *redisStore) Document(ctx context.Context, tenant, kind string) ([]byte, error) {
	if err := checkDocument(tenant, kind); err != nil {
		return nil, err
	}
	var stored []byte
	err := r.do(ctx, "read "+kind, func(ctx context.Context) (err error) {
		stored, err = r.client.Get(ctx, r.documentKey(tenant, kind)).Bytes()
		if errors.Is(err, redis.Nil) {
			return nil
		}
		return err
	})
	return stored, err
}

// SwapDocument compares and sets in one script on the master.
func (r *redisStore) SwapDocument(ctx context.Context, s audit.DocumentSwap) (bool, error) {
	if err := checkSwap(s); err != nil {
		return false, err
	}
	swapped := 0
	err := r.do(ctx, "change "+s.Kind, func(ctx context.Context) (err error) {
		swapped, err = swapScript.Run(ctx, r.client, []string{r.documentKey(s.Tenant, s.Kind)},
			s.Old, s.New, s.Keep.Milliseconds()).Int()
		return err
	})
	return swapped == 1, err
}

// documentKey puts a tenant's documents on one node of a cluster, together with its budget.
func (r *redisStore) documentKey(tenant, kind string) string {
	return r.config.KeyPrefix + "{" + tenant + "}:" + kind
}
