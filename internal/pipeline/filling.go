package pipeline

import (
	"sync"
	"sync/atomic"

	"o365-kafka-connector/internal/audit"
)

// FillTransform returns what makes the transforms of a back-fill, one for each worker, with its topic and filters in
// the place of the stream's. An error means that the back-fill cannot be done.
type FillTransform func(b audit.Backfill) (func() Transform, error)

// filling is a back-fill at work. A nil filling stands for the stream itself.
//
// What a back-fill publishes is marked as done if it is what the stream itself would have published: the stream's topic
// and filters. Anything else is aside: it leaves ledger and pending blobs alone, so that the stream loses nothing by it.
type filling struct {
	audit.Backfill
	transform func() Transform
	slots     chan struct{} // its share of the workers

	blobs, records, requests, failures atomic.Int64

	claims *claims // in flight, if it is aside
	mu     sync.Mutex
	seen   map[audit.Hash]bool // done in this step, if it is aside; guarded by mu
}

func newFilling(b audit.Backfill, transform func() Transform, workers int) *filling {
	return &filling{
		Backfill: b, transform: transform, slots: make(chan struct{}, max(1, workers/2)),
		claims: newClaims(nil), seen: map[audit.Hash]bool{},
	}
}

// plain reports whether it publishes what the stream itself does.
func (f *filling) plain() bool {
	n := f.Filters
	return f.Topic == "" && len(n.RecordTypes)+len(n.Workloads)+len(n.Operations) == 0
}

// elsewhere reports whether it publishes to a topic of its own.
func (f *filling) elsewhere() bool { return f != nil && f.Topic != "" }

// again reports whether it publishes what the ledger holds, too.
func (f *filling) again() bool { return f != nil && f.Mode == audit.BackfillRepublish }

// aside reports whether it shares nothing with the stream's own claims and pending blobs.
func (f *filling) aside() bool { return f != nil && (f.again() || !f.plain()) }

// marks reports whether a published blob is done for the stream.
func (f *filling) marks() bool { return f == nil || f.plain() }

// claim does for blobs aside what claims.claim does for the stream's.
func (f *filling) claim(h audit.Hash, t *tally) bool {
	if !f.claims.claim(h, t) {
		return false
	}
	f.mu.Lock()
	done := f.seen[h]
	f.mu.Unlock()
	if done {
		f.claims.settle(h, true)
	}
	return !done
}

func (f *filling) settle(h audit.Hash, ok bool) {
	if ok {
		f.mu.Lock()
		f.seen[h] = true
		f.mu.Unlock()
	}
	f.claims.settle(h, ok)
}

// step begins the next stretch.
func (f *filling) step() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.seen)
}

// asked counts a request.
func (f *filling) asked() {
	if f != nil {
		f.requests.Add(1)
	}
}

// count counts a published blob.
func (f *filling) count(records int) {
	if f != nil {
		f.blobs.Add(1)
		f.records.Add(int64(records))
	}
}

// fail counts a blob that is left out.
func (f *filling) fail() { f.failures.Add(1) }

// add moves what was counted into the progress.
func (f *filling) add(p *audit.BackfillProgress) {
	p.Blobs += f.blobs.Swap(0)
	p.Records += f.records.Swap(0)
	p.Requests += f.requests.Swap(0)
}

// headers adds the back-fill's id to the headers of a batch.
func (f *filling) headers(shared []audit.Header) []audit.Header {
	if f == nil {
		return shared
	}
	return append(shared, audit.Header{Name: "backfill", Value: []byte(f.ID)})
}
