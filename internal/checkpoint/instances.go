package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
)

// Instances is what the instances of one consumer group have to agree on. Calls may
// be repeated and concurrent.
type Instances interface {
	// BindPartitions stores the number of the control topic's partitions if none is stored for the group, and returns
	// the stored one: the caller's or another.
	BindPartitions(ctx context.Context, group string, n int) (stored int, err error)
}

// groupKey escapes names, so that no two of them make the same key and none holds a hash tag.
func (r *redisStore) groupKey(group string) string {
	return r.config.KeyPrefix + "group:" + url.QueryEscape(group)
}

// BindPartitions sets a key that stays.
func (r *redisStore) BindPartitions(ctx context.Context, group string, n int) (int, error) {
	if err := checkPartitions(n); err != nil {
		return 0, err
	}
	var value string
	err := r.do(ctx, "bind control partitions", func(ctx context.Context) (err error) {
		value, err = bindScript.Run(ctx, r.client, []string{r.groupKey(group) + ":partitions"}, n).Text()
		return err
	})
	if err != nil {
		return 0, err
	}
	return parsePartitions(value, "another program uses keys of this name: set another checkpoint.key_prefix")
}

func checkPartitions(n int) error {
	if n <= 0 {
		return fmt.Errorf("bind control partitions: %d is no number of partitions", n)
	}
	return nil
}

func parsePartitions(text, hint string) (int, error) {
	n, err := strconv.Atoi(text)
	if err == nil && n <= 0 {
		err = errors.New("it is not positive")
	}
	if err != nil {
		return 0, fault(fmt.Errorf("bind control partitions: %q is stored: %w", text, err), hint)
	}
	return n, nil
}
