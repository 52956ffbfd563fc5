package chaos

import (
	"iter"
	"sync"
	"time"

	"o365-kafka-connector/internal/emulator"
)

// recordKey is a record of a blob; its Id is empty for an element without one.
type recordKey struct{ blob, record string }

// Checker collects what was delivered, to be held against what was offered. Calls may be concurrent.
type Checker struct {
	Drop bool // a record has to be delivered once, from whatever blob holds it; those without Id from each

	mu      sync.Mutex // guards the following
	records map[recordKey][]Place
	total   int
	letters map[string][]Place // dead letters, by the blob that they are about
	gaps    map[Gap]bool
}

// Gap is a stretch of a stream that could not be read.
type Gap struct {
	ContentType string
	From, To    time.Time
	Count       int // blobs in it
}

// NewChecker returns an empty checker.
func NewChecker() *Checker {
	return &Checker{records: map[recordKey][]Place{}, letters: map[string][]Place{}, gaps: map[Gap]bool{}}
}

// Delivered counts a record of a blob.
func (c *Checker) Delivered(blob, record string, at Place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := recordKey{blob, record}
	c.records[k] = append(c.records[k], at)
	c.total++
}

// Letter counts a dead letter about a blob.
func (c *Checker) Letter(blob string, at Place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.letters[blob] = append(c.letters[blob], at)
}

// Gap notes a gap, which may be told several times.
func (c *Checker) Gap(g Gap) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g.From, g.To = g.From.UTC(), g.To.UTC()
	c.gaps[g] = true
}

// Total returns how many records were delivered.
func (c *Checker) Total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}

// Finding is a record that was lost or repeated, or a dead letter.
type Finding struct {
	What        string // lost, repeated, letter lost, letter repeated, letter unexplained, gap lost
	ContentType string
	Blob        string
	Record      string
	Created     time.Time // of the blob
	Places      []Place   // where it was delivered
}

// Verdict is what became of what was offered.
type Verdict struct {
	Blobs     int // offered, that can be read
	Offered   int // records in them, elements without Id included
	Delivered int // of those, each as often as its blob holds it
	Lost      int // of those, not delivered
	Repeated  int // delivered more often than the blob holds them
	Copies    int // delivered from another blob, too
	Dropped   int // not delivered, since they were from elsewhere
	Foreign   int // delivered, but never offered

	Gone               int // blobs that cannot be read any more
	Letters            int // of those, dead-lettered
	LettersLost        int // of those, not dead-lettered
	LettersRepeated    int // dead-lettered more than once
	LettersUnexplained int // about blobs that can be read
	Gaps               int // that were told
	GapsLost           int // blobs that cannot be read any more and lie in no gap
	GapsUnexplained    int // that hold no such blob

	Findings []Finding // the first of each kind
}

// Owed tells how much is still to come.
func (v Verdict) Owed() int { return v.Lost + v.LettersLost + v.GapsLost }

// Good tells that everything was delivered exactly once.
func (v Verdict) Good() bool {
	return v.Offered > 0 && v.Owed() == 0 && v.Repeated == 0 && v.Foreign == 0 && v.LettersRepeated == 0 &&
		v.LettersUnexplained == 0 && v.GapsUnexplained == 0
}

// keptFindings of each kind are told.
const keptFindings = 3

// Compare holds what was delivered against the truth.
func (c *Checker) Compare(truth iter.Seq[emulator.TruthBlob]) Verdict {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := &judgement{
		Verdict: Verdict{Gaps: len(c.gaps)}, kept: map[string]int{}, gaps: c.gaps, explained: map[Gap]bool{}, drop: c.Drop,
		once: map[string]int{}, owed: map[string]bool{},
	}
	for k, places := range c.records {
		if k.record != "" {
			v.once[k.record] += len(places)
		}
	}
	matched := 0
	for b := range truth {
		letters := c.letters[b.ContentID]
		if b.Unavailable != "" {
			v.judgeGone(b, letters)
			continue
		}
		v.Blobs++
		if len(letters) > 0 {
			v.LettersUnexplained += len(letters)
			v.find("letter unexplained", b, "", letters)
		}
		matched += v.judge(b, c.records)
	}
	v.Foreign, v.GapsUnexplained = c.total-matched, len(c.gaps)-len(v.explained)
	return v.Verdict
}

type judgement struct {
	Verdict
	kept      map[string]int
	gaps      map[Gap]bool
	explained map[Gap]bool

	drop bool
	once map[string]int  // deliveries by Id
	owed map[string]bool // Ids that were told of as lost
}

// judge returns how many of the deliveries belong to the blob.
func (v *judgement) judge(b emulator.TruthBlob, records map[recordKey][]Place) (matched int) {
	want := map[string]int{}
	for _, id := range b.Records {
		want[id]++
	}
	if b.Bad > 0 {
		want[""] += b.Bad
	}
	for id, n := range want {
		places := records[recordKey{b.ContentID, id}]
		matched += len(places)
		v.Offered += n
		v.Delivered += min(len(places), n)
		if len(places) > n {
			v.Repeated += len(places) - n
			v.find("repeated", b, id, places)
		}
		if missing := n - len(places); missing > 0 {
			v.miss(b, id, missing)
		}
		if id != "" && len(places) > 0 && v.once[id] > len(places) {
			v.Copies++
		}
	}
	return matched
}

// miss looks at records of an Id that a blob holds and that were not delivered from it.
func (v *judgement) miss(b emulator.TruthBlob, id string, missing int) {
	switch {
	case !v.drop || id == "":
	case v.once[id] > 0 || v.owed[id]:
		v.Dropped += missing
		return
	default:
		v.owed[id] = true
		v.Dropped += missing - 1
		missing = 1
	}
	v.Lost += missing
	v.find("lost", b, id, nil)
}

// judgeGone looks at a blob that cannot be read: it has to be a dead letter, once, and to lie in a gap.
func (v *judgement) judgeGone(b emulator.TruthBlob, letters []Place) {
	v.Gone++
	known := false
	for g := range v.gaps {
		if g.ContentType == b.ContentType && !b.Created.Before(g.From) && b.Created.Before(g.To) {
			known, v.explained[g] = true, true
		}
	}
	if !known {
		v.GapsLost++
		v.find("gap lost", b, "", nil)
	}
	switch {
	case len(letters) == 0:
		v.LettersLost++
		v.find("letter lost", b, "", nil)
		return
	case len(letters) > 1:
		v.LettersRepeated += len(letters) - 1
		v.find("letter repeated", b, "", letters)
	}
	v.Letters++
}

// find keeps the first finding of a blob, for the first blobs.
func (v *judgement) find(what string, b emulator.TruthBlob, record string, places []Place) {
	if v.kept[what] >= keptFindings || v.kept[what+b.ContentID] > 0 {
		return
	}
	v.kept[what]++
	v.kept[what+b.ContentID]++
	v.Findings = append(v.Findings, Finding{what, b.ContentType, b.ContentID, record, b.Created, places})
}
