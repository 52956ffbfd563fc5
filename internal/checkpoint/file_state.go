package checkpoint

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"o365-kafka-connector/internal/audit"
)

// trimEvery is how far the ledger's end has to move before old hashes are looked for.
const trimEvery = 3600 // seconds

// ledgerPart is how many hashes stand in one line of a base.
const ledgerPart = 1000

// fileState is what a log adds up to.
type fileState struct {
	present    bool // a reset has given it an N
	n          int64
	epoch      int64
	position   int64
	last       string // hash of entry n
	firstStart int64
	progress   progressDocument
	pending    map[audit.Hash]pendingDocument
	gaps       []gapDocument
	desired    desiredDocument
	moved      string
	schema     int64 // of the base
	snapshot   int64 // when the last one was made
	backfills  []audit.BackfillProgress
	ledger     map[audit.Hash]uint32 // second of marking
	trimmed    int64                 // where the ledger was cut off last, in seconds
	missing    int                   // hashes of the base still to come
	damage     error                 // why there is something, but nothing usable
}

func newFileState() *fileState {
	return &fileState{pending: map[audit.Hash]pendingDocument{}, ledger: map[audit.Hash]uint32{}}
}

func (s *fileState) lose(why string) { s.damage = fmt.Errorf("%w: %s", audit.ErrLost, why) }

// usable is audit.ErrLost if there is no checkpoint to stand on.
func (s *fileState) usable() error {
	if s.damage != nil {
		return s.damage
	}
	if !s.present {
		return fmt.Errorf("%w: nothing is stored", audit.ErrLost)
	}
	return nil
}

// fold applies a line of the log.
func (s *fileState) fold(l logLine) error {
	switch {
	case l.Base != nil:
		return s.foldBase(*l.Base)
	case l.Ledger != nil:
		for _, h := range l.Ledger.Hashes {
			s.ledger[h] = l.Ledger.At
		}
		s.missing -= len(l.Ledger.Hashes)
	case l.Epoch != 0:
		s.epoch = l.Epoch
	case l.Entry != nil:
		return s.foldEntry(*l.Entry)
	case l.Progress != nil:
		watermark := max(s.progress.Watermark, l.Progress.Watermark)
		s.progress = *l.Progress
		s.progress.Watermark = watermark
	}
	return nil
}

func (s *fileState) foldBase(b baseDocument) error {
	if b.Schema > schemaVersion || b.Schema < 1 {
		return schemaFault(b.Schema)
	}
	fresh := newFileState()
	fresh.present, fresh.n, fresh.epoch, fresh.position = b.Present, b.N, b.Epoch, b.Position
	fresh.last, fresh.firstStart, fresh.progress, fresh.desired = b.Last, b.FirstStart, b.Progress, b.Desired
	fresh.moved, fresh.backfills, fresh.snapshot, fresh.schema = b.Moved, b.Backfills, b.Snapshot, b.Schema
	fresh.gaps, fresh.missing = b.Gaps, b.Ledger
	for _, p := range b.Pending {
		fresh.pending[audit.HashOf(p.ID)] = p
	}
	*s = *fresh
	return nil
}

func (s *fileState) foldEntry(e entryDocument) error {
	if !s.present || e.N != s.n+1 {
		s.lose(fmt.Sprintf("entry %d stands behind entry %d in its log", e.N, s.n))
		return nil
	}
	hash, err := e.hash()
	if err != nil {
		return err
	}
	at := e.At / int64(time.Second/time.Microsecond)
	if p := e.Progress; p != nil && p.Watermark >= s.progress.Watermark {
		s.progress = *p // what is rebuilt takes the newest true statement
	}
	if e.Forget {
		s.ledger = map[audit.Hash]uint32{}
	}
	if e.Snapshot != nil {
		s.replace(*e.Snapshot, e.At)
	}
	for _, p := range e.Pending {
		s.pending[audit.HashOf(p.ID)] = p
	}
	for _, h := range e.Done {
		s.ledger[h] = uint32(at) //nolint:gosec // until 2106
		delete(s.pending, h)
	}
	for _, h := range e.Resolved {
		delete(s.pending, h)
	}
	s.addGaps(e.Gaps)
	if e.Desired != nil {
		s.desired = *e.Desired
	}
	if e.Moved != nil {
		s.progress.Watermark, s.moved = e.Moved.To, e.Moved.Command
		s.progress.HeadFrom, s.progress.HeadTo = 0, 0
		if s.firstStart = min(s.firstStart, e.Moved.To); e.Forget {
			s.firstStart = e.Moved.To
		}
	}
	s.backfills = upsertBackfills(s.backfills, e.Backfills, at)
	s.trim(min(at, time.Now().Unix()) - int64(LedgerAge/time.Second))
	s.n, s.position, s.last = e.N, e.Position, hash
	return nil
}

// replace takes over a snapshot.
func (s *fileState) replace(d snapshotDocument, at int64) {
	s.firstStart, s.desired, s.moved, s.snapshot = d.FirstStart, d.Desired, d.Moved, at
	s.gaps, s.backfills = slices.Clone(d.Gaps), slices.Clone(d.Backfills)
	s.pending = map[audit.Hash]pendingDocument{}
	for _, p := range d.Pending {
		s.pending[audit.HashOf(p.ID)] = p
	}
}

// addGaps lets each gap take the place of an open one of its start and cause.
func (s *fileState) addGaps(gaps []gapDocument) {
	for _, g := range gaps {
		s.gaps = slices.DeleteFunc(s.gaps, func(o gapDocument) bool {
			return o.To.IsZero() && o.From.Equal(g.From) && o.Cause == g.Cause
		})
		s.gaps = append(s.gaps, g)
	}
	s.gaps = s.gaps[max(0, len(s.gaps)-maxGaps):]
}

// trim forgets what was marked before the cutoff.
func (s *fileState) trim(cutoff int64) {
	if cutoff < s.trimmed+trimEvery {
		return
	}
	s.trimmed = cutoff
	maps.DeleteFunc(s.ledger, func(_ audit.Hash, at uint32) bool { return int64(at) < cutoff })
}

// load returns the checkpoint, false if there is none, audit.ErrLost if it is damaged.
func (s *fileState) load() (audit.Checkpoint, bool, error) {
	if s.damage != nil || !s.present {
		return audit.Checkpoint{}, false, s.damage
	}
	return s.checkpoint(), true, nil
}

// checkpoint returns the state as the pipeline sees it.
func (s *fileState) checkpoint() audit.Checkpoint {
	c := audit.Checkpoint{
		N: s.n, Epoch: s.epoch, Position: s.position, FirstStart: fromMicros(s.firstStart),
		Progress: s.progress.progress(), Desired: audit.Desired{State: s.desired.State, Since: s.desired.Since},
		Moved: s.moved, Backfills: slices.Clone(s.backfills), Snapshot: fromMicros(s.snapshot),
	}
	sortBackfills(c.Backfills)
	for _, d := range s.pending {
		c.Pending = append(c.Pending, d.pending())
	}
	sortPending(c.Pending)
	for _, d := range s.gaps {
		c.Gaps = append(c.Gaps, d.gap())
	}
	slices.SortStableFunc(c.Gaps, func(a, b audit.Gap) int { return a.Noted.Compare(b.Noted) })
	return c
}

func (s *fileState) base() *baseDocument {
	return &baseDocument{
		Schema: schemaVersion, Present: s.present, N: s.n, Epoch: s.epoch, Position: s.position, Last: s.last,
		FirstStart: s.firstStart, Progress: s.progress, Pending: slices.Collect(maps.Values(s.pending)), Gaps: s.gaps,
		Desired: s.desired, Moved: s.moved, Backfills: s.backfills, Snapshot: s.snapshot, Ledger: len(s.ledger),
	}
}

// ledgerParts cuts the ledger into lines.
func (s *fileState) ledgerParts() []ledgerDocument {
	bySecond := map[uint32][]audit.Hash{}
	for h, at := range s.ledger {
		bySecond[at] = append(bySecond[at], h)
	}
	var parts []ledgerDocument
	for at, hashes := range bySecond {
		for part := range slices.Chunk(hashes, ledgerPart) {
			parts = append(parts, ledgerDocument{At: at, Hashes: part})
		}
	}
	return parts
}
