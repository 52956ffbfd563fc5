package emulator

import (
	"math"
	"sort"
	"sync"
	"time"
)

// stream is one tenant's content type: a line of numbered blobs that all follow from the seed.
type stream struct {
	tenant      *Tenant
	contentType string
	key         uint64 // hash of seed, tenant and content type
	idSuffix    string
	line        timeline
	recordBytes int

	once sync.Once
	pool *recordPool
}

// timeline says when which blob is created and how many records it holds.
type timeline struct {
	key      uint64
	start    time.Time
	backlog  time.Duration
	old      int // blobs of the backlog
	perBlob  int
	lastOld  int           // records of the backlog's last blob
	spacing  time.Duration // between live blobs; 0: none
	liveSize int
}

// liveEvery is how often a stream offers a live blob, unless its blobs fill faster or a record takes longer.
const liveEvery = 2 * time.Second

func newTimeline(c Config, key uint64, share streamShare) timeline {
	l := timeline{key: key, start: c.Start.UTC(), backlog: c.Backlog, perBlob: c.RecordsPerBlob}
	if share.backlog > 0 {
		l.old = (share.backlog + l.perBlob - 1) / l.perBlob
		l.lastOld = share.backlog - (l.old-1)*l.perBlob
	}
	if share.rate > 0 {
		size := math.Round(share.rate * liveEvery.Seconds())
		l.liveSize = int(min(max(size, 1), float64(l.perBlob)))
		l.spacing = time.Duration(float64(l.liveSize) / share.rate * float64(time.Second))
	}
	return l
}

// streamShare is a stream's part of the records.
type streamShare struct {
	backlog int
	rate    float64
}

func shareOf(c Config, index, streams int) streamShare {
	s := streamShare{backlog: c.BacklogRecords / streams, rate: c.Rate / float64(streams)}
	if index < c.BacklogRecords%streams {
		s.backlog++
	}
	return s
}

// created is the blob's contentCreated, to the millisecond; it never falls from one blob to the next.
func (l *timeline) created(blob int) time.Time {
	jitter := 0.9 * fraction(mix(l.key+uint64(blob)))
	var t time.Time
	if blob < l.old {
		step := float64(l.backlog) / float64(l.old)
		t = l.start.Add(-l.backlog + time.Duration((float64(blob)+jitter)*step))
	} else {
		n := blob - l.old
		t = l.start.Add(time.Duration(n)*l.spacing + time.Duration(jitter*float64(l.spacing)))
	}
	return t.Truncate(time.Millisecond)
}

// records is how many records the blob holds by nature.
func (l *timeline) records(blob int) int {
	switch {
	case blob < l.old-1:
		return l.perBlob
	case blob == l.old-1:
		return l.lastOld
	default:
		return l.liveSize
	}
}

// count is the number of blobs created up to now.
func (l *timeline) count(now time.Time) int {
	n := l.old
	if l.spacing > 0 && !now.Before(l.start) {
		n += int(now.Sub(l.start)/l.spacing) + 1
	}
	return sort.Search(n, func(i int) bool { return l.created(i).After(now) })
}

func (s *stream) records() *recordPool {
	s.once.Do(func() { s.pool = newRecordPool(s) })
	return s.pool
}
