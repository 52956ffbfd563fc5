package pipeline

import (
	"context"
	"slices"

	"o365-kafka-connector/internal/audit"
)

// The checkpoint.

type fakeStore struct{ *world }

type fakeHandle struct {
	*world
	epoch int64
}

func (s fakeStore) Acquire(context.Context, audit.Stream) (Handle, error) {
	if err := call(s.world, s.onStore, "acquire"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.world.epoch++
	return &fakeHandle{s.world, s.world.epoch}, nil
}

func (h *fakeHandle) Epoch() int64 { return h.epoch }

func (h *fakeHandle) guard(name string, n int64, checkN bool) error {
	if err := call(h.world, h.onStore, name); err != nil {
		return err
	}
	switch {
	case !h.exists || checkN && h.c.N != n:
		return audit.ErrLost
	case h.world.epoch != h.epoch:
		return audit.ErrFenced
	}
	return nil
}

func (h *fakeHandle) Load(context.Context, int64) (audit.Checkpoint, bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.c
	c.Epoch = h.epoch
	c.Pending, c.Gaps, c.Backfills = slices.Clone(c.Pending), slices.Clone(c.Gaps), slices.Clone(c.Backfills)
	return c, h.exists, nil
}

func (h *fakeHandle) Reset(_ context.Context, c audit.Checkpoint) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := call(h.world, h.onStore, "reset"); err != nil {
		return err
	}
	c.Pending, c.Gaps, c.Backfills = slices.Clone(c.Pending), slices.Clone(c.Gaps), slices.Clone(c.Backfills)
	h.c, h.exists, h.world.ledger = c, true, map[audit.Hash]bool{}
	return call(h.world, h.onStore, "was reset")
}

func (h *fakeHandle) Unseen(_ context.Context, n int64, hashes []audit.Hash) ([]audit.Hash, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.guard("unseen", n, true); err != nil {
		return nil, err
	}
	var out []audit.Hash
	for _, x := range hashes {
		if !h.ledger[x] {
			out = append(out, x)
		}
	}
	return out, nil
}

func (h *fakeHandle) Apply(_ context.Context, e audit.Entry, position int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.guard("apply", e.N-1, h.c.N != e.N); err != nil {
		return err
	}
	h.store(e)
	h.c.Position = position
	return call(h.world, h.onStore, "applied")
}

func (h *fakeHandle) Replay(_ context.Context, entries []audit.Logged) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range entries {
		if h.exists && l.Entry.N <= h.c.N {
			continue
		}
		if err := h.guard("replay", l.Entry.N-1, true); err != nil {
			return err
		}
		if p := l.Entry.Progress; !p.Watermark.Before(h.c.Progress.Watermark) {
			h.c.Progress = p
		}
		h.store(l.Entry)
		h.c.Position = l.Position
	}
	return nil
}

// store does to the checkpoint what an entry says.
func (h *fakeHandle) store(e audit.Entry) {
	h.c.N = e.N
	if e.Forget {
		h.world.ledger = map[audit.Hash]bool{}
		h.c.FirstStart = e.Watermark.To
	}
	if s := e.Snapshot; s != nil {
		h.c.FirstStart, h.c.Desired, h.c.Moved, h.c.Snapshot = s.FirstStart, s.Desired, s.Moved, e.Time
		h.c.Pending, h.c.Gaps, h.c.Backfills = slices.Clone(s.Pending), slices.Clone(s.Gaps), slices.Clone(s.Backfills)
	}
	gone := map[audit.Hash]bool{}
	for _, x := range e.Done {
		h.ledger[x], h.marks[x], gone[x] = true, e.Time, true
	}
	for _, p := range e.Pending {
		gone[p.Blob.Hash()] = true
	}
	h.c.Pending = slices.DeleteFunc(h.c.Pending, func(p audit.Pending) bool { return gone[p.Blob.Hash()] })
	h.c.Pending = append(h.c.Pending, e.Pending...)
	for _, g := range e.Gaps {
		h.c.Gaps = slices.DeleteFunc(h.c.Gaps, func(o audit.Gap) bool {
			return o.To.IsZero() && o.Cause == g.Cause && o.From.Equal(g.From)
		})
		h.c.Gaps = append(h.c.Gaps, g)
	}
	if e.Desired != nil {
		h.c.Desired = *e.Desired
	}
	if e.Watermark != nil {
		h.c.Progress.Watermark, h.c.Progress.Head, h.c.Moved = e.Watermark.To, audit.Window{}, e.Watermark.Command
		h.c.FirstStart = earliest(h.c.FirstStart, e.Watermark.To)
	}
	for _, p := range e.Backfills {
		h.c.Backfills = slices.DeleteFunc(h.c.Backfills, func(o audit.BackfillProgress) bool { return o.ID == p.ID })
		h.c.Backfills = append(h.c.Backfills, p)
	}
}

func (h *fakeHandle) Advance(_ context.Context, p audit.Progress) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.guard("advance", 0, false); err != nil {
		return err
	}
	p.Watermark = latest(p.Watermark, h.c.Progress.Watermark)
	h.c.Progress = p
	return call(h.world, h.onStore, "advanced")
}

func (h *fakeHandle) Release(context.Context) error { return nil }
