package emulator

import (
	"sort"
	"time"
)

// view is a stream as it looks at one moment, under the faults in force.
type view struct {
	*stream
	now   time.Time
	blobs int // created by now
	gaps  []gap

	delay, late, same, duplicate, repeat, twice, partial, expired, lost, wrongURI, bad, big *Fault
}

func (e *Emulator) view(s *stream) *view {
	now := e.now()
	v := &view{stream: s, now: now, blobs: s.line.count(e.horizon(now)), gaps: e.subscriptions.gapsOf(s)}
	for kind, fault := range map[Kind]**Fault{
		PublicationDelay: &v.delay, Late: &v.late, SameMillisecond: &v.same, DuplicateRecord: &v.duplicate,
		RepeatRecord: &v.repeat, ListedTwice: &v.twice, PartialBlob: &v.partial, ExpiredListed: &v.expired,
		LostBlob: &v.lost, WrongURI: &v.wrongURI, BadRecord: &v.bad, BigBlob: &v.big,
	} {
		*fault = e.rules.blobFault(kind, s)
	}
	return v
}

// created is the contentCreated that the API tells.
func (v *view) created(blob int) time.Time {
	if v.same.picks(v.stream, blob) {
		blob -= blob % max(2, v.same.Count)
	}
	return v.line.created(blob)
}

func (v *view) expires(blob int) time.Time {
	created := v.created(blob)
	if v.expired.picks(v.stream, blob) {
		return created.Add(v.now.Sub(created) / 2).Truncate(time.Millisecond)
	}
	return created.Add(maxAge)
}

// offered reports whether the blob can be listed by now.
func (v *view) offered(blob int) bool {
	visible := v.created(blob)
	for _, g := range v.gaps {
		if !visible.Before(g.from) && visible.Before(g.to) {
			return false
		}
	}
	if v.delay.picks(v.stream, blob) {
		visible = visible.Add(orDefault(v.delay.Delay, time.Minute))
	}
	if v.late.picks(v.stream, blob) {
		visible = visible.Add(orDefault(v.late.Delay, 2*time.Minute))
	}
	return !visible.After(v.now)
}

// unavailable says why a listed blob cannot be read, or nothing if it can.
func (v *view) unavailable(blob int) string {
	switch {
	case v.lost.picks(v.stream, blob):
		return "lost"
	case v.expired.picks(v.stream, blob) || v.now.Sub(v.created(blob)) > maxAge:
		return "expired"
	default:
		return ""
	}
}

func (v *view) twiceDelay() time.Duration {
	if v.twice == nil {
		return 0
	}
	return orDefault(v.twice.Delay, 5*time.Minute)
}

// first is the lowest blob that a listing from t on may hold.
func (v *view) first(t time.Time) int {
	t = t.Add(-v.twiceDelay())
	return sort.Search(v.blobs, func(i int) bool { return !v.created(i).Before(t) })
}

// in reports whether a listing of the window holds the blob.
func (v *view) in(w window, blob int) bool {
	created := v.created(blob)
	return w.contains(created) || v.twice.picks(v.stream, blob) && w.contains(created.Add(v.twiceDelay()))
}

// size is the number of records of a blob by itself, without repeats.
func (v *view) size(blob int) int {
	if !v.big.picks(v.stream, blob) {
		return v.line.records(blob)
	}
	if v.big.Count > 0 {
		return v.big.Count
	}
	return int(orDefault(v.big.Bytes, 60_000_000)/int64(v.records().average)) + 1
}

// place is a record's place: the blob it comes from by nature, and its number there.
type place struct{ blob, ordinal int }

// places are the records of a blob in their order.
type places struct {
	blob   int
	own    int     // records 0 to own-1 of the blob
	copies []place // and these after them
	bad    bool    // and two bad elements in the end
}

func (v *view) places(blob int) places {
	p := places{blob: blob, own: v.size(blob), bad: v.bad.picks(v.stream, blob)}
	if v.duplicate.picks(v.stream, blob) {
		for i := range min(p.own, max(1, v.duplicate.Count)) {
			p.copies = append(p.copies, place{blob, p.own / 2 * (i + 1) % p.own})
		}
	}
	if earlier := blob - 1 - int(mix(v.key^uint64(blob))%5); v.repeat.picks(v.stream, blob) && earlier >= 0 {
		for i := range min(v.size(earlier), max(1, v.repeat.Count)) {
			p.copies = append(p.copies, place{earlier, i})
		}
	}
	return p
}

// all calls yield with every record, until it answers false.
func (p places) all(yield func(place) bool) {
	for i := range p.own {
		if !yield(place{p.blob, i}) {
			return
		}
	}
	for _, c := range p.copies {
		if !yield(c) {
			return
		}
	}
}

// half is what a window-dependent partial blob holds.
func (p places) half() places { return places{blob: p.blob, own: p.own / 2} }

func (p places) len() int { return p.own + len(p.copies) }

func orDefault[T comparable](value, fallback T) T {
	setDefault(&value, fallback)
	return value
}
