package checkpoint

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
)

func testOpenGap(t *testing.T, v vault) {
	store := v.open(t)
	h := started(t, store)
	from := base.Add(123456789 * time.Nanosecond)
	open := audit.Gap{From: from, Cause: audit.CauseStopped, Count: 1, Noted: base}
	aged := audit.Gap{From: from, Cause: audit.CauseAge, Noted: base.Add(time.Second)}
	other := audit.Gap{From: base.Add(time.Hour), Cause: audit.CauseStopped, Noted: base.Add(2 * time.Second)}
	apply(t, h, audit.Entry{N: 1, Time: base, Gaps: []audit.Gap{open, aged, other}})
	if diff := cmp.Diff([]audit.Gap{open, aged, other}, load(t, h).Gaps); diff != "" {
		t.Fatal(diff)
	}
	more := open
	more.Count = 7
	apply(t, h, audit.Entry{N: 2, Time: base, Gaps: []audit.Gap{more}})
	if diff := cmp.Diff([]audit.Gap{more, aged, other}, load(t, h).Gaps); diff != "" {
		t.Fatal(diff)
	}
	closed := open
	closed.To, closed.Noted = from.Add(time.Hour), base.Add(3*time.Second)
	e := audit.Entry{N: 3, Time: base, Gaps: []audit.Gap{closed}}
	apply(t, h, e)
	apply(t, h, e)
	want := []audit.Gap{aged, other, closed}
	if diff := cmp.Diff(want, load(t, h).Gaps); diff != "" {
		t.Fatal(diff)
	}
	again := closed // a closed one stays
	again.To, again.Noted = from.Add(2*time.Hour), base.Add(4*time.Second)
	within := audit.Gap{From: base.Add(-time.Hour), Cause: audit.CauseStopped, Noted: base.Add(5 * time.Second)}
	done := within // opened and closed in one entry
	done.To = base
	apply(t, h, audit.Entry{N: 4, Time: base, Gaps: []audit.Gap{again, within, done}})
	if diff := cmp.Diff(append(want, again, done), load(t, h).Gaps); diff != "" {
		t.Fatal(diff)
	}
}

func testMove(t *testing.T, v vault) {
	store := v.open(t)
	h := started(t, store)
	apply(t, h, entry(1))
	progress := audit.Progress{Watermark: base.Add(time.Hour), Swept: base, SweptFully: base, SubscribeTried: base}
	progress.Head = audit.Window{Start: base.Add(2 * time.Hour), End: base.Add(3 * time.Hour)}
	if err := h.Advance(t.Context(), progress); err != nil {
		t.Fatal(err)
	}
	move := func(n int64, to time.Time) audit.Checkpoint {
		t.Helper()
		apply(t, h, audit.Entry{N: n, Time: base, Watermark: &audit.WatermarkMove{To: to, Command: fmt.Sprint("c-", n)}})
		return load(t, h)
	}
	want := load(t, h)
	if diff := cmp.Diff(progress, want.Progress); diff != "" {
		t.Error(diff)
	}
	want.N, want.Position, want.Moved, want.Progress.Watermark = 2, 20, "c-2", base.Add(time.Minute)
	want.Progress.Head = audit.Window{}
	want.Epoch++ // each time it is loaded
	if diff := cmp.Diff(want, move(2, base.Add(time.Minute))); diff != "" {
		t.Error(diff)
	}
	if got := unseen(t, h, 2, entry(1).Done); got != 0 {
		t.Errorf("moving the watermark forgot %d blobs", got)
	}
	if c := move(3, base.Add(2*time.Hour)); !c.Progress.Watermark.Equal(base.Add(2 * time.Hour)) {
		t.Errorf("watermark moved ahead is %v", c.Progress.Watermark)
	}
	earlier := base.Add(-time.Hour) // than the first start
	if c := move(4, earlier); !c.Progress.Watermark.Equal(earlier) || !c.FirstStart.Equal(earlier) {
		t.Errorf("watermark is %v, first start %v, want %v", c.Progress.Watermark, c.FirstStart, earlier)
	}
	if err := h.Apply(t.Context(), audit.Entry{N: 5, Time: base, Watermark: &audit.WatermarkMove{}}, 50); err == nil {
		t.Error("the watermark moves to no time")
	}
	apply(t, h, entry(5))
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if c := load(t, acquire(t, v.open(t))); c.Moved != "c-4" || !c.Progress.Watermark.Equal(earlier) {
		t.Errorf("after a restart: %+v", c)
	}
}

func backfill(id string, ended time.Time) audit.BackfillProgress {
	p := audit.BackfillProgress{
		ID: id, Next: base.Add(time.Nanosecond), Blobs: 1, Records: 2, Requests: 3, State: audit.BackfillRunning, Started: base,
		Redrive: &audit.RedriveProgress{
			Filter: audit.RedriveFilter{Cause: audit.CauseMalformed, Since: base, ContentID: "c"}, Ends: []int64{3, 0}, Done: []int64{1, 0},
			Behind: []audit.Hash{audit.HashOf(id)}, Letters: 4, Again: 1, Expired: 2, Known: 3, Examples: []string{"e"},
		},
	}
	if !ended.IsZero() {
		p.State, p.Error, p.Ended = audit.BackfillFailed, "a \"reason\" äöü", ended
	}
	return p
}

func testBackfills(t *testing.T, v vault) {
	store := v.open(t)
	h := started(t, store)
	n := int64(0)
	put := func(list ...audit.BackfillProgress) {
		t.Helper()
		n++
		apply(t, h, audit.Entry{N: n, Time: base, Backfills: list})
	}
	put(backfill("b", time.Time{}), backfill("a b", time.Time{}))
	put(backfill("b", base.Add(time.Second)))
	want := []audit.BackfillProgress{backfill("a b", time.Time{}), backfill("b", base.Add(time.Second))}
	if diff := cmp.Diff(want, load(t, h).Backfills); diff != "" {
		t.Fatal(diff)
	}
	put(backfill("old", base.Add(-backfillAge-time.Second)), backfill("not so old", base.Add(-backfillAge+time.Second)))
	want = append(want, backfill("not so old", base.Add(-backfillAge+time.Second)))
	if diff := cmp.Diff(want, load(t, h).Backfills); diff != "" {
		t.Fatal(diff)
	}
	var many []audit.BackfillProgress
	for i := range maxBackfills - 1 {
		many = append(many, backfill(fmt.Sprintf("m%03d", i), base.Add(time.Minute)))
	}
	put(many...)
	got := load(t, h).Backfills // the two that ended first had to go
	if diff := cmp.Diff(append([]audit.BackfillProgress{backfill("a b", time.Time{})}, many...), got); diff != "" {
		t.Fatal(diff)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	store = v.open(t)
	h = acquire(t, store)
	if diff := cmp.Diff(got, load(t, h).Backfills); diff != "" {
		t.Errorf("after a restart: %s", diff)
	}
	kept := audit.Checkpoint{Position: -1, Moved: "c", Backfills: got[:2]}
	if err := h.Reset(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	kept.Epoch = load(t, h).Epoch + 1 // each time it is loaded
	if diff := cmp.Diff(kept, load(t, h)); diff != "" {
		t.Errorf("after a reset: %s", diff)
	}
}
