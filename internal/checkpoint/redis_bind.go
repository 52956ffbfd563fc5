package checkpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Bind remembers the deployment under the key prefix.
func (r *redisStore) Bind(ctx context.Context, d Deployment) error {
	wanted, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("bind checkpoint: %w", err)
	}
	var stored string
	err = r.do(ctx, "bind checkpoint", func(ctx context.Context) (err error) {
		stored, err = bindScript.Run(ctx, r.client, []string{r.deploymentKey()}, wanted).Text()
		return err
	})
	if err != nil {
		return err
	}
	return r.compare(stored, d)
}

// Bound looks whom the key prefix belongs to.
func (r *redisStore) Bound(ctx context.Context, d Deployment) (bool, error) {
	var stored string
	err := r.do(ctx, "read deployment", func(ctx context.Context) (err error) {
		stored, err = r.client.Get(ctx, r.deploymentKey()).Result()
		if errors.Is(err, redis.Nil) {
			return nil
		}
		return err
	})
	if err != nil || stored == "" {
		return false, err
	}
	return true, r.compare(stored, d)
}

func (r *redisStore) deploymentKey() string { return r.config.KeyPrefix + "deployment" }

// compare refuses a deployment that is not the stored one.
func (r *redisStore) compare(stored string, d Deployment) error {
	var bound Deployment
	if err := json.Unmarshal([]byte(stored), &bound); err != nil {
		return fault(fmt.Errorf("bind checkpoint: key %s: %w", r.deploymentKey(), err),
			"another program uses keys of this name: set another checkpoint.key_prefix")
	}
	if bound == d {
		return nil
	}
	return &BoundError{Bound: bound, Wanted: d, Fix: r.rebind()}
}

// rebind names the ways out, with the command that deletes the keys.
func (r *redisStore) rebind() string {
	where := ""
	if r.config.Redis.Cluster {
		where = " (on each master of the cluster)"
	}
	return fmt.Sprintf("set another checkpoint.key_prefix, or forget what was delivered: stop all instances and run "+
		"redis-cli --scan --pattern '%s*' | xargs -r -d '\\n' -n 1 redis-cli unlink%s", r.config.KeyPrefix, where)
}
