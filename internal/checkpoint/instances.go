package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// memberAge is how long an instance's membership is remembered: a broker has long forgotten it by then.
const memberAge = 24 * time.Hour

// Instances is what the instances of one consumer group have to know of each other and of their former lives. Calls may
// be repeated and concurrent.
type Instances interface {
	// RememberMember notes for a day under which member id an instance has joined the group.
	RememberMember(ctx context.Context, group, instance, memberID string) error
	// RecallMember returns the member id that was noted last, empty if none was within a day.
	RecallMember(ctx context.Context, group, instance string) (string, error)
	// BindPartitions stores the number of the control topic's partitions if none is stored for the group, and returns
	// the stored one: the caller's or another.
	BindPartitions(ctx context.Context, group string, n int) (stored int, err error)
}

// RememberMember sets a key that expires.
func (r *redisStore) RememberMember(ctx context.Context, group, instance, memberID string) error {
	return r.do(ctx, "remember group member", func(ctx context.Context) error {
		return r.client.Set(ctx, r.memberKey(group, instance), memberID, memberAge).Err()
	})
}

// RecallMember reads the key.
func (r *redisStore) RecallMember(ctx context.Context, group, instance string) (string, error) {
	id, err := r.get(ctx, r.memberKey(group, instance))
	if err != nil {
		return "", fmt.Errorf("recall group member: %w", err)
	}
	return id, nil
}

func (r *redisStore) memberKey(group, instance string) string {
	return r.groupKey(group) + ":member:" + url.QueryEscape(instance)
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
