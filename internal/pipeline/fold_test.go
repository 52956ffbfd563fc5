package pipeline

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"o365-kafka-connector/internal/audit"
)

// in is an entry that was written in a transaction; mark tells tries of one number apart.
func in(n int64, mark string) audit.Logged {
	return audit.Logged{Entry: audit.Entry{N: n, Resolved: []audit.Hash{audit.HashOf(mark)}}}
}

func by(token string, n int64) audit.Logged {
	return audit.Logged{Entry: audit.Entry{N: n, Resolved: []audit.Hash{audit.HashOf(token)}}, Token: token}
}

func opened(token string) audit.Logged { return openedAt(token, 0) }

func openedAt(token string, epoch int64) audit.Logged {
	return audit.Logged{Opened: true, Token: token, Entry: audit.Entry{Epoch: epoch}}
}

// outcomeOf folds a log and returns the marks of what counts.
type folded struct {
	counted []audit.Logged
	n       int64
	err     error
	ahead   bool
}

func foldAll(kafka, redis int64, log []audit.Logged) (out folded) {
	f := newFold(kafka, redis, func(l audit.Logged) error { out.counted = append(out.counted, l); return nil })
	for _, l := range log {
		if out.err = f.add(l); out.err != nil {
			return out
		}
	}
	out.n, out.err = f.end()
	out.ahead = f.ahead()
	return out
}

func marks(list []audit.Logged) (out []string) {
	for _, l := range list {
		out = append(out, fmt.Sprint(l.Entry.N, l.Entry.Resolved))
	}
	return out
}

func TestFold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kafka, redis int64
		log          []audit.Logged
		want         []audit.Logged
		n            int64
		hole, ahead  bool
	}{
		"nothing at all":                    {kafka: -1, redis: -1},
		"nothing new":                       {kafka: 5, redis: 5, n: 5, log: []audit.Logged{in(5, "a")}},
		"one entry more":                    {kafka: 6, redis: 5, n: 6, log: []audit.Logged{in(5, "a"), in(6, "b")}, want: []audit.Logged{in(6, "b")}},
		"the newest was aborted":            {kafka: 5, redis: 5, n: 5, log: []audit.Logged{in(5, "a"), in(6, "b")}},
		"the last of a number counts":       {kafka: 6, redis: 4, n: 6, log: []audit.Logged{in(5, "a"), in(5, "b"), in(6, "c"), in(6, "d")}, want: []audit.Logged{in(5, "b"), in(6, "d")}},
		"above Kafka's nothing counts":      {kafka: 5, redis: 4, n: 5, log: []audit.Logged{in(5, "a"), in(6, "c"), in(6, "d")}, want: []audit.Logged{in(5, "a")}},
		"a hole":                            {kafka: 7, redis: 4, log: []audit.Logged{in(5, "a"), in(7, "c")}, want: []audit.Logged{in(5, "a")}, hole: true},
		"a hole at the end":                 {kafka: 7, redis: 4, log: []audit.Logged{in(5, "a")}, want: []audit.Logged{in(5, "a")}, hole: true},
		"a hole before what nobody knows":   {kafka: -1, redis: 4, log: []audit.Logged{in(6, "a")}, hole: true},
		"all of it expired":                 {kafka: 7, redis: 4, hole: true},
		"the first of a rebuild may be any": {kafka: 8, redis: -1, n: 8, log: []audit.Logged{in(7, "a"), in(8, "b")}, want: []audit.Logged{in(7, "a"), in(8, "b")}},
		"after it none may be missing":      {kafka: 9, redis: -1, log: []audit.Logged{in(7, "a"), in(9, "b")}, want: []audit.Logged{in(7, "a")}, hole: true},
		"numbers do not fall":               {kafka: 9, redis: 6, log: []audit.Logged{in(8, "a"), in(7, "b")}, hole: true},
		"offset lost: all but the newest":   {kafka: -1, redis: -1, n: 8, log: []audit.Logged{in(7, "a"), in(8, "b"), in(9, "c")}, want: []audit.Logged{in(7, "a"), in(8, "b")}},
		"offset lost: Redis has the newest": {kafka: -1, redis: 9, n: 9, log: []audit.Logged{in(8, "b"), in(9, "c")}},
		"offset lost: only the newest":      {kafka: -1, redis: -1, n: 8, log: []audit.Logged{in(9, "c")}},
		"offset lost, journal lost":         {kafka: -1, redis: 9, n: 9},
		"Redis is ahead":                    {kafka: 5, redis: 6, n: 6, ahead: true},
		"takes fence by the log's order": {
			kafka: 6, redis: 4, n: 7, log: []audit.Logged{by("A", 5), opened("B"), by("A", 6), by("B", 6), by("A", 7), by("B", 7)},
			want: []audit.Logged{by("A", 5), by("B", 6), by("B", 7)},
		},
		"the checkpoint's entry names its take": {kafka: 6, redis: 5, n: 6, log: []audit.Logged{by("B", 5), by("A", 6), by("B", 6)}, want: []audit.Logged{by("B", 6)}},
		"its offset was not committed":          {kafka: 4, redis: 4, n: 5, log: []audit.Logged{by("A", 4), by("A", 5), opened("B")}, want: []audit.Logged{by("A", 5)}},
		"a former owner set the offset back":    {kafka: 3, redis: 6, n: 6, log: []audit.Logged{by("A", 6), opened("B")}},
		"a late take does not count": {
			kafka: 4, redis: 4, n: 6, log: []audit.Logged{openedAt("A", 2), by("A", 5), openedAt("B", 1), by("B", 6), by("A", 6), openedAt("C", 3), by("A", 7)},
			want: []audit.Logged{by("A", 5), by("A", 6)},
		},
		"from transactions to none": {
			kafka: 5, redis: 3, n: 7, log: []audit.Logged{in(4, "a"), in(5, "b"), in(6, "aborted"), opened("A"), by("A", 6), by("A", 7)},
			want: []audit.Logged{in(4, "a"), in(5, "b"), by("A", 6), by("A", 7)},
		},
		"and back": {
			kafka: 9, redis: 6, n: 9, log: []audit.Logged{opened("A"), by("A", 7), in(8, "a"), in(8, "b"), in(9, "c"), in(10, "aborted")},
			want: []audit.Logged{by("A", 7), in(8, "b"), in(9, "c")},
		},
	} {
		got := foldAll(c.kafka, c.redis, c.log)
		if got.n != c.n || errors.Is(got.err, errHole) != c.hole || (got.err != nil) != c.hole || got.ahead != c.ahead || !slices.Equal(marks(got.counted), marks(c.want)) {
			t.Errorf("%s: n %d, err %v, ahead %t, counted %v", name, got.n, got.err, got.ahead, marks(got.counted))
		}
	}
}

// history is a journal as owners write it, and what of it was committed.
type history struct {
	log       []audit.Logged
	committed []audit.Logged
}

// write plays owners that try each number until it commits.
func (h *history) write(r *rand.Rand, from int64, numbers int) {
	for n := from; n < from+int64(numbers); n++ {
		for try := 0; ; try++ {
			e := in(n, fmt.Sprint(n, "/", try))
			h.log = append(h.log, e)
			if r.IntN(3) > 0 {
				h.committed = append(h.committed, e)
				break
			}
		}
	}
	for try := range r.IntN(3) {
		h.log = append(h.log, in(from+int64(numbers), fmt.Sprint("aborted ", try)))
	}
}

// Whatever the log's beginning and the checkpoint, what counts is what was committed, and nothing else.
func TestFoldFindsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	for seed := range uint64(800) {
		r := rand.New(rand.NewPCG(seed, 1))
		var h history
		first := r.Int64N(1000) + 1
		numbers := r.IntN(20) + 1
		h.write(r, first, numbers)
		top := first + int64(numbers) - 1

		redis := first - 1 + r.Int64N(int64(numbers)+1)
		// A reader may begin anywhere up to the entry after the checkpoint's.
		begin := 0
		if redis >= first {
			for begin < len(h.log) && h.log[begin].Entry.N <= redis {
				begin++
			}
			begin = r.IntN(begin + 1)
		}
		want := slices.DeleteFunc(slices.Clone(h.committed), func(l audit.Logged) bool { return l.Entry.N <= redis })
		got := foldAll(top, redis, h.log[begin:])
		if got.err != nil || got.n != top || got.ahead || !slices.Equal(marks(got.counted), marks(want)) {
			t.Fatalf("seed %d: redis %d, kafka %d: %+v\nlog %v", seed, redis, top, got, marks(h.log[begin:]))
		}

		// Rebuilt from a log whose beginning has expired, anywhere.
		cut := r.IntN(len(h.log))
		kept := h.log[cut:]
		got = foldAll(top, -1, kept)
		if kept[0].Entry.N > top { // all that was committed has expired
			if got.err != nil || got.n != top || len(got.counted) > 0 {
				t.Fatalf("seed %d: from %d: %+v", seed, cut, got)
			}
			continue
		}
		want = slices.DeleteFunc(slices.Clone(h.committed), func(l audit.Logged) bool { return l.Entry.N < kept[0].Entry.N })
		if got.err != nil || got.n != top || !slices.Equal(marks(got.counted), marks(want)) {
			t.Fatalf("seed %d: from %d: %+v", seed, cut, got)
		}

		// Without the offset the fate of the newest number is open: never is one counted that was not committed.
		got = foldAll(-1, -1, h.log)
		highest := h.log[len(h.log)-1].Entry.N
		want = slices.DeleteFunc(slices.Clone(h.committed), func(l audit.Logged) bool { return l.Entry.N >= highest })
		if got.err != nil || got.n != highest-1 || !slices.Equal(marks(got.counted), marks(want)) {
			t.Fatalf("seed %d: without an offset: %+v", seed, got)
		}
	}
}

// Takes without transactions: whatever former owners still write, each number counts once, by the owner of its time.
func TestFoldFencesByTheOrderOfTheLog(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 2))
		var log, want []audit.Logged
		n, owners := int64(0), 1
		log = append(log, opened("T1"))
		for range 40 {
			switch r.IntN(6) {
			case 0:
				owners++
				log = append(log, opened(fmt.Sprint("T", owners)))
			case 1, 2: // a former owner, anywhere near
				log = append(log, by(fmt.Sprint("T", r.IntN(owners)), n+r.Int64N(3)))
			default:
				n++
				e := by(fmt.Sprint("T", owners), n)
				log, want = append(log, e), append(want, e)
			}
		}
		kafka := r.Int64N(n+2) - 1 // former owners may set the offset back
		got := foldAll(kafka, 0, log)
		if got.err != nil || got.n != n || !slices.Equal(marks(got.counted), marks(want)) {
			t.Fatalf("seed %d: %+v\nlog %v", seed, got, marks(log))
		}
	}
}
