package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"o365-kafka-connector/internal/audit"
)

// Letters reads dead letters back.
type Letters interface {
	// Ends returns where each partition of the dead letters ends now.
	Ends(ctx context.Context) ([]int64, error)
	// Read yields the stream's letters of a range, in the order of the log.
	Read(ctx context.Context, s audit.Stream, r audit.LetterRange) iter.Seq2[audit.Letter, error]
}

const (
	putBackStep = 250 // letters after which it is stored how far a redrive is
	maxExamples = 20  // of blobs that expired
)

// errLetters means that the dead letters cannot be read, and that trying again does not help.
var errLetters = errors.New("dead letters cannot be read")

// redriving is a redrive at work. It goes through the dead letters one partition after the other, from the first letter
// to the last that was there when it began. What it puts back is told in the same entry in which it is published:
// that, and nothing else, keeps it from being done twice.
type redriving struct {
	*run

	id      string
	slots   chan struct{}        // its share of the workers
	newest  map[audit.Hash]int64 // of the partition at work: where the newest letter of each id stands
	refused atomic.Int64         // records that were published and refused again, not stored yet

	// Since the progress was stored last.
	tally *tally
	open  int
	skips audit.RedriveProgress
}

// startRedrive notes what a redrive has to do.
func (w *run) startRedrive(ctx context.Context, b audit.Backfill, p audit.BackfillProgress) error {
	ends, err := w.Letters.Ends(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errLetters, err)
	}
	p.Redrive = &audit.RedriveProgress{Filter: *b.Redrive, Ends: ends, Done: make([]int64, len(ends))}
	return w.note(ctx, outcome{fill: &p})
}

// redrive does what is left of a redrive. What it has done is in memory, of which it returns a copy.
func (w *run) redrive(ctx context.Context, b audit.Backfill, p audit.BackfillProgress) (audit.BackfillProgress, error) {
	if p.Redrive == nil {
		if err := w.startRedrive(ctx, b, p); err != nil {
			return p, err
		}
	}
	r := &redriving{run: w, id: b.ID, slots: make(chan struct{}, max(1, w.Workers/2)), tally: &tally{}}
	p, _ = w.memory.fill(b.ID)
	for partition := range p.Redrive.Ends {
		at := audit.LetterRange{Partition: partition, From: p.Redrive.Done[partition], To: p.Redrive.Ends[partition]}
		if at.From >= at.To {
			continue
		}
		if err := r.partition(ctx, at); err != nil {
			return p, err
		}
	}
	p, _ = w.memory.fill(b.ID)
	return p, nil
}

// partition puts back what stands in one partition.
func (r *redriving) partition(ctx context.Context, at audit.LetterRange) (err error) {
	if r.newest, err = audit.NewestLetters(r.Letters.Read(ctx, r.Stream, at)); err != nil {
		return fmt.Errorf("%w: %w", errLetters, err)
	}
	p, _ := r.memory.fill(r.id)
	for l, err := range r.Letters.Read(ctx, r.Stream, at) {
		if err != nil {
			return fmt.Errorf("%w: %w", errLetters, err)
		}
		if !p.Redrive.Filter.Matches(l) || r.newest[l.Hash()] != l.Offset || slices.Contains(p.Redrive.Behind, l.Hash()) {
			continue
		}
		if err := r.letter(ctx, l); err != nil {
			return err
		}
		if r.open++; r.open < putBackStep {
			continue
		}
		if err := r.store(ctx, at.Partition, l.Offset+1); err != nil {
			return err
		}
	}
	return r.store(ctx, at.Partition, at.To)
}

// letter puts back one letter, unless there is a reason not to.
func (r *redriving) letter(ctx context.Context, l audit.Letter) error {
	j := job{blob: l.Blob, letter: &l, redrive: r, slots: r.slots}
	claimed, err := r.claim(ctx, j)
	switch {
	case err != nil:
		return err
	case !claimed:
		r.skips.Known++
		return nil
	case l.Fetched() && l.Blob.Expired(r.Source.Now()):
		r.claims.settle(j.hash(), true)
		r.skips.Expired++
		if len(r.skips.Examples) < maxExamples {
			r.skips.Examples = append(r.skips.Examples, l.Blob.ID)
		}
		return nil
	}
	if err := r.assign(ctx, j); err != nil {
		r.claims.settle(j.hash(), false)
		return err
	}
	return nil
}

// claim reports whether the letter is ours to put back. It is not if another redrive has done that, which may be one that
// was cancelled and had it in hand until now, while its blob is pending, or is just being read for the first time. A
// listing that only finds out that the blob is done already is waited for.
func (r *redriving) claim(ctx context.Context, j job) (bool, error) {
	h := j.hash()
	for {
		claimed, busy := r.claims.claimAlone(h, r.tally)
		if r.known(*j.letter) { // not earlier: who gives up a claim has noted what became of it
			if claimed {
				r.claims.settle(h, true)
			}
			return false, nil
		}
		if claimed || busy == nil {
			return claimed, nil
		}
		first, err := r.readFirst(ctx, j)
		if err != nil {
			return false, err
		}
		switch err := busy.wait(ctx); {
		case errors.Is(err, errGivenUp): // it has no result, as when a redrive is cancelled that waits for a worker
		case err != nil:
			return false, err
		case first:
			return false, nil
		}
	}
}

// readFirst reports whether whoever has claimed a letter's blob reads it for the first time. What is claimed of a single
// record is so by redrives only.
func (r *redriving) readFirst(ctx context.Context, j job) (bool, error) {
	if j.letter.Record {
		return false, nil
	}
	unseen, err := r.ledger.unseen(ctx, []audit.Hash{j.hash()})
	if err != nil {
		return false, fmt.Errorf("ask ledger: %w", err)
	}
	return len(unseen) > 0, nil
}

// known reports whether another redrive has put the letter back.
func (r *redriving) known(l audit.Letter) bool {
	return slices.ContainsFunc(r.memory.allFills(), func(p audit.BackfillProgress) bool { return p.ID != r.id && p.Covers(l) })
}

// store waits for what is under way and notes that everything of a partition before an offset is done.
func (r *redriving) store(ctx context.Context, partition int, offset int64) error {
	if err := r.tally.wait(ctx); err != nil {
		return err
	}
	skips, refused := r.skips, r.refused.Swap(0)
	r.skips, r.open, r.tally = audit.RedriveProgress{}, 0, &tally{}
	return r.note(ctx, outcome{change: &fillChange{id: r.id, change: func(p *audit.BackfillProgress) {
		d := p.Redrive
		d.Done[partition], d.Behind = offset, nil
		d.Expired += skips.Expired
		d.Known += skips.Known
		d.Again += refused
		more := min(len(skips.Examples), maxExamples-len(d.Examples))
		d.Examples = append(d.Examples, skips.Examples[:more]...)
	}}})
}

// fillChange is a change of what is remembered of a back-fill, whatever that is by then.
type fillChange struct {
	id     string
	change func(*audit.BackfillProgress)
}

// changeFill puts a changed progress into an entry.
func (w *run) changeFill(e *audit.Entry, c fillChange) {
	i := slices.IndexFunc(e.Backfills, func(p audit.BackfillProgress) bool { return p.ID == c.id })
	if i < 0 {
		p, ok := w.memory.fill(c.id)
		if !ok {
			return
		}
		i = len(e.Backfills)
		e.Backfills = append(e.Backfills, p)
	}
	p := &e.Backfills[i]
	if p.Redrive != nil {
		p.Redrive = p.Redrive.Clone()
	}
	c.change(p)
}

// putBack notes in an entry what became of a letter.
func (w *run) putBack(e *audit.Entry, o outcome) {
	w.changeFill(e, fillChange{id: o.job.redrive.id, change: func(p *audit.BackfillProgress) {
		p.Redrive.Letters++
		p.Redrive.Behind = append(p.Redrive.Behind, o.job.letter.Hash())
		switch {
		case o.dead != nil:
			p.Redrive.Again++
			return
		case !o.job.letter.Record:
			p.Blobs++
		}
		if o.job.letter.Fetched() {
			p.Requests++
		}
		p.Records += int64(o.batch.Records())
	}})
}

// again is the dead letter of what failed again.
func again(l audit.Letter, f *audit.Fault, now time.Time) *audit.DeadLetter {
	d := l.DeadLetter
	d.Cause, d.Error, d.LastFailed = f.Cause, f.Error(), now
	d.Attempts++
	if !d.Record {
		d.SHA256 = f.SHA256
	}
	return &d
}

// open returns what a job's records are read from.
func (p worker) open(ctx context.Context) (Content, error) {
	l := p.job.letter
	if l != nil && !l.Fetched() {
		if p.Reread == nil {
			return nil, &audit.Fault{Cause: audit.CauseMalformed, Scope: audit.OfBlob, Err: errors.New("records of dead letters cannot be read here")}
		}
		return p.Reread(l.Value), nil
	}
	p.job.fill.asked()
	return p.source(p.job.slots).Fetch(ctx, p.Stream, p.job.blob)
}

// only reports whether a record is the one that the job wants, and gives it its place in the blob if that is lost.
func (j job) only(r *audit.Record) bool {
	switch l := j.letter; {
	case l == nil || !l.Record:
		return true
	case l.Fetched():
		return r.Ordinal == l.Ordinal
	default:
		r.Ordinal = l.Ordinal
		return true
	}
}
