package emulator

import (
	"hash/maphash"
	"iter"
	"sync"
)

// Tally counts what a client delivered, to be held against the truth. Calls may be concurrent.
type Tally struct {
	seed maphash.Seed

	mu   sync.Mutex // guards the following
	seen map[uint64]int

	total int
}

// NewTally returns an empty tally.
func NewTally() *Tally {
	return &Tally{seed: maphash.MakeSeed(), seen: map[uint64]int{}}
}

// Add counts a record of a blob; recordID is empty for an element without Id.
func (t *Tally) Add(contentID, recordID string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen[t.key(contentID, recordID)]++
	t.total++
}

// Total returns how often Add was called.
func (t *Tally) Total() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.total
}

func (t *Tally) key(contentID, recordID string) uint64 {
	return maphash.Comparable(t.seed, [2]string{contentID, recordID})
}

// Verdict is what a client made of what was offered, in records.
type Verdict struct {
	Offered   int      // that can be read, elements without Id included
	Delivered int      // of those, each as often as the blob holds it
	Lost      int      // of those, not delivered
	Pending   int      // of those, not delivered either, in blobs that the client knows it owes
	Repeated  int      // delivered more often than the blob holds them
	Foreign   int      // delivered, but never offered
	LostIDs   []string // up to ten of them, as contentId/recordId
}

// Compare holds the tally against the truth. Pending names the blobs that the client remembers as not done.
func (t *Tally) Compare(truth iter.Seq[TruthBlob], pending map[string]bool) Verdict {
	t.mu.Lock()
	defer t.mu.Unlock()
	var v Verdict
	matched := 0
	for b := range truth {
		if b.Unavailable != "" {
			continue
		}
		want := map[string]int{}
		for _, id := range b.Records {
			want[id]++
		}
		if b.Bad > 0 {
			want[""] += b.Bad
		}
		for id, n := range want {
			got := t.seen[t.key(b.ContentID, id)]
			matched += got
			v.Offered += n
			v.Delivered += min(got, n)
			v.Repeated += max(got-n, 0)
			switch {
			case got >= n:
			case pending[b.ContentID]:
				v.Pending += n - got
			default:
				v.Lost += n - got
				if len(v.LostIDs) < 10 {
					v.LostIDs = append(v.LostIDs, b.ContentID+"/"+id)
				}
			}
		}
	}
	v.Foreign = t.total - matched
	return v
}
