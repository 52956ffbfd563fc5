package checkpoint

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
)

func testUnseen(t *testing.T, v vault) {
	h := started(t, v.open(t))
	if got := unseen(t, h, 0, nil); got != 0 {
		t.Errorf("%d of no hashes are unseen", got)
	}
	zero, full := audit.Hash{}, audit.Hash{0xff, '\r', '\n', 0, 0xff, 0x80, '"', '\\', 0xff, 0xff}
	apply(t, h, audit.Entry{N: 1, Time: base, Done: append(hashes(0, 3), zero, full)})
	asked := []audit.Hash{hashes(9, 1)[0], zero, hashes(1, 1)[0], hashes(8, 1)[0], full, hashes(9, 1)[0]}
	got, err := h.Unseen(t.Context(), 1, asked)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]audit.Hash{asked[0], asked[3], asked[5]}, got); diff != "" {
		t.Error(diff)
	}
}

func testWatermark(t *testing.T, v vault) {
	h := started(t, v.open(t))
	for _, offset := range []time.Duration{2, 5, 3, 0, 4} {
		p := audit.Progress{Watermark: base.Add(offset * time.Minute), Swept: base.Add(offset)}
		if err := h.Advance(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Advance(t.Context(), audit.Progress{}); err != nil {
		t.Fatal(err)
	}
	if got := load(t, h).Progress.Watermark; !got.Equal(base.Add(5 * time.Minute)) {
		t.Errorf("watermark is %s", got)
	}
}

func testTrimming(t *testing.T, v vault) {
	h := started(t, v.open(t))
	old := audit.Entry{N: 1, Time: base.Add(-LedgerAge - 2*time.Hour), Done: hashes(0, 50)}
	kept := audit.Entry{N: 2, Time: base.Add(-LedgerAge + 2*time.Hour), Done: hashes(100, 50)}
	apply(t, h, old)
	apply(t, h, kept)
	if got := unseen(t, h, 2, old.Done); got != 0 {
		t.Errorf("%d blobs forgotten while entries are old", got)
	}
	apply(t, h, audit.Entry{N: 3, Time: base})
	if got := unseen(t, h, 3, old.Done); got != 50 {
		t.Errorf("%d of 50 old blobs forgotten", got)
	}
	if got := unseen(t, h, 3, kept.Done); got != 0 {
		t.Errorf("%d blobs forgotten too early", got)
	}
	apply(t, h, audit.Entry{N: 4, Time: base.Add(20 * LedgerAge)}) // a wrong clock of ours
	if got := unseen(t, h, 4, kept.Done); got != 0 {
		t.Errorf("%d blobs forgotten by a wrong clock", got)
	}
	apply(t, h, audit.Entry{N: 5, Time: base.Add(time.Second), Done: hashes(200, 1)})
}

func testGaps(t *testing.T, v vault) {
	h := started(t, v.open(t))
	for n := range int64(6) {
		e := audit.Entry{N: n + 1, Time: base}
		for i := range 200 {
			at := base.Add(time.Duration(n)*time.Hour + time.Duration(i)*time.Second)
			e.Gaps = append(e.Gaps, audit.Gap{From: at, To: at, Cause: audit.CauseAge, Noted: at})
		}
		apply(t, h, e)
	}
	gaps := load(t, h).Gaps
	if len(gaps) != maxGaps || !gaps[0].From.Equal(base.Add(time.Hour)) {
		t.Fatalf("%d gaps from %s", len(gaps), gaps[0].From)
	}
	if !slices.IsSortedFunc(gaps, func(a, b audit.Gap) int { return a.Noted.Compare(b.Noted) }) {
		t.Error("gaps are not in order")
	}
}

func testLarge(t *testing.T, v vault) {
	h := started(t, v.open(t))
	many := 20_000
	if v.slow {
		many = 4_000
	}
	e := audit.Entry{N: 1, Time: base, Done: hashes(0, many), Resolved: hashes(50000, many)}
	for i := range 2000 {
		e.Pending = append(e.Pending, pendingBlob(fmt.Sprintf("pending-%d", i)))
	}
	apply(t, h, e)
	apply(t, h, e)
	if got := unseen(t, h, 1, hashes(0, many+1)); got != 1 {
		t.Errorf("%d unseen, want 1", got)
	}
	if got := len(load(t, h).Pending); got != 2000 {
		t.Errorf("%d pending, want 2000", got)
	}
	e2 := audit.Entry{N: 2, Time: base}
	for _, p := range e.Pending {
		e2.Done = append(e2.Done, p.Blob.Hash())
	}
	apply(t, h, e2)
	if got := len(load(t, h).Pending); got != 0 {
		t.Errorf("%d pending, want 0", got)
	}
}
