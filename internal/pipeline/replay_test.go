package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

// runJournal runs the stream with a journal for a while of virtual time.
func (w *world) runJournal(t *testing.T, j *fakeJournal, d time.Duration) {
	t.Helper()
	r := w.runner()
	r.Sink = j
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	r.Supervise(ctx, w.settings())
}

// grow adds a blob every minute for a while, from some time ago on.
func (w *world) grow(from time.Time, minutes int) {
	for i := range minutes {
		w.add(fmt.Sprint(i), from.Add(time.Duration(i)*time.Minute), fmt.Sprint("r-", i))
	}
}

// Whatever goes wrong around transactions, and whatever Redis loses, each record is delivered once.
func TestJournalKeepsDeliveryExact(t *testing.T) {
	for seed := range seeds(12) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			j := newJournal(w)
			w.grow(time.Now().Add(-50*time.Minute), 240)
			r := rand.New(rand.NewPCG(seed, 3))
			calm := false
			fail := func(odds int) error {
				if !calm && r.IntN(odds) == 0 {
					return errors.New("broken")
				}
				return nil
			}
			j.before = func(int64) error { return fail(8) }
			j.after = func(int64) error { return fail(8) }
			var dumps []dump
			for range 12 {
				w.runJournal(t, j, time.Duration(r.IntN(1200))*time.Second)
				dumps = append(dumps, w.dump())
				switch r.IntN(4) {
				case 0:
					w.restore(dump{})
				case 1:
					w.restore(dumps[r.IntN(len(dumps))])
				}
			}
			calm = true
			w.runJournal(t, j, 3*time.Hour)
			w.check(t)
			ledger := len(w.ledger)
			w.restore(dump{}) // and what is rebuilt in the end is all
			w.runJournal(t, j, time.Hour)
			w.check(t)
			if len(w.ledger) != ledger || ledger != 240 {
				t.Errorf("seed %d: the ledger has %d blobs, and %d after it was rebuilt", seed, ledger, len(w.ledger))
			}
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// dump is a copy of what Redis holds.
type dump struct {
	exists bool
	c      audit.Checkpoint
	ledger map[audit.Hash]bool
}

func (w *world) dump() dump {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := dump{exists: w.exists, c: w.c, ledger: map[audit.Hash]bool{}}
	for h := range w.ledger {
		d.ledger[h] = true
	}
	return d
}

func (w *world) restore(d dump) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.exists, w.c, w.ledger = d.exists, d.c, map[audit.Hash]bool{}
	for h := range d.ledger {
		w.ledger[h] = true
	}
}

// Once a day everything but the ledger is written anew, also while the stream rests.
func TestSnapshotsAreWrittenDaily(t *testing.T) {
	for _, state := range []audit.DesiredState{audit.Running, audit.Paused, audit.Stopped} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			j := newJournal(w)
			w.ask(state)
			w.runJournal(t, j, 25*time.Hour)
			var at []time.Time
			for _, l := range j.log {
				if l.Entry.Snapshot != nil {
					at = append(at, l.Entry.Time)
				}
			}
			if len(at) != 2 || j.log[0].Entry.Snapshot == nil {
				t.Fatalf("%s: snapshots at %v, the first entry is %+v", state, at, j.log[0].Entry)
			}
			last := j.log[slices.IndexFunc(j.log, func(l audit.Logged) bool { return l.Entry.Time.Equal(at[1]) })].Entry.Snapshot
			if state != audit.Running && last.Desired.State != state || last.FirstStart.IsZero() {
				t.Errorf("%s: %+v", state, last)
			}
			w.runJournal(t, j, time.Hour) // another owner does not write it anew
			if n := len(slices.DeleteFunc(slices.Clone(j.log), func(l audit.Logged) bool { return l.Entry.Snapshot == nil })); n != 2 {
				t.Errorf("%s: %d snapshots after another take", state, n)
			}
		})
	}
}

// What deltas told before the journal's beginning stands in a snapshot.
func TestSnapshotOutlivesItsDeltas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		j := newJournal(w)
		w.ask(audit.Paused)
		w.runJournal(t, j, 25*time.Hour)
		want := w.dump().c
		last := slices.IndexFunc(j.log, func(l audit.Logged) bool { return l.Entry.Snapshot != nil && l.Entry.N > 1 })
		j.log = slices.Concat(make([]audit.Logged, 0), j.log[last:]) // the rest expired; positions are not asked for
		w.restore(dump{})
		w.ask("")
		w.runJournal(t, j, time.Minute)
		got := w.dump().c
		if got.Desired != want.Desired || !got.FirstStart.Equal(want.FirstStart) || got.N < want.N {
			t.Errorf("rebuilt %+v, want %+v", got, want)
		}
	})
}

// A journal that was deleted, and its offsets with it, begins anew with all that the checkpoint knows.
func TestDeletedJournalBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		j := newJournal(w)
		w.grow(time.Now().Add(-30*time.Minute), 90)
		w.runJournal(t, j, 20*time.Minute)
		n := j.kafka.N
		j.log, j.kafka = nil, audit.Standing{N: -1}
		w.runJournal(t, j, 20*time.Minute)
		if len(j.log) == 0 || j.log[0].Entry.N != n+1 || j.log[0].Entry.Snapshot == nil {
			t.Fatalf("after %d the journal begins with %+v", n, j.log)
		}
		w.runJournal(t, j, time.Hour)
		w.check(t)
	})
}

// A journal that is deleted under a live owner goes on in a new one, in the middle of whatever was to be written: the
// checkpoint keeps what stood in the old one.
func TestJournalIsDeletedUnderItsOwner(t *testing.T) {
	for _, lost := range []bool{false, true} { // the answer to the first commit in the new one
		for _, others := range [][2]int64{{0, 0}, {1000, 0}, {0, 1000}} { // messages of other streams in the new one, before this one's and behind
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				j := newJournal(w)
				w.grow(time.Now().Add(-30*time.Minute), 90)
				w.runJournal(t, j, 10*time.Minute)
				from := j.kafka.N + 5
				j.before = func(n int64) error {
					if n == from {
						j.begin(others[0], others[1])
					}
					return nil
				}
				j.after = func(n int64) error {
					if n == from && lost {
						return errors.New("the answer is lost")
					}
					return nil
				}
				w.runJournal(t, j, 20*time.Minute)
				if j.log[0].Entry.N != from {
					t.Fatalf("the new journal begins with entry %d, want %d", j.log[0].Entry.N, from)
				}
				w.runJournal(t, j, time.Hour)
				w.check(t)
			})
		}
	}
}

func TestCheckpointOfAnotherKafkaIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		j := newJournal(w)
		w.grow(time.Now().Add(-30*time.Minute), 20)
		w.runJournal(t, j, time.Hour)
		delivered := len(w.delivered)
		other := newJournal(w)
		other.kafka = audit.Standing{N: 1, Epoch: 1}
		other.log = j.log
		r := w.runner()
		r.Sink = other
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := r.Run(ctx, w.settings(), audit.Checkpoint{})
		if !errors.Is(err, errAhead) {
			t.Errorf("%v", err)
		}
		if other.owner != aheadTries || len(w.delivered) != delivered {
			t.Errorf("taken %d times, %d delivered", other.owner, len(w.delivered)-delivered)
		}
	})
}

// A stream whose journal has expired, and whose checkpoint is gone, begins where the service's content does: in between
// it has rested for longer than that is kept.
func TestRestForLongerThanTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		j := newJournal(w)
		w.runJournal(t, j, time.Hour)
		n := j.kafka.N
		time.Sleep(9 * 24 * time.Hour)
		j.log = nil
		w.restore(dump{})
		w.grow(time.Now().Add(-6*24*time.Hour), 20)
		w.runJournal(t, j, time.Hour)
		w.check(t)
		if j.log[0].Entry.N != n+1 || j.log[0].Entry.Snapshot == nil {
			t.Errorf("after %d the journal goes on with %+v", n, j.log[0].Entry)
		}
		if !slices.Contains(w.told(), "checkpoint_rebuilt") {
			t.Errorf("told %v", w.told())
		}
	})
}
