package pipeline

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

// resultMeter counts records by result.
type resultMeter struct {
	noMeter

	mu        sync.Mutex // guards the following
	results   map[string]int
	undecided int
}

func (m *resultMeter) Records(_ audit.Stream, result string, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.results[result] += n
}

func (m *resultMeter) Undecided(_ audit.Stream, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.undecided += n
}

// dropping is a run that drops duplicates.
func (w *world) dropping(c *fakeClaims) (r *Runner, m *resultMeter) {
	m = &resultMeter{results: map[string]int{}}
	r = w.runner()
	r.Claimer, r.Meter = c, m
	return r, m
}

func (w *world) superviseDropping(t *testing.T, r *Runner, d time.Duration) {
	t.Helper()
	s := w.settings()
	s.Dedupe = true
	superviseFor(t, r, s, d)
}

func TestDuplicatesAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		now := time.Now()
		w.add("1", now.Add(-10*time.Minute), "a", "b", "a", "filtered", "")
		w.add("2", now.Add(-9*time.Minute), "b", "c", "")
		w.add("3", now.Add(time.Hour), "c", "a")
		w.add("4", now.Add(2*time.Hour), "d", "a")
		r, m := w.dropping(newClaimer(w))
		w.superviseDropping(t, r, 3*time.Hour)
		w.delivered[""] = 1 // which have no Id
		w.check(t)
		if m.results[duplicate] != 5 || m.undecided != 0 || m.results[published] != 6 {
			t.Errorf("counted %v, %d undecided", m.results, m.undecided)
		}
		if len(w.ledger) != 4 {
			t.Errorf("%d of 4 blobs are done", len(w.ledger))
		}
	})
}

func TestRecordsWithoutIDPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("1", time.Now().Add(-10*time.Minute), "", "")
		w.add("2", time.Now().Add(-9*time.Minute), "")
		r, _ := w.dropping(newClaimer(w))
		w.superviseDropping(t, r, time.Minute)
		if w.delivered[""] != 3 {
			t.Errorf("%d of 3 delivered", w.delivered[""])
		}
	})
}

// A blob that claimed a record and then was lost for good published nothing.
func TestClaimOfALostBlobDropsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		now := time.Now()
		w.add("lost", now.Add(-10*time.Minute), "a").Expires = now.Add(time.Hour)
		w.onSend = func() error { return errors.New("broken pipe") }
		r, m := w.dropping(newClaimer(w))
		w.superviseDropping(t, r, 30*time.Second)
		w.onSend = nil
		w.onFetch = func(b audit.Blob) error {
			if b.ID == "lost" {
				return fault(audit.CauseNotFound, audit.OfBlob)
			}
			return nil
		}
		w.superviseDropping(t, r, 2*time.Hour)
		if len(w.letters) != 1 {
			t.Fatalf("%d dead letters", len(w.letters))
		}
		w.add("other", time.Now().Add(-time.Minute), "a")
		w.superviseDropping(t, r, time.Hour)
		if w.delivered["a"] != 1 || m.undecided != 1 {
			t.Errorf("delivered %v, %d undecided", w.delivered, m.undecided)
		}
	})
}

func TestRepublishAndRedriveIgnoreClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		began := time.Now()
		w.add("1", began.Add(-10*time.Minute), "a")
		w.add("2", began.Add(-9*time.Minute), "b")
		w.add("bad", began.Add(-8*time.Minute), "a", "b")
		w.onFetch = func(b audit.Blob) error {
			if b.ID == "bad" {
				return fault(audit.CauseNotFound, audit.OfBlob)
			}
			return nil
		}
		r, m := w.dropping(newClaimer(w))
		w.superviseDropping(t, r, 3*time.Hour)
		if w.delivered["a"] != 1 || w.delivered["b"] != 1 || w.dead() != 1 {
			t.Fatalf("delivered %v, %d dead letters", w.delivered, w.dead())
		}
		w.onFetch = nil
		w.askFill(redriveOf("r1", audit.RedriveFilter{}))
		w.superviseDropping(t, r, time.Minute)
		if w.delivered["a"] != 2 || w.delivered["b"] != 2 {
			t.Errorf("after the redrive: %v", w.delivered)
		}
		w.askFill(audit.Backfill{ID: "b1", From: began.Add(-time.Hour), To: time.Now(), Mode: audit.BackfillRepublish})
		w.superviseDropping(t, r, time.Minute)
		if w.delivered["a"] != 4 || w.delivered["b"] != 4 || m.results[duplicate] != 0 {
			t.Errorf("after the back-fill: %v", w.delivered)
		}
	})
}

// TestDroppingLosesNothing breaks off commits before and after the claims, the events and the entry, at random, and
// adds copies of old records all the time. A sink without transactions repeats then, and nothing is lost.
func TestDroppingLosesNothing(t *testing.T) {
	for name, exact := range map[string]bool{"journal": true, "plain": false} {
		t.Run(name, func(t *testing.T) {
			for seed := range seeds(20) {
				synctest.Test(t, func(t *testing.T) { dropUnderFaults(t, seed, exact) })
			}
		})
	}
}

func dropUnderFaults(t *testing.T, seed uint64, exact bool) {
	w := newWorld()
	rnd := rand.New(rand.NewPCG(seed, 1))
	var mu sync.Mutex
	oneIn := func(n int) bool {
		mu.Lock()
		defer mu.Unlock()
		return rnd.IntN(n) == 0
	}
	now := time.Now()
	for i := range 300 {
		w.add(fmt.Sprint(i), now.Add(time.Duration(rnd.IntN(3600))*time.Second),
			fmt.Sprint(i, "a"), fmt.Sprint(rnd.IntN(300), "a"), fmt.Sprint(rnd.IntN(300), "b")).Expires = now.Add(time.Duration(3+rnd.IntN(100)) * time.Hour)
	}
	claims := newClaimer(w)
	claims.onClaim = func() error {
		if oneIn(30) {
			return errors.New("away")
		}
		return nil
	}
	claims.after = claims.onClaim
	w.onStore = func(call string) error {
		if call != "acquire" && oneIn(30) {
			return audit.ErrFenced
		}
		return nil
	}
	w.onSend = func() error {
		if oneIn(10) {
			return errors.New("broken pipe")
		}
		return nil
	}
	r, m := w.dropping(claims)
	if exact {
		r.Sink = newJournal(w)
	}
	w.superviseDropping(t, r, 4*time.Hour)
	w.onStore, w.onSend, claims.onClaim, claims.after = nil, nil, nil, nil
	w.superviseDropping(t, r, 2*time.Hour)
	if lost := w.lost(); len(lost) > 0 {
		t.Errorf("seed %d: %d records lost, as %q", seed, len(lost), lost[0])
	}
	if repeated := w.repeated(); exact && len(repeated) > 0 {
		t.Errorf("seed %d: %d records repeated, as %q; %d undecided", seed, len(repeated), repeated[0], m.undecided)
	}
	if m.results[duplicate] == 0 {
		t.Error("nothing was dropped")
	}
}
