package process

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// vault loses and puts back what Redis holds.
type vault struct {
	t      *testing.T
	client *redis.Client
}

// keep is the content of some keys.
type keep map[string]string

func newVault(t *testing.T, addr string) *vault {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = client.Close() })
	return &vault{t: t, client: client}
}

func (v *vault) bounded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(v.t.Context(), 20*time.Second)
}

// save copies all keys, as one transaction.
func (v *vault) save() keep {
	v.t.Helper()
	ctx, cancel := v.bounded()
	defer cancel()
	// One script, so that the copy is of one moment.
	out, err := v.client.Eval(ctx, `local out = {}
for _, k in ipairs(redis.call('KEYS', '*')) do out[#out + 1] = k; out[#out + 1] = redis.call('DUMP', k) end
return out`, nil).StringSlice()
	if err != nil {
		v.t.Fatal(err)
	}
	k := keep{}
	for i := 0; i < len(out); i += 2 {
		k[out[i]] = out[i+1]
	}
	return k
}

// restore makes the content of Redis that of the copy.
func (v *vault) restore(k keep) {
	v.t.Helper()
	ctx, cancel := v.bounded()
	defer cancel()
	var args []any
	for name, dump := range k {
		args = append(args, name, dump)
	}
	if err := v.client.Eval(ctx, `redis.call('FLUSHALL')
for i = 1, #ARGV, 2 do redis.call('RESTORE', ARGV[i], 0, ARGV[i + 1]) end
return 'OK'`, nil, args...).Err(); err != nil {
		v.t.Fatal(err)
	}
}

func (v *vault) flush() {
	v.t.Helper()
	ctx, cancel := v.bounded()
	defer cancel()
	if err := v.client.FlushAll(ctx).Err(); err != nil {
		v.t.Fatal(err)
	}
}

// mix puts old keys of a kind back, beside newer ones.
func (v *vault) mix(old keep, suffix string, meanwhile func()) {
	v.t.Helper()
	meanwhile()
	now := v.save()
	for name, dump := range old {
		if strings.HasSuffix(name, suffix) {
			now[name] = dump
		}
	}
	v.restore(now)
}

// without is the copy without keys of a kind.
func (k keep) without(suffix string) keep {
	out := keep{}
	for name, dump := range k {
		if !strings.HasSuffix(name, suffix) {
			out[name] = dump
		}
	}
	return out
}

// setSchema changes what version of the connector every checkpoint seems to be written by.
func (v *vault) setSchema(schema string) {
	v.t.Helper()
	ctx, cancel := v.bounded()
	defer cancel()
	if err := v.client.Eval(ctx, `for _, k in ipairs(redis.call('KEYS', '*:state')) do redis.call('HSET', k, 'schema', ARGV[1]) end
return 1`, nil, schema).Err(); err != nil {
		v.t.Fatal(err)
	}
}
