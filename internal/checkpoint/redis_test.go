package checkpoint

import (
	"context"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/testbed"
)

func redisConfig(addresses ...string) Config {
	var c Config
	c.SetDefaults()
	c.Redis.Addresses = addresses
	return c
}

func openStore(t *testing.T, c Config) Store {
	t.Helper()
	store, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func TestRedis(t *testing.T) {
	server := testbed.Redis(t)
	testStore(t, func(t *testing.T) vault {
		c := redisConfig(server.Addr)
		c.KeyPrefix = testbed.Name(t) + ":"
		return redisVault(t, c)
	})
}

func TestMiniredis(t *testing.T) {
	testStore(t, func(t *testing.T) vault {
		server := miniredis.RunT(t)
		v := redisVault(t, redisConfig(server.Addr()))
		v.slow = true
		v.pass = func(_ *testing.T, d time.Duration) { server.FastForward(d) }
		return v
	})
}

// TestRedisCluster runs the contract on three masters.
func TestRedisCluster(t *testing.T) {
	var addresses []string
	for _, s := range testbed.RedisCluster(t) {
		addresses = append(addresses, s.Addr)
	}
	testStore(t, func(t *testing.T) vault {
		c := redisConfig(addresses...)
		c.Redis.Cluster = true
		c.KeyPrefix = testbed.Name(t) + ":"
		return redisVault(t, c)
	})
}

func redisVault(t *testing.T, c Config) vault {
	options, err := clientOptions(c.Redis)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewUniversalClient(options)
	t.Cleanup(func() { _ = client.Close() })
	d := dumper{client: client, pattern: c.KeyPrefix + "*"}
	return vault{
		open:  func(t *testing.T) Store { return openStore(t, c) },
		wipe:  func(t *testing.T) { d.wipe(t) },
		pass:  sleep,
		save:  func(t *testing.T) func() { return d.save(t) },
		parts: []string{"state", "ledger", "pending", "gaps", "obeyed"},
		drop: func(t *testing.T, s audit.Stream, part string) {
			if n, err := client.Del(t.Context(), c.KeyPrefix+"{"+s.Key()+"}:"+part).Result(); n != 1 || err != nil {
				t.Fatalf("delete %s: %d, %v", part, n, err)
			}
		},
		keep: func(t *testing.T, s audit.Stream, part string) func() {
			one := dumper{client: client, pattern: c.KeyPrefix + "{" + s.Key() + "}:" + part}
			return one.save(t)
		},
	}
}

// dumper copies keys of a prefix out of Redis and back.
type dumper struct {
	client  redis.UniversalClient
	pattern string
}

func (d dumper) keys(t *testing.T) []string {
	t.Helper()
	var keys []string
	list := func(ctx context.Context, c redis.Cmdable) error {
		found, err := c.Keys(ctx, d.pattern).Result()
		keys = append(keys, found...)
		return err
	}
	var err error
	if cluster, ok := d.client.(*redis.ClusterClient); ok {
		for _, master := range masters(t, cluster) {
			if err == nil {
				err = list(t.Context(), master)
			}
		}
	} else {
		err = list(t.Context(), d.client)
	}
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func masters(t *testing.T, cluster *redis.ClusterClient) []*redis.Client {
	t.Helper()
	found := make(chan *redis.Client, 16)
	err := cluster.ForEachMaster(t.Context(), func(_ context.Context, c *redis.Client) error { found <- c; return nil })
	if err != nil {
		t.Fatal(err)
	}
	close(found)
	var out []*redis.Client
	for c := range found {
		out = append(out, c)
	}
	return out
}

func (d dumper) wipe(t *testing.T) {
	t.Helper()
	for _, k := range d.keys(t) {
		if err := d.client.Del(t.Context(), k).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// save returns a function that puts the present state back.
func (d dumper) save(t *testing.T) func() {
	t.Helper()
	hashes, sets, texts := map[string]map[string]string{}, map[string][]redis.Z{}, map[string]string{}
	for _, k := range d.keys(t) {
		kind, err := d.client.Type(t.Context(), k).Result()
		if err != nil {
			t.Fatal(err)
		}
		switch kind {
		case "hash":
			hashes[k] = d.client.HGetAll(t.Context(), k).Val()
		case "zset":
			sets[k] = d.client.ZRangeWithScores(t.Context(), k, 0, -1).Val()
		case "string":
			texts[k] = d.client.Get(t.Context(), k).Val()
		default:
			t.Fatalf("key %s is a %s", k, kind)
		}
	}
	return func() {
		t.Helper()
		d.wipe(t)
		for k, v := range hashes {
			if err := d.client.HSet(t.Context(), k, v).Err(); err != nil {
				t.Fatal(err)
			}
		}
		for k, v := range texts {
			if err := d.client.Set(t.Context(), k, v, 0).Err(); err != nil {
				t.Fatal(err)
			}
		}
		for k, v := range sets {
			if err := d.client.ZAdd(t.Context(), k, v...).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
