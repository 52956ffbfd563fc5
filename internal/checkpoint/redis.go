package checkpoint

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"o365-kafka-connector/internal/audit"
)

// The time-outs of one try; callTimeout bounds a call with all its tries.
const (
	dialTimeout = 2 * time.Second
	readTimeout = 2 * time.Second
	maxRetries  = 2
)

// redisStore is the Store in Redis.
type redisStore struct {
	client redis.UniversalClient
	config Config
}

var quietOnce sync.Once

func openRedis(c Config) (*redisStore, error) {
	options, err := clientOptions(c.Redis)
	if err != nil {
		return nil, err
	}
	quietOnce.Do(func() { redis.SetLogger(debugLogger{}) })
	return &redisStore{client: redis.NewUniversalClient(options), config: c}, nil
}

// debugLogger keeps the client library from writing to standard error: what matters comes back as an error.
type debugLogger struct{}

func (debugLogger) Printf(ctx context.Context, format string, v ...any) {
	slog.DebugContext(ctx, "redis client", "message", fmt.Sprintf(format, v...))
}

// Acquire raises the stream's epoch.
func (r *redisStore) Acquire(ctx context.Context, s audit.Stream) (Handle, error) {
	h := &redisHandle{store: r, stream: s, keys: r.keys(s)}
	answer, err := h.run(ctx, acquireScript, newToken())
	if err != nil {
		return nil, h.wrap("acquire checkpoint", err)
	}
	epoch, err := strconv.ParseInt(text(answer, 0), 10, 64)
	if err != nil {
		return nil, h.wrap("acquire checkpoint", err)
	}
	h.epoch.Store(epoch)
	return h, nil
}

// keys names the stream's keys that carry its N. What stands in braces puts them on one node of a cluster.
func (r *redisStore) keys(s audit.Stream) []string {
	var keys []string
	for _, part := range []string{"state", "ledger", "pending", "gaps", "obeyed"} {
		keys = append(keys, r.key(s, part))
	}
	return keys
}

func (r *redisStore) key(s audit.Stream, part string) string {
	return r.config.KeyPrefix + "{" + s.Key() + "}:" + part
}

// Ping reports whether Redis answers and lets us in.
func (r *redisStore) Ping(ctx context.Context) error {
	return r.do(ctx, "ping redis", func(ctx context.Context) error { return r.client.Ping(ctx).Err() })
}

// Close gives the connections back.
func (r *redisStore) Close() error { return r.client.Close() }

// do bounds a call in time and says what an error means.
func (r *redisStore) do(ctx context.Context, what string, call func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := call(bounded)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, context.Cause(ctx))
	}
	return redisFault(what, err)
}
