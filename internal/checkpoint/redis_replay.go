package checkpoint

import (
	"context"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"o365-kafka-connector/internal/audit"
)

// pipelined is how many entries are sent at once: more of them gain little and hold Redis up for others.
const pipelined = 16

// Replay applies entries in order, some of them with one way to Redis and back.
func (h *redisHandle) Replay(ctx context.Context, entries []audit.Logged) error {
	for part := range slices.Chunk(entries, pipelined) {
		if err := h.replay(ctx, part); err != nil {
			return h.wrap("rebuild checkpoint", err)
		}
	}
	return nil
}

func (h *redisHandle) replay(ctx context.Context, entries []audit.Logged) error {
	var calls [][]any
	for _, l := range entries {
		if err := checkEntry(l.Entry); err != nil {
			return err
		}
		args, err := applyArguments(storeLogged(l))
		if err != nil {
			return err
		}
		calls = append(calls, append([]any{h.epoch.Load()}, args...))
	}
	if h.released.Load() {
		return fmt.Errorf("%w: it was released here", audit.ErrFenced)
	}
	var answers []*redis.Cmd
	err := h.store.do(ctx, "ask redis", func(ctx context.Context) error {
		answers = answers[:0]
		_, err := h.store.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, args := range calls {
				run := applyScript.EvalSha
				if i == 0 { // a pipeline cannot load a script when it turns out to be missing
					run = applyScript.Eval
				}
				answers = append(answers, run(ctx, p, h.keys, args...))
			}
			return nil
		})
		return err
	})
	if err != nil {
		return err
	}
	for _, a := range answers {
		answer, err := a.Slice()
		if err != nil {
			return redisFault("ask redis", err)
		}
		if _, err := accepted(answer); err != nil {
			return err
		}
	}
	return nil
}
