package checkpoint

import (
	"context"
	"encoding/json"
	"fmt"
)

// Bind remembers the deployment under the key prefix.
func (r *redisStore) Bind(ctx context.Context, d Deployment) error {
	wanted, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("bind checkpoint: %w", err)
	}
	key := r.config.KeyPrefix + "deployment"
	var stored string
	err = r.do(ctx, "bind checkpoint", func(ctx context.Context) (err error) {
		stored, err = bindScript.Run(ctx, r.client, []string{key}, wanted).Text()
		return err
	})
	if err != nil {
		return err
	}
	var bound Deployment
	if err := json.Unmarshal([]byte(stored), &bound); err != nil {
		return fault(fmt.Errorf("bind checkpoint: key %s: %w", key, err),
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
