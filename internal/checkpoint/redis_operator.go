package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"o365-kafka-connector/internal/audit"
)

// Peek asks on behalf of nobody.
func (r *redisStore) Peek(ctx context.Context, s audit.Stream) (audit.Checkpoint, bool, error) {
	h := &redisHandle{store: r, stream: s, keys: r.keys(s)}
	c, ok, err := h.load(ctx)
	return c, ok, h.wrap("read checkpoint", err)
}

// Wish reads the stream's key desired.
func (r *redisStore) Wish(ctx context.Context, s audit.Stream) (audit.Wish, error) {
	w, err := readWish(r.wishes(ctx, s))
	if err != nil {
		return audit.Wish{}, fmt.Errorf("read wish for %s: %w", s, err)
	}
	return w, nil
}

// ChangeWish compares and sets the stream's key desired.
func (r *redisStore) ChangeWish(ctx context.Context, s audit.Stream, change func(*audit.Wish)) error {
	if err := changeWish(r.wishes(ctx, s), change); err != nil {
		return fmt.Errorf("change wish for %s: %w", s, err)
	}
	return nil
}

func (r *redisStore) wishes(ctx context.Context, s audit.Stream) wishes {
	key := r.key(s, "desired")
	return wishes{
		read: func() (string, error) { return r.get(ctx, key) },
		swap: func(old, next string) error {
			var answer string
			err := r.do(ctx, "ask redis", func(ctx context.Context) (err error) {
				answer, err = wishScript.Run(ctx, r.client, []string{key}, old, next).Text()
				return err
			})
			if err == nil && answer != "OK" {
				return errChanged
			}
			return err
		},
	}
}

// get returns the value of a key, empty if there is none.
func (r *redisStore) get(ctx context.Context, key string) (string, error) {
	var value string
	err := r.do(ctx, "ask redis", func(ctx context.Context) (err error) {
		value, err = r.client.Get(ctx, key).Result()
		if errors.Is(err, redis.Nil) {
			return nil
		}
		return err
	})
	return value, err
}

// PutStatus stores the line; a time of 0 or less takes it away.
func (r *redisStore) PutStatus(ctx context.Context, s audit.Stream, status audit.StreamStatus, ttl time.Duration) error {
	text, err := encodeStatus(status)
	if err != nil {
		return err
	}
	return r.do(ctx, "store status of "+s.String(), func(ctx context.Context) error {
		if ttl <= 0 {
			return r.client.Unlink(ctx, r.key(s, "status")).Err()
		}
		return r.client.Set(ctx, r.key(s, "status"), text, max(ttl, time.Millisecond)).Err()
	})
}

// Statuses reads all lines in one go, and the checkpoints of streams without one.
func (r *redisStore) Statuses(ctx context.Context, streams []audit.Stream) ([]audit.StreamStatus, error) {
	lines, err := r.statusLines(ctx, streams)
	if err != nil {
		return nil, err
	}
	return statuses(streams, func(i int) (audit.StreamStatus, error) {
		if lines[i] != "" {
			return decodeStatus([]byte(lines[i]), streams[i])
		}
		return peekStatus(ctx, r, streams[i])
	})
}

func (r *redisStore) statusLines(ctx context.Context, streams []audit.Stream) ([]string, error) {
	lines := make([]string, len(streams))
	if len(streams) == 0 {
		return lines, nil
	}
	err := r.do(ctx, "read status", func(ctx context.Context) error {
		answers := make([]*redis.StringCmd, len(streams))
		_, _ = r.client.Pipelined(ctx, func(p redis.Pipeliner) error { // each answer tells its own error
			for i, s := range streams {
				answers[i] = p.Get(ctx, r.key(s, "status"))
			}
			return nil
		})
		for i, a := range answers {
			line, err := a.Result()
			if err != nil && !errors.Is(err, redis.Nil) {
				return err
			}
			lines[i] = line
		}
		return nil
	})
	return lines, err
}
