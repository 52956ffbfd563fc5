package checkpoint

import (
	"context"
	"fmt"
	"sync/atomic"

	"o365-kafka-connector/internal/audit"
)

// fileHandle is the Handle on a stream's log.
type fileHandle struct {
	file     *fileStream
	stream   audit.Stream
	epoch    atomic.Int64
	released atomic.Bool
}

// begin locks the stream's log, reads it if need be, and compares epochs. The caller unlocks when there is no error.
func (h *fileHandle) begin(ctx context.Context, what string) error {
	err := ctx.Err()
	if err == nil && h.released.Load() {
		err = fmt.Errorf("%w: it was released here", audit.ErrFenced)
	}
	if err == nil {
		err = h.file.enter(h.epoch.Load())
	}
	return h.wrap(what, err)
}

func (h *fileHandle) wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s of %s: %w", what, h.stream, err)
}

// Epoch returns the epoch that Acquire or Load gave.
func (h *fileHandle) Epoch() int64 { return h.epoch.Load() }

// Load raises the epoch and returns a copy of what is remembered.
func (h *fileHandle) Load(ctx context.Context, kafkaEpoch int64) (audit.Checkpoint, bool, error) {
	if err := h.begin(ctx, "load checkpoint"); err != nil {
		return audit.Checkpoint{}, false, err
	}
	defer h.file.mu.Unlock()
	epoch := max(h.epoch.Load(), kafkaEpoch) + 1
	if err := h.file.raise(epoch); err != nil {
		return audit.Checkpoint{}, false, h.wrap("load checkpoint", err)
	}
	h.epoch.Store(epoch)
	c, ok, err := h.file.state.load()
	return c, ok, h.wrap("load checkpoint", err)
}

// Reset starts a new log.
func (h *fileHandle) Reset(ctx context.Context, c audit.Checkpoint) error {
	if err := h.begin(ctx, "reset checkpoint"); err != nil {
		return err
	}
	defer h.file.mu.Unlock()
	return h.wrap("reset checkpoint", h.file.reset(c))
}

// Unseen asks the ledger in memory.
func (h *fileHandle) Unseen(ctx context.Context, n int64, hashes []audit.Hash) ([]audit.Hash, error) {
	if err := h.begin(ctx, "ask ledger"); err != nil {
		return nil, err
	}
	defer h.file.mu.Unlock()
	s := h.file.state
	if err := s.usable(); err != nil {
		return nil, h.wrap("ask ledger", err)
	}
	if s.n != n {
		return nil, h.wrap("ask ledger", fmt.Errorf("%w: it stands at %d, the caller at %d", audit.ErrLost, s.n, n))
	}
	var unseen []audit.Hash
	for _, hash := range hashes {
		if _, seen := s.ledger[hash]; !seen {
			unseen = append(unseen, hash)
		}
	}
	return unseen, nil
}

// Apply appends an entry to the log and waits for the disk.
func (h *fileHandle) Apply(ctx context.Context, e audit.Entry, position int64) error {
	if err := checkEntry(e); err != nil {
		return h.wrap("change checkpoint", err)
	}
	if err := h.begin(ctx, "change checkpoint"); err != nil {
		return err
	}
	defer h.file.mu.Unlock()
	return h.wrap("change checkpoint", h.file.apply(storeEntry(e, position)))
}

// Replay appends entries to the log and waits for the disk in the end.
func (h *fileHandle) Replay(ctx context.Context, entries []audit.Logged) error {
	for _, l := range entries {
		if err := checkEntry(l.Entry); err != nil {
			return h.wrap("rebuild checkpoint", err)
		}
	}
	if err := h.begin(ctx, "rebuild checkpoint"); err != nil {
		return err
	}
	defer h.file.mu.Unlock()
	return h.wrap("rebuild checkpoint", h.file.replay(entries))
}

// Advance appends the progress to the log and leaves it to the system when to write it: losing it costs listings.
func (h *fileHandle) Advance(ctx context.Context, p audit.Progress) error {
	if err := h.begin(ctx, "advance checkpoint"); err != nil {
		return err
	}
	defer h.file.mu.Unlock()
	if err := h.file.state.usable(); err != nil {
		return h.wrap("advance checkpoint", err)
	}
	return h.wrap("advance checkpoint", h.file.append(logLine{Progress: storeProgress(p)}, false))
}

// Release makes the epoch void.
func (h *fileHandle) Release(ctx context.Context) error {
	if h.released.Swap(true) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return h.wrap("release checkpoint", err)
	}
	return h.wrap("release checkpoint", h.file.release(h.epoch.Load()))
}
