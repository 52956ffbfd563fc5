package checkpoint

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
)

// Epochs repeat when Redis loses them; Kafka remembers the highest one that committed anything.
func testKafkaEpoch(t *testing.T, v vault) {
	store := v.open(t)
	h := acquire(t, store)
	known := h.Epoch() + 1000
	if _, _, err := h.Load(t.Context(), known); err != nil {
		t.Fatal(err)
	}
	if h.Epoch() != known+1 {
		t.Errorf("epoch %d, want %d", h.Epoch(), known+1)
	}
	if err := h.Reset(t.Context(), audit.Checkpoint{N: 41, Position: 77}); err != nil {
		t.Fatal(err)
	}
	if c := load(t, h); c.N != 41 || c.Position != 77 || c.Epoch != h.Epoch() {
		t.Errorf("after a reset: %+v", c)
	}
	apply(t, h, entry(42))
	next := acquire(t, store)
	if next.Epoch() <= h.Epoch() {
		t.Errorf("epoch %d after %d", next.Epoch(), h.Epoch())
	}
	_, _, err := h.Load(t.Context(), 1<<60)
	wantError(t, err, audit.ErrFenced)
	apply(t, next, entry(43))
}

func logged(n int64) audit.Logged {
	l := audit.Logged{Entry: entry(n), Position: n * 10}
	l.Entry.Progress = audit.Progress{Watermark: base.Add(time.Duration(n) * time.Minute), Swept: base}
	return l
}

func loggedTo(from, to int64) (all []audit.Logged) {
	for n := from; n <= to; n++ {
		all = append(all, logged(n))
	}
	return all
}

func testReplay(t *testing.T, v vault) {
	store := v.open(t)
	h := acquire(t, store)
	if err := h.Reset(t.Context(), audit.Checkpoint{N: 99, Position: 5}); err != nil {
		t.Fatal(err)
	}
	all := loggedTo(100, 150)
	all[0].Entry.Pending = []audit.Pending{pendingBlob("a"), pendingBlob("b")}
	all[20].Entry.Resolved = []audit.Hash{audit.HashOf("a")}
	all[30].Entry.Gaps = []audit.Gap{{From: base, To: base.Add(time.Hour), Cause: audit.CauseAge, Noted: base}}
	all[40].Entry.Desired = &audit.Desired{State: audit.Paused, Since: base}
	if err := h.Replay(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	want := audit.Checkpoint{
		N: 150, Epoch: h.Epoch() + 1, Position: 1500, Progress: all[50].Entry.Progress,
		Pending: []audit.Pending{pendingBlob("b")}, Gaps: all[30].Entry.Gaps, Desired: *all[40].Entry.Desired,
	}
	if diff := cmp.Diff(want, load(t, h)); diff != "" {
		t.Error(diff)
	}
	for _, l := range all {
		if got := unseen(t, h, 150, l.Entry.Done); got != 0 {
			t.Fatalf("%d blobs of entry %d are missing in the ledger", got, l.Entry.N)
		}
	}
	if got := unseen(t, h, 150, entry(99).Done); got != 5 {
		t.Errorf("%d blobs unseen, want 5", got)
	}
	apply(t, h, entry(151))
}

// A call whose answer was lost is repeated; a hole is one in the journal, or Redis was rolled back meanwhile.
func testReplayCutOff(t *testing.T, v vault) {
	store := v.open(t)
	h := started(t, store)
	if err := h.Replay(t.Context(), loggedTo(1, 20)); err != nil {
		t.Fatal(err)
	}
	if err := h.Replay(t.Context(), loggedTo(10, 40)); err != nil {
		t.Fatal(err)
	}
	if c := load(t, h); c.N != 40 || c.Position != 400 {
		t.Fatalf("%+v", c)
	}
	if err := h.Replay(t.Context(), append(loggedTo(41, 45), loggedTo(47, 90)...)); !errors.Is(err, audit.ErrLost) {
		t.Errorf("over a hole: %v", err)
	}
	if c := load(t, h); c.N != 45 {
		t.Errorf("N is %d, want 45", c.N)
	}
	acquire(t, store)
	wantError(t, h.Replay(t.Context(), loggedTo(46, 90)), audit.ErrFenced)
}

func testReplayProgress(t *testing.T, v vault) {
	h := started(t, v.open(t))
	ahead := audit.Progress{Watermark: base.Add(5*time.Minute + time.Second), Swept: base.Add(time.Hour)}
	if err := h.Advance(t.Context(), ahead); err != nil {
		t.Fatal(err)
	}
	if err := h.Replay(t.Context(), loggedTo(1, 5)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ahead, load(t, h).Progress); diff != "" {
		t.Errorf("what is further was given up: %s", diff)
	}
	l := logged(6)
	l.Entry.Progress.Head = audit.Window{Start: base.Add(time.Hour), End: base.Add(2 * time.Hour)}
	back := logged(7)
	back.Entry.Watermark = &audit.WatermarkMove{To: base, Command: "c"}
	after := logged(8)
	after.Entry.Progress.Watermark = base.Add(time.Second)
	for _, step := range []struct {
		entry audit.Logged
		want  audit.Progress
	}{
		{l, l.Entry.Progress},
		{back, audit.Progress{Watermark: base, Swept: base}},
		{after, after.Entry.Progress},
	} {
		if err := h.Replay(t.Context(), []audit.Logged{step.entry}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, load(t, h).Progress); diff != "" {
			t.Errorf("entry %d: %s", step.entry.Entry.N, diff)
		}
	}
	live := entry(9)
	live.Progress = audit.Progress{Watermark: base.Add(time.Hour)}
	apply(t, h, live) // whoever applies his own entry may have advanced since
	if diff := cmp.Diff(after.Entry.Progress, load(t, h).Progress); diff != "" {
		t.Errorf("an entry of one's own changed the progress: %s", diff)
	}
}

func testSnapshot(t *testing.T, v vault) {
	store := v.open(t)
	h := started(t, store)
	first := entry(1)
	first.Pending = []audit.Pending{pendingBlob("old")}
	first.Gaps = []audit.Gap{{From: base, Cause: audit.CauseStopped, Noted: base}}
	first.Backfills = []audit.BackfillProgress{backfill("old", base)}
	apply(t, h, first)
	s := audit.Entry{N: 2, Time: base.Add(time.Minute), Snapshot: &audit.Snapshot{
		FirstStart: base.Add(-time.Hour), Pending: []audit.Pending{pendingBlob("a"), pendingBlob("b")},
		Gaps:    []audit.Gap{{From: base, To: base.Add(time.Minute), Cause: audit.CauseAge, Noted: base}},
		Desired: audit.Desired{State: audit.Paused, Since: base}, Moved: "c-9", Backfills: []audit.BackfillProgress{backfill("new", time.Time{})},
	}, Done: []audit.Hash{audit.HashOf("a")}}
	apply(t, h, s)
	apply(t, h, s) // once more
	want := audit.Checkpoint{
		N: 2, Epoch: h.Epoch() + 1, Position: 20, FirstStart: base.Add(-time.Hour), Pending: []audit.Pending{pendingBlob("b")},
		Gaps: s.Snapshot.Gaps, Desired: s.Snapshot.Desired, Moved: "c-9", Backfills: s.Snapshot.Backfills, Snapshot: s.Time,
	}
	if diff := cmp.Diff(want, load(t, h)); diff != "" {
		t.Error(diff)
	}
	if got := unseen(t, h, 2, append(first.Done, s.Done...)); got != 0 {
		t.Errorf("a snapshot forgot %d blobs", got)
	}
	empty := audit.Entry{N: 3, Time: base.Add(time.Hour), Snapshot: &audit.Snapshot{FirstStart: base}}
	apply(t, h, empty)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	h = acquire(t, v.open(t))
	want = audit.Checkpoint{N: 3, Position: 30, FirstStart: base, Snapshot: empty.Time}
	got := load(t, h)
	got.Epoch = 0
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after a restart: %s", diff)
	}
}

func testForget(t *testing.T, v vault) {
	h := started(t, v.open(t))
	apply(t, h, entry(1))
	e := audit.Entry{N: 2, Time: base, Forget: true, Watermark: &audit.WatermarkMove{To: base.Add(time.Hour), Command: "c"}}
	apply(t, h, e)
	apply(t, h, e)
	if got := unseen(t, h, 2, entry(1).Done); got != 5 {
		t.Errorf("%d blobs forgotten, want 5", got)
	}
	if c := load(t, h); !c.FirstStart.Equal(base.Add(time.Hour)) || c.Moved != "c" {
		t.Errorf("%+v", c)
	}
	if err := h.Apply(t.Context(), audit.Entry{N: 3, Time: base, Forget: true}, 30); err == nil {
		t.Error("forgetting without a new watermark")
	}
	apply(t, h, entry(3))
}
