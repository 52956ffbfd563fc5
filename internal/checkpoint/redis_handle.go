package checkpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"o365-kafka-connector/internal/audit"
)

// errNone means that a stream has no checkpoint.
var errNone = errors.New("nothing is stored")

// redisHandle is the Handle on a stream's keys.
type redisHandle struct {
	store    *redisStore
	stream   audit.Stream
	keys     []string
	epoch    int64
	released atomic.Bool
}

// run runs a script on the stream's keys and returns what follows its OK.
func (h *redisHandle) run(ctx context.Context, script *redis.Script, args ...any) ([]any, error) {
	if h.released.Load() && script != releaseScript {
		return nil, fmt.Errorf("%w: it was released here", audit.ErrFenced)
	}
	var answer []any
	err := h.store.do(ctx, "ask redis", func(ctx context.Context) (err error) {
		answer, err = script.Run(ctx, h.store.client, h.keys, args...).Slice()
		return err
	})
	if err != nil {
		return nil, err
	}
	switch status := text(answer, 0); status {
	case "OK":
		return answer[1:], nil
	case "NONE":
		return nil, errNone
	case "FENCED":
		return nil, fmt.Errorf("%w: %s", audit.ErrFenced, text(answer, 1))
	case "LOST":
		return nil, fmt.Errorf("%w: %s", audit.ErrLost, text(answer, 1))
	default:
		return nil, redisFault("ask redis", fmt.Errorf("unknown answer %q of a script", status))
	}
}

// wrap says what was tried, and for which stream.
func (h *redisHandle) wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s of %s: %w", what, h.stream, err)
}

// Load reads the checkpoint in one step.
func (h *redisHandle) Load(ctx context.Context) (audit.Checkpoint, bool, error) {
	c, ok, err := h.load(ctx, h.epoch)
	return c, ok, h.wrap("load checkpoint", err)
}

// load asks on behalf of an epoch, or of nobody.
func (h *redisHandle) load(ctx context.Context, epoch ...any) (audit.Checkpoint, bool, error) {
	answer, err := h.run(ctx, loadScript, epoch...)
	if errors.Is(err, errNone) {
		return audit.Checkpoint{}, false, nil
	}
	if err != nil {
		return audit.Checkpoint{}, false, err
	}
	c, err := decodeCheckpoint(answer)
	if err != nil {
		return audit.Checkpoint{}, false, err
	}
	return c, true, nil
}

// Reset starts again at N = 0.
func (h *redisHandle) Reset(ctx context.Context, c audit.Checkpoint) error {
	args := []any{h.epoch, newToken(), string(c.Desired.State), micros(c.Desired.Since), c.Moved}
	d := storeEntry(audit.Entry{Pending: c.Pending, Gaps: c.Gaps, Backfills: c.Backfills}, c.Position)
	args, err := appendLists(args, d)
	if err != nil {
		return h.wrap("reset checkpoint", err)
	}
	p := storeProgress(c.Progress)
	args = append(args, "schema", schemaVersion, "position", c.Position, "first_start", micros(c.FirstStart),
		"watermark", p.Watermark, "swept", p.Swept, "swept_fully", p.SweptFully, "subscribe_tried", p.SubscribeTried,
		"head_from", p.HeadFrom, "head_to", p.HeadTo)
	_, err = h.run(ctx, resetScript, args...)
	return h.wrap("reset checkpoint", err)
}

// Unseen asks the ledger on the master.
func (h *redisHandle) Unseen(ctx context.Context, n int64, hashes []audit.Hash) ([]audit.Hash, error) {
	answer, err := h.run(ctx, unseenScript, h.epoch, n, packed(hashes))
	if err != nil {
		return nil, h.wrap("ask ledger", err)
	}
	marks := text(answer, 0)
	if len(marks) != len(hashes) {
		return nil, h.wrap("ask ledger", fmt.Errorf("%d answers for %d blobs", len(marks), len(hashes)))
	}
	var unseen []audit.Hash
	for i, hash := range hashes {
		if marks[i] == '1' {
			unseen = append(unseen, hash)
		}
	}
	return unseen, nil
}

// Apply stores an entry in one step.
func (h *redisHandle) Apply(ctx context.Context, e audit.Entry, position int64) error {
	if err := checkEntry(e); err != nil {
		return h.wrap("change checkpoint", err)
	}
	args, err := applyArguments(storeEntry(e, position))
	if err != nil {
		return h.wrap("change checkpoint", err)
	}
	_, err = h.run(ctx, applyScript, append([]any{h.epoch}, args...)...)
	return h.wrap("change checkpoint", err)
}

// applyArguments lists what apply.lua takes after the epoch.
func applyArguments(d entryDocument) ([]any, error) {
	hash, err := d.hash()
	if err != nil {
		return nil, err
	}
	args := []any{
		d.N, hash, d.Position, d.At / int64(time.Second/time.Microsecond), int64(LedgerAge / time.Second), maxGaps,
		packed(d.Done), packed(d.Resolved),
	}
	if d.Desired != nil {
		args = append(args, string(d.Desired.State), micros(d.Desired.Since))
	} else {
		args = append(args, "", 0)
	}
	if d.Moved != nil {
		args = append(args, d.Moved.To, d.Moved.Command)
	} else {
		args = append(args, "", "")
	}
	args = append(args, int64(backfillAge/time.Second), maxBackfills)
	return appendLists(args, d)
}

// appendLists adds pending blobs, gaps and back-fills: of each list the number, then two arguments for each element.
func appendLists(args []any, d entryDocument) ([]any, error) {
	args = append(args, len(d.Pending))
	for _, p := range d.Pending {
		document, err := json.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("encode pending blob: %w", err)
		}
		args = append(args, packed([]audit.Hash{audit.HashOf(p.ID)}), document)
	}
	args = append(args, len(d.Gaps))
	for _, g := range d.Gaps {
		document, err := json.Marshal(g)
		if err != nil {
			return nil, fmt.Errorf("encode gap: %w", err)
		}
		args = append(args, max(0, micros(g.Noted)), document)
	}
	args = append(args, len(d.Backfills))
	for _, p := range d.Backfills {
		value, err := packBackfill(p)
		if err != nil {
			return nil, err
		}
		args = append(args, p.ID, value)
	}
	return args, nil
}

// Advance stores the progress.
func (h *redisHandle) Advance(ctx context.Context, p audit.Progress) error {
	d := storeProgress(p)
	_, err := h.run(ctx, advanceScript, h.epoch,
		d.Watermark, d.Swept, d.SweptFully, d.SubscribeTried, d.HeadFrom, d.HeadTo)
	return h.wrap("advance checkpoint", err)
}

// Release makes the epoch void.
func (h *redisHandle) Release(ctx context.Context) error {
	h.released.Store(true)
	_, err := h.run(ctx, releaseScript, h.epoch)
	return h.wrap("release checkpoint", err)
}

// packed puts hashes into one argument.
func packed(hashes []audit.Hash) []byte {
	out := make([]byte, 0, len(hashes)*len(audit.Hash{}))
	for _, h := range hashes {
		out = append(out, h[:]...)
	}
	return out
}

// text returns an element of a script's answer, empty if there is none.
func text(answer []any, i int) string {
	if i >= len(answer) {
		return ""
	}
	switch v := answer[i].(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return ""
}
