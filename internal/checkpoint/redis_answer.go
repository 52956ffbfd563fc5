package checkpoint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// BeginAnswer claims the command's key, or reads it.
func (r *redisStore) BeginAnswer(ctx context.Context, id, token string, lease time.Duration) ([][]byte, string, error) {
	if err := checkClaim(token, lease); err != nil {
		return nil, "", err
	}
	answer, err := r.answer(ctx, "claim command", beginScript, id, token, lease.Milliseconds())
	if err != nil {
		return nil, "", err
	}
	state := text(answer, 0)
	switch state {
	case AnswerNew, AnswerRunning:
		return nil, state, nil
	case AnswerDone:
		messages, err := decodeAnswer([]byte(text(answer, 1)))
		return messages, state, err
	}
	return nil, "", redisFault("claim command", fmt.Errorf("unknown answer %q of a script", state))
}

// FinishAnswer puts the answer in the place of the claim.
func (r *redisStore) FinishAnswer(ctx context.Context, id string, answer [][]byte, ttl time.Duration) error {
	text, err := encodeAnswer(answer, ttl)
	if err != nil {
		return err
	}
	_, err = r.answer(ctx, "store answer", finishScript, id, text, ttl.Milliseconds())
	return err
}

// AbandonAnswer deletes the claim.
func (r *redisStore) AbandonAnswer(ctx context.Context, id, token string) error {
	_, err := r.answer(ctx, "give claim back", abandonScript, id, token)
	return err
}

func (r *redisStore) answer(ctx context.Context, what string, script *redis.Script, id string, args ...any) ([]any, error) {
	var answer []any
	err := r.do(ctx, what, func(ctx context.Context) (err error) {
		answer, err = script.Run(ctx, r.client, []string{r.config.KeyPrefix + "answer:" + hashID(id)}, args...).Slice()
		return err
	})
	return answer, err
}

// hashID names a command in a key or a file, whatever its id holds.
func hashID(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}
