package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"o365-kafka-connector/internal/unit"
)

// oldestVersion of Redis that has what the scripts need.
const oldestVersion = 6

// snapshotAfter is the longest that Redis's own default waits for a snapshot when a key has changed.
const snapshotAfter = 3700 * time.Second

// Check asks every master by INFO: managed services forbid CONFIG.
func (r *redisStore) Check(ctx context.Context) ([]Finding, error) {
	var mu sync.Mutex // guards the following
	var found []Finding
	midway := false

	err := r.do(ctx, "check redis", func(ctx context.Context) error {
		return r.eachMaster(ctx, func(ctx context.Context, c redis.Cmdable) error {
			text, err := c.Info(ctx).Result()
			if err != nil && !redis.IsPermissionError(err) {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			info := parseInfo(text)
			midway = midway || info["role"] == "slave" && r.config.Redis.SentinelMaster != ""
			found = append(found, r.findings(info, err)...)
			return nil
		})
	})
	if err == nil && midway {
		return nil, fault(errStillReplica, "nothing to do if it ends by itself: the sentinels are about to make it the master; else look at them")
	}
	return found, err
}

// errStillReplica means that a failover is under way.
var errStillReplica = errors.New("check redis: the server that the sentinels name is still a replica")

func (r *redisStore) eachMaster(ctx context.Context, f func(context.Context, redis.Cmdable) error) error {
	if cluster, ok := r.client.(*redis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error { return f(ctx, c) })
	}
	return f(ctx, r.client)
}

// parseInfo reads INFO's lines of name:value.
func parseInfo(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && !strings.HasPrefix(name, "#") {
			out[name] = value
		}
	}
	return out
}

func (r *redisStore) findings(info map[string]string, err error) []Finding {
	if err != nil {
		return []Finding{{
			Level: Warning, Text: "Redis does not let us ask for its settings (INFO): " + err.Error(),
			Hint: "grant +info, and make sure that maxmemory-policy is noeviction",
		}}
	}
	out := versionFindings(info)
	out = append(out, r.evictionFindings(info)...)
	out = append(out, persistenceFindings(info, time.Now())...)
	if info["role"] == "slave" {
		out = append(out, Finding{
			Level: Refuse, Text: "this Redis is a replica: it takes no writes",
			Hint: "name the master in checkpoint.redis.addresses, or use redis.sentinel_master",
		})
	}
	return append(out, memoryNotes(info)...)
}

func versionFindings(info map[string]string) []Finding {
	version := info["redis_version"]
	major, _, _ := strings.Cut(version, ".")
	number, err := strconv.Atoi(major)
	if err != nil {
		return []Finding{{Level: Note, Text: "Redis does not tell its version"}}
	}
	if number < oldestVersion {
		return []Finding{{
			Level: Refuse, Text: "Redis " + version + " is too old", Hint: "use Redis 6.0 or newer, or Valkey",
		}}
	}
	return []Finding{{Level: Note, Text: "Redis " + version}}
}

func (r *redisStore) evictionFindings(info map[string]string) []Finding {
	policy, known := info["maxmemory_policy"]
	if !known {
		return []Finding{{
			Level: Note, Text: "Redis does not tell its eviction policy: make sure that maxmemory-policy is noeviction",
		}}
	}
	if policy == "noeviction" {
		return nil
	}
	f := Finding{
		Level: Refuse,
		Text:  "Redis may evict checkpoints: its maxmemory-policy is " + policy,
		Hint: "set maxmemory-policy noeviction (redis-cli config set maxmemory-policy noeviction, and in redis.conf), " +
			"or accept the loss with checkpoint.redis.allow_eviction: true",
	}
	if r.config.Redis.AllowEviction {
		f.Level = Warning
	}
	return []Finding{f}
}

// persistenceFindings judges by what INFO tells: it does not tell the schedule of snapshots, but whether one is overdue.
func persistenceFindings(info map[string]string, now time.Time) []Finding {
	aof, known := info["aof_enabled"]
	if !known {
		return []Finding{{Level: Note, Text: "Redis does not tell whether it keeps its data on disk"}}
	}
	var out []Finding
	if aof == "0" {
		out = append(out, Finding{
			Level: Warning,
			Text:  "Redis has no append-only file: a crash loses what changed since its last snapshot" + overdue(info, now),
			Hint:  "set appendonly yes (appendfsync everysec); what is lost is read and delivered again",
		})
	}
	if info["rdb_last_bgsave_status"] == "err" || info["aof_last_write_status"] == "err" {
		out = append(out, Finding{
			Level: Warning, Text: "Redis could not save its data to disk lately",
			Hint: "make room on its disk and see its log",
		})
	}
	return out
}

func overdue(info map[string]string, now time.Time) string {
	changes, _ := strconv.ParseInt(info["rdb_changes_since_last_save"], 10, 64)
	last, err := strconv.ParseInt(info["rdb_last_save_time"], 10, 64)
	if err != nil || changes == 0 || now.Sub(time.Unix(last, 0)) < snapshotAfter {
		return ""
	}
	return fmt.Sprintf(", and there was none since %s", time.Unix(last, 0).UTC().Format(time.RFC3339))
}

func memoryNotes(info map[string]string) []Finding {
	used, err := strconv.ParseInt(info["used_memory"], 10, 64)
	if err != nil {
		return nil
	}
	limit, _ := strconv.ParseInt(info["maxmemory"], 10, 64)
	if limit == 0 {
		return []Finding{{Level: Note, Text: fmt.Sprintf("Redis uses %d MiB, without a limit (maxmemory 0)", used/int64(unit.MiB))}}
	}
	f := Finding{Level: Note, Text: fmt.Sprintf("Redis uses %d of %d MiB", used/int64(unit.MiB), limit/int64(unit.MiB))}
	if used > limit/10*9 {
		f.Level, f.Hint = Warning, "raise maxmemory: when it is reached, every stream stops"
	}
	return []Finding{f}
}
