package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
)

// Tries of a blob before it becomes pending.
const (
	tries    = 3
	tryPause = 2 * time.Second
	tryFor   = 30 * time.Second
)

// spoolMemory is what a blob in a temporary file is counted with in the budget.
const spoolMemory = 256 << 10

// minReserve is what a batch takes at least: its first chunk.
const minReserve = 64 << 10

// slack is added to a batch's expected size: one that outgrows its reservation goes through a temporary file.
const slack = 1.25

// outcome is what became of a job, or something else that has to be told the checkpoint.
type outcome struct {
	job     *job
	batch   *audit.Batch // prepared, or
	pending *audit.Pending
	dead    *audit.DeadLetter
	gap     *audit.Gap
	status  *audit.StatusMessage
	desired *audit.Desired
	move    *audit.WatermarkMove
	fill    *audit.BackfillProgress
	change  *fillChange
	forget  bool   // the ledger is emptied, as the watermark moves
	failed  bool   // a blob of a back-fill that is left out
	noted   *tally // of whoever waits for it to be stored

	snapshot bool // everything but the ledger is to be written

	filtered   filtering
	duplicates int // records that were published before
	undecided  int // records that another blob may have published
	reserved   *Reservation
}

// release gives back what the outcome holds.
func (o outcome) release() error {
	if o.reserved != nil {
		defer o.reserved.Release()
	}
	if o.batch == nil {
		return nil
	}
	return o.batch.Release()
}

// prepareAll is a worker: it takes jobs until soft ends, and finishes the one in hand as long as hard allows.
func (w *run) prepareAll(soft, hard context.Context) error {
	transform, err := w.Transform()
	if err != nil {
		return fmt.Errorf("make transform: %w", err)
	}
	var filler Transform
	var of *filling // that it was made for
	for {
		j, err := w.pick(soft)
		if err != nil {
			return err
		}
		used := transform
		if j.fill != nil {
			if of != j.fill {
				of, filler = j.fill, j.fill.transform()
			}
			used = filler
		}
		err = w.prepare(soft, hard, worker{w, used, j})
		j.release()
		if err != nil {
			w.settleJob(j, false)
			return err
		}
	}
}

// pick returns the next job: what there is of backlog and back-fills only when nothing else waits.
func (w *run) pick(ctx context.Context) (job, error) {
	select {
	case j := <-w.work:
		return j, nil
	default:
	}
	select {
	case j := <-w.work:
		return j, nil
	case j := <-w.spare:
		return j, nil
	case <-ctx.Done():
		return job{}, ctx.Err()
	}
}

// worker is one worker with its job.
type worker struct {
	*run
	transform Transform
	job       job
}

// prepare works on a job until it has an outcome, and passes that on.
func (w *run) prepare(soft, hard context.Context, p worker) error {
	began := time.Now()
	for try := 1; ; try++ {
		if err := w.clear(soft); err != nil {
			return err
		}
		out, err := p.attempt(hard)
		if err == nil {
			w.hold.clear()
			w.report.OK(PartFetch)
			if p.job.letter == nil || p.job.letter.Fetched() {
				w.brake.good()
				w.report.OK(PartBlobs)
			}
			return w.send(hard, out)
		}
		if hard.Err() != nil {
			return hard.Err()
		}
		f := w.judge(audit.AsFault(err, audit.CauseTransport))
		if f.Scope != audit.OfBlob {
			w.report.Fault(PartFetch, f)
			w.hold.raise(f)
			try--
			continue
		}
		w.hold.clear() // the service answers
		w.report.OK(PartFetch)
		w.report.blobFault(p.job.blob, f)
		if p.job.once(f) || try >= tries || time.Since(began) >= tryFor || p.job.blob.Expired(w.Source.Now()) {
			out := w.giveBack(p.job, f)
			w.slow(f)
			return w.send(hard, out)
		}
		w.slow(f)
		if err := pause(soft, tryPause*time.Duration(try)); err != nil {
			return err
		}
	}
}

// once reports whether a blob that failed so gets no other try at once: it will have one later, or nobody can read it.
func (j job) once(f *audit.Fault) bool {
	return errors.Is(f, errUnplaced) || j.prior != nil && (!j.last || f.Cause == audit.CauseSubscription)
}

// clear waits until blobs may be downloaded.
func (w *run) clear(ctx context.Context) error {
	if !w.stopping {
		if err := w.brake.hold.wait(ctx); err != nil {
			return err
		}
	}
	return w.hold.wait(ctx)
}

// slow has all downloads wait after a blob failed, if nearly all of them do.
func (w *run) slow(f *audit.Fault) {
	if w.brake.failed(f) {
		w.report.Fault(PartBlobs, w.braked(f))
	}
}

// judge says what a failed download concerns. While the stream is stopped, a subscription that is off already is no
// reason to wait: the blob is lost.
func (w *run) judge(f *audit.Fault) *audit.Fault {
	if !w.stopping || f.Cause != audit.CauseSubscription {
		return f
	}
	lost := *f
	lost.Scope = audit.OfBlob
	return &lost
}

// attempt downloads the blob once and turns its records into a batch.
func (p worker) attempt(ctx context.Context) (outcome, error) {
	blob := p.job.blob
	content, err := p.open(ctx)
	if err != nil {
		return outcome{}, fmt.Errorf("fetch blob: %w", err)
	}
	defer content.Close() //nolint:errcheck // nothing was written
	reserved, limit, err := p.reserve(ctx, content.Size())
	if err != nil {
		return outcome{}, err
	}
	out := outcome{job: &p.job, reserved: reserved, batch: audit.NewBatch(p.Stream, blob, limit, p.Spool.File)}
	out.batch.Several = p.Outputs > 1 || p.job.fill.elsewhere()
	if l := p.job.letter; l != nil && l.Record {
		out.batch.Attempts, out.batch.FirstFailed = l.Attempts, l.FirstFailed
		out.batch.Several = l.Several
	}
	out.batch.Headers = p.job.fill.headers(p.transform.Headers(blob))
	if out.filtered, err = p.fill(out.batch, content); err != nil {
		return outcome{}, joinRelease(err, out)
	}
	reserved.Shrink(p.holds(out.batch))
	return out, nil
}

func joinRelease(err error, out outcome) error {
	if rerr := out.release(); rerr != nil {
		return fmt.Errorf("%w (and %w)", err, rerr)
	}
	return err
}

// reserve draws from the budget what a blob of that size needs, and returns how much of its events may stay in
// memory.
func (p worker) reserve(ctx context.Context, size int64) (r *Reservation, limit int64, err error) {
	need := int64(float64(p.BlobBuffer) * p.transform.Growth())
	switch {
	case size > p.BlobBuffer:
		r, err = p.Budget.Reserve(ctx, p.Stream, spoolMemory)
		return r, 0, err
	case size >= 0:
		need = min(need, int64(slack*float64(size)*p.transform.Growth())+minReserve)
	}
	if r, err = p.Budget.Reserve(ctx, p.Stream, need); err != nil {
		return nil, 0, err
	}
	return r, r.Bytes(), nil
}

// holds returns the bytes of memory that a finished batch takes.
func (p worker) holds(b *audit.Batch) int64 {
	if b.Spilled() {
		return spoolMemory
	}
	return b.Size() + minReserve
}

// filtering is what filters dropped of a blob.
type filtering struct {
	records int            // that became no event at all
	rules   map[string]int // how often each rule dropped a record
}

func (f *filtering) add(rules []string, events int) {
	if events == 0 {
		f.records++
	}
	for _, rule := range rules {
		if f.rules == nil {
			f.rules = map[string]int{}
		}
		f.rules[rule]++
	}
}

// fill pulls the records, drops what the filters drop and appends the events of the rest to the batch.
func (p worker) fill(b *audit.Batch, content Content) (f filtering, err error) {
	current := new(audit.Record) // one for all: what is passed to an interface by address is allocated
	for r, err := range content.Records() {
		if err != nil {
			return f, fmt.Errorf("read blob: %w", err)
		}
		*current = r
		if !p.job.only(current) {
			continue
		}
		events, dropped, err := p.transform.Events(p.job.blob, current)
		if err != nil {
			return f, &audit.Fault{
				Cause: audit.CauseMalformed, Scope: audit.OfBlob,
				Err: fmt.Errorf("transform record %d: %w", r.Ordinal, err),
			}
		}
		f.add(dropped, len(events))
		if len(events) == 0 {
			continue
		}
		b.Note(r.Created)
		var identity audit.Identity
		if p.identified(p.job) {
			identity = audit.IdentityOf(current)
		}
		if events, err = p.refused(events, b.Headers); err != nil {
			return f, err
		}
		for _, e := range events {
			e.Identity = identity
			if err := b.Append(e); err != nil {
				return f, err
			}
		}
	}
	return f, b.Seal()
}

// send passes an outcome on to the publisher.
func (w *run) send(ctx context.Context, o outcome) error {
	if ctx.Err() != nil { // there may be no time left to note what would be published
		return joinRelease(ctx.Err(), o)
	}
	select {
	case w.ready <- o:
		return nil
	case <-ctx.Done():
		return joinRelease(ctx.Err(), o)
	}
}
