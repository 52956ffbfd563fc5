package checkpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"o365-kafka-connector/internal/audit"
)

// redisHandle is the Handle on a stream's keys.
type redisHandle struct {
	store    *redisStore
	stream   audit.Stream
	keys     []string
	epoch    atomic.Int64
	released atomic.Bool
	loading  string                // names the Load that is under way, so that Redis knows its repetition
	stands   atomic.Pointer[int64] // number that the last call found or left; nil: not known
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
	return accepted(answer)
}

// accepted returns what follows a script's OK.
func accepted(answer []any) ([]any, error) {
	switch status := text(answer, 0); status {
	case "OK":
		return answer[1:], nil
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

// Epoch returns the epoch that Acquire or Load gave.
func (h *redisHandle) Epoch() int64 { return h.epoch.Load() }

// Load raises the epoch and reads the checkpoint in one step.
func (h *redisHandle) Load(ctx context.Context, kafkaEpoch int64) (audit.Checkpoint, bool, error) {
	if h.loading == "" {
		h.loading = newToken()
	}
	c, ok, err := h.load(ctx, h.epoch.Load(), kafkaEpoch, h.loading, schemaVersion)
	return c, ok, h.wrap("load checkpoint", err)
}

// load asks on behalf of an epoch, or of nobody.
func (h *redisHandle) load(ctx context.Context, args ...any) (audit.Checkpoint, bool, error) {
	answer, err := h.run(ctx, loadScript, args...)
	if err != nil {
		return audit.Checkpoint{}, false, err
	}
	if epoch, err := strconv.ParseInt(text(answer, 0), 10, 64); err == nil {
		h.epoch.Store(epoch)
		h.loading = ""
	}
	switch found := text(answer, 1); found {
	case "NONE":
		return audit.Checkpoint{}, false, nil
	case "LOST":
		return audit.Checkpoint{}, false, fmt.Errorf("%w: %s", audit.ErrLost, text(answer, 2))
	case "FOUND":
		c, err := decodeCheckpoint(answer[2:])
		if err == nil {
			h.stands.Store(&c.N)
		}
		return c, err == nil, err
	default:
		return audit.Checkpoint{}, false, redisFault("ask redis", fmt.Errorf("unknown answer %q of a script", found))
	}
}

// Reset starts again.
func (h *redisHandle) Reset(ctx context.Context, c audit.Checkpoint) error {
	args := []any{h.epoch.Load(), newToken(), string(c.Desired.State), micros(c.Desired.Since), c.Moved, c.N}
	d := storeEntry(audit.Entry{Pending: c.Pending, Gaps: c.Gaps, Backfills: c.Backfills}, c.Position)
	args, err := appendLists(args, d.lists())
	if err != nil {
		return h.wrap("reset checkpoint", err)
	}
	p := storeProgress(c.Progress)
	args = append(args, "schema", schemaVersion, "position", c.Position, "first_start", micros(c.FirstStart),
		"watermark", p.Watermark, "swept", p.Swept, "swept_fully", p.SweptFully, "subscribe_tried", p.SubscribeTried,
		"head_from", p.HeadFrom, "head_to", p.HeadTo, "snapshot", micros(c.Snapshot))
	if _, err = h.run(ctx, resetScript, args...); err == nil {
		h.stands.Store(&c.N)
	}
	return h.wrap("reset checkpoint", err)
}

// Unseen asks the ledger on the master.
func (h *redisHandle) Unseen(ctx context.Context, n int64, hashes []audit.Hash) ([]audit.Hash, error) {
	answer, err := h.run(ctx, unseenScript, h.epoch.Load(), n, packed(hashes))
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
	if _, err = h.run(ctx, applyScript, append([]any{h.epoch.Load()}, args...)...); err == nil {
		h.stands.Store(&e.N)
	}
	return h.wrap("change checkpoint", err)
}

// applyArguments lists what apply.lua takes after the epoch.
func applyArguments(d entryDocument) ([]any, error) {
	hash, err := d.hash()
	if err != nil {
		return nil, err
	}
	args := []any{
		d.N, hash, d.Position, strconv.FormatFloat(ledgerScore(d.At/1000), 'f', 3, 64), int64(LedgerAge / time.Second), maxGaps,
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
	if args, err = appendReplay(args, d); err != nil {
		return nil, err
	}
	return appendLists(args, d.lists())
}

// appendReplay adds what a replay, a forgetting and a snapshot take besides.
func appendReplay(args []any, d entryDocument) ([]any, error) {
	mode, forget, p := "", "", progressDocument{}
	if d.Progress != nil {
		mode, p = "replay", *d.Progress
	}
	if d.Forget {
		forget = "forget"
	}
	args = append(args, mode, forget, p.Watermark, p.Swept, p.SweptFully, p.SubscribeTried, p.HeadFrom, p.HeadTo)
	s := d.Snapshot
	if s == nil {
		return appendLists(append(args, "", "", "", "", ""), listsDocument{})
	}
	args = append(args, s.FirstStart, d.At, string(s.Desired.State), micros(s.Desired.Since), s.Moved)
	return appendLists(args, s.listsDocument)
}

// appendLists adds pending blobs, gaps and back-fills: of each list the number, then two arguments for each element.
func appendLists(args []any, d listsDocument) ([]any, error) {
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

// Advance stores the progress, unless the checkpoint was put back: a watermark stands for entries that were applied.
func (h *redisHandle) Advance(ctx context.Context, p audit.Progress) error {
	d := storeProgress(p)
	n := ""
	if stands := h.stands.Load(); stands != nil {
		n = strconv.FormatInt(*stands, 10)
	}
	_, err := h.run(ctx, advanceScript, h.epoch.Load(),
		d.Watermark, d.Swept, d.SweptFully, d.SubscribeTried, d.HeadFrom, d.HeadTo, n)
	return h.wrap("advance checkpoint", err)
}

// Release makes the epoch void.
func (h *redisHandle) Release(ctx context.Context) error {
	h.released.Store(true)
	_, err := h.run(ctx, releaseScript, h.epoch.Load())
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
