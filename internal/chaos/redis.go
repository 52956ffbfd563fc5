package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"o365-kafka-connector/internal/testbed"
)

// masterName is what Sentinel calls the pair.
const masterName = "o365"

// failoverLimit bounds how long Sentinel may take.
const failoverLimit = time.Minute

// pair is two Redis servers, one the replica of the other, and a sentinel. Clients, the sentinel and the replica reach
// them through links.
type pair struct {
	links    [2]*Link
	servers  [2]*testbed.Server
	clients  [2]*redis.Client // not through the links
	sentinel *testbed.Server
	watch    *redis.SentinelClient
}

func startPair(ctx context.Context, dir string) (p *pair, err error) {
	p = &pair{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	for i := range p.links {
		if p.links[i], err = NewLink(); err != nil {
			return p, err
		}
	}
	for i := range p.servers {
		if err := p.startServer(ctx, i); err != nil {
			return p, err
		}
	}
	host, port, err := net.SplitHostPort(p.links[0].Addr())
	if err != nil {
		return p, fmt.Errorf("split address: %w", err)
	}
	settings := fmt.Sprintf("sentinel monitor %[1]s %[2]s %[3]s 1\nsentinel down-after-milliseconds %[1]s 1500\n"+
		"sentinel failover-timeout %[1]s 3000\n", masterName, host, port)
	file := filepath.Join(dir, "sentinel.conf") // which the sentinel writes to
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		return p, fmt.Errorf("write sentinel's settings: %w", err)
	}
	if p.sentinel, err = testbed.StartRedis(ctx, file, "--sentinel"); err != nil {
		return p, fmt.Errorf("start sentinel: %w", err)
	}
	p.watch = redis.NewSentinelClient(&redis.Options{Addr: p.sentinel.Addr})
	return p, p.awaitReplica(ctx)
}

func (p *pair) startServer(ctx context.Context, i int) error {
	_, port, err := net.SplitHostPort(p.links[i].Addr())
	if err != nil {
		return fmt.Errorf("split address: %w", err)
	}
	args := []string{"--replica-announce-ip", "127.0.0.1", "--replica-announce-port", port, "--repl-diskless-sync-delay", "0"}
	if p.servers[i], err = testbed.StartRedis(ctx, args...); err != nil {
		return fmt.Errorf("start Redis: %w", err)
	}
	p.links[i].Lead(p.servers[i].Addr)
	p.clients[i] = redis.NewClient(&redis.Options{Addr: p.servers[i].Addr, MaxRetries: -1})
	if i == 0 {
		return nil
	}
	// Said by a command: as an argument it would hold after a restart, too, when the other may be the replica by then.
	host, port, err := net.SplitHostPort(p.links[0].Addr())
	if err != nil {
		return fmt.Errorf("split address: %w", err)
	}
	if err := p.clients[i].ReplicaOf(ctx, host, port).Err(); err != nil {
		return fmt.Errorf("make a replica of Redis: %w", err)
	}
	return nil
}

func (p *pair) close() error {
	var errs []error
	for i := range p.links {
		if p.clients[i] != nil {
			errs = append(errs, p.clients[i].Close())
		}
		if p.links[i] != nil {
			errs = append(errs, p.links[i].Close())
		}
		if p.servers[i] != nil {
			errs = append(errs, p.servers[i].Close())
		}
	}
	if p.sentinel != nil {
		errs = append(errs, p.watch.Close(), p.sentinel.Close())
	}
	return errors.Join(errs...)
}

// master returns the server that Sentinel takes for the master.
func (p *pair) master(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	at, err := p.watch.GetMasterAddrByName(ctx, masterName).Result()
	if err != nil {
		return 0, fmt.Errorf("ask sentinel: %w", err)
	}
	for i, k := range p.links {
		if len(at) == 2 && net.JoinHostPort(at[0], at[1]) == k.Addr() {
			return i, nil
		}
	}
	return 0, fmt.Errorf("ask sentinel: unknown master %v", at)
}

// awaitReplica waits until one server is the other's replica, holds what it holds, and Sentinel knows.
func (p *pair) awaitReplica(ctx context.Context) error {
	return until(ctx, failoverLimit, "Redis has a replica", func(ctx context.Context) bool {
		i, err := p.master(ctx)
		if err != nil {
			return false
		}
		info, err := p.clients[1-i].Info(ctx, "replication").Result()
		if err != nil || !strings.Contains(info, "role:slave") || !strings.Contains(info, "master_link_status:up") {
			return false
		}
		replicas, err := p.watch.Replicas(ctx, masterName).Result()
		return err == nil && len(replicas) == 1 && replicas[0]["flags"] == "slave"
	})
}

// awaitOther waits until Sentinel names another master than this one.
func (p *pair) awaitOther(ctx context.Context, than int) error {
	return until(ctx, failoverLimit, "Sentinel names another master", func(ctx context.Context) bool {
		i, err := p.master(ctx)
		return err == nil && i != than
	})
}

// save copies all keys of the master, at one moment.
func (p *pair) save(ctx context.Context) ([]any, error) {
	i, err := p.master(ctx)
	if err != nil {
		return nil, err
	}
	out, err := p.clients[i].Eval(ctx, `local out = {}
for _, k in ipairs(redis.call('KEYS', '*')) do out[#out + 1] = k; out[#out + 1] = redis.call('DUMP', k) end
return out`, nil).Slice()
	if err != nil {
		return nil, fmt.Errorf("copy Redis: %w", err)
	}
	return out, nil
}

// restore makes what the master holds that of the copy.
func (p *pair) restore(ctx context.Context, saved []any) error {
	i, err := p.master(ctx)
	if err != nil {
		return err
	}
	err = p.clients[i].Eval(ctx, `redis.call('FLUSHALL')
for i = 1, #ARGV, 2 do redis.call('RESTORE', ARGV[i], 0, ARGV[i + 1]) end
return 'OK'`, nil, saved...).Err()
	if err != nil {
		return fmt.Errorf("restore Redis: %w", err)
	}
	return nil
}
