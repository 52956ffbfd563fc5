package chaos

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

func (s *stand) redisFaults() []fault {
	return []fault{
		{"redis kill -9, failover", 3, s.killMaster},
		{"redis sleeps, failover", 2, s.freezeMaster},
		{"redis kill -9, back at once", 1, s.killMasterShortly},
		{"redis FLUSHALL", 3, s.flush},
		{"redis loses newest writes", 3, s.rollBack},
		{"redis loses a key", 2, s.loseKey},
	}
}

func (s *stand) killMaster(ctx context.Context, r *rand.Rand) error {
	away := between(r, 0, 4*time.Second)
	i, err := s.redis.master(ctx)
	if err != nil {
		return err
	}
	defer s.told.begin("redis kill -9, failover", "server %d, away for %s more", i+1, away)()
	if err := s.redis.servers[i].Kill(); err != nil {
		return err
	}
	err = s.redis.awaitOther(ctx, i)
	if err == nil {
		pause(ctx, away)
	}
	if rerr := s.redis.servers[i].Start(context.WithoutCancel(ctx)); rerr != nil {
		return rerr
	}
	if err != nil {
		return err
	}
	return s.redis.awaitReplica(ctx)
}

// freezeMaster has the master sleep until it is no longer one; then it goes on and takes itself for the master for a
// while.
func (s *stand) freezeMaster(ctx context.Context, r *rand.Rand) error {
	more := between(r, 0, 3*time.Second)
	i, err := s.redis.master(ctx)
	if err != nil {
		return err
	}
	defer s.told.begin("redis sleeps, failover", "server %d, SIGSTOP until the failover and for %s more", i+1, more)()
	if err := s.redis.servers[i].Pause(); err != nil {
		return err
	}
	err = s.redis.awaitOther(ctx, i)
	if err == nil {
		pause(ctx, more)
	}
	if rerr := s.redis.servers[i].Resume(); rerr != nil {
		return rerr
	}
	if err != nil {
		return err
	}
	return s.redis.awaitReplica(ctx)
}

func (s *stand) killMasterShortly(ctx context.Context, r *rand.Rand) error {
	away := between(r, 0, 500*time.Millisecond)
	i, err := s.redis.master(ctx)
	if err != nil {
		return err
	}
	defer s.told.begin("redis kill -9, back at once", "server %d, away for %s", i+1, away)()
	if err := s.redis.servers[i].Kill(); err != nil {
		return err
	}
	pause(ctx, away)
	if err := s.redis.servers[i].Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	return s.redis.awaitReplica(ctx)
}

func (s *stand) flush(ctx context.Context, _ *rand.Rand) error {
	i, err := s.redis.master(ctx)
	if err != nil {
		return err
	}
	defer s.told.begin("redis FLUSHALL", "server %d", i+1)()
	return s.redis.clients[i].FlushAll(ctx).Err()
}

// rollBack undoes the newest writes of all streams, as a failover to a replica that is behind does.
func (s *stand) rollBack(ctx context.Context, r *rand.Rand) error {
	d := between(r, 50*time.Millisecond, 3*time.Second)
	saved, err := s.redis.save(ctx)
	if err != nil {
		return err
	}
	pause(ctx, d)
	defer s.told.begin("redis loses newest writes", "those of the last %s", d)()
	return s.redis.restore(context.WithoutCancel(ctx), saved)
}

// loseKey removes one key, as an eviction does.
func (s *stand) loseKey(ctx context.Context, r *rand.Rand) error {
	i, err := s.redis.master(ctx)
	if err != nil {
		return err
	}
	keys, err := s.redis.clients[i].Keys(ctx, "*").Result()
	if err != nil || len(keys) == 0 {
		return err
	}
	slices.Sort(keys)
	key := keys[r.IntN(len(keys))]
	defer s.told.begin("redis loses a key", "%s", key)()
	return s.redis.clients[i].Del(ctx, key).Err()
}
