package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"o365-kafka-connector/internal/audit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var exchange = audit.Stream{
	Tenant:      audit.Tenant{ID: "11111111-1111-1111-1111-111111111111", Name: "contoso"},
	ContentType: audit.Exchange,
}

// base is the time of the tests' entries: a whole number of seconds, a little while ago.
var base = time.Now().Add(-time.Hour).Truncate(time.Second).UTC()

// testStore is the contract that every kind of store keeps.
func testStore(t *testing.T, make func(t *testing.T) vault) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, v vault)
	}{
		{"NothingIsStoredAtFirst", testNothing},
		{"RoundTrip", testRoundTrip},
		{"TakingFencesFormerOwner", testFencing},
		{"EpochsNeverRepeat", testEpochs},
		{"ReleaseEndsWriting", testRelease},
		{"RepeatedApplyIsTakenAsApplied", testRepeatedApply},
		{"OtherEntryOfSameNumberIsLost", testOtherEntry},
		{"WrongNumberIsLost", testWrongNumber},
		{"UnseenAsksTheLedger", testUnseen},
		{"WatermarkNeverGoesBack", testWatermark},
		{"OldHashesAreForgotten", testTrimming},
		{"GapsAreBounded", testGaps},
		{"LargeEntries", testLarge},
		{"ConcurrentCalls", testConcurrent},
		{"StreamsAreApart", testStreams},
		{"SurvivesReopening", testReopen},
		{"ResetForgets", testReset},
		{"WipedUnderOwner", testWiped},
		{"RolledBackUnderOwner", testRolledBack},
		{"PartLostAlone", testPartLost},
		{"PartRolledBackAlone", testPartRolledBack},
		{"BoundToOneDeployment", testBind},
		{"EndedContext", testContext},
		{"OpenGapIsReplaced", testOpenGap},
		{"WatermarkMovesByEntry", testMove},
		{"BackfillsAreRemembered", testBackfills},
		{"PeekNeedsNoOwnership", testPeek},
		{"Retire", testRetire},
		{"WishIsKeptApart", testWish},
		{"WishedBackfills", testWishBackfills},
		{"WishesOfSeveral", testWishConcurrent},
		{"WishedOutages", testOutages},
		{"StatusLines", testStatus},
		{"StatusOfUnownedStreams", testStatusUnowned},
		{"Answers", testAnswers},
		{"AnswersSurviveReopening", testAnswersReopened},
		{"OneClaimsACommand", testOneClaim},
		{"EndedContextOfOperator", testOperatorContext},
		{"PartitionsAreBound", testPartitions},
		{"Documents", testDocuments},
		{"DocumentsExpire", testDocumentsExpire},
		{"DocumentsAreSharedWithoutLoss", testDocumentsRace},
		{"EndedContextOfDocuments", testDocumentsContext},
		{"LoadRaisesTheEpochAboveKafkas", testKafkaEpoch},
		{"RebuiltFromEntries", testReplay},
		{"ReplayGoesOnWhereItWasCutOff", testReplayCutOff},
		{"ReplayTakesNewerProgress", testReplayProgress},
		{"SnapshotReplacesAllButTheLedger", testSnapshot},
		{"ForgettingEmptiesTheLedger", testForget},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, make(t)) })
	}
}

// sleep lets time go by where nobody can turn the clock.
func sleep(_ *testing.T, d time.Duration) { time.Sleep(d) }

func acquire(t *testing.T, s Store) Handle {
	t.Helper()
	h, err := s.Acquire(t.Context(), exchange)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// started acquires the stream and resets it.
func started(t *testing.T, s Store) Handle {
	t.Helper()
	h := acquire(t, s)
	if err := h.Reset(t.Context(), audit.Checkpoint{Position: -1, FirstStart: base}); err != nil {
		t.Fatal(err)
	}
	return h
}

func load(t *testing.T, h Handle) audit.Checkpoint {
	t.Helper()
	c, ok, err := h.Load(t.Context(), 0)
	if err != nil || !ok {
		t.Fatalf("load: %v, %v", ok, err)
	}
	return c
}

func hashes(from, count int) []audit.Hash {
	out := make([]audit.Hash, count)
	for i := range out {
		out[i] = audit.HashOf(fmt.Sprintf("blob-%d", from+i))
	}
	return out
}

// entry marks five blobs of its own.
func entry(n int64) audit.Entry {
	return audit.Entry{N: n, Time: base.Add(time.Duration(n%1000) * time.Second), Done: hashes(int(n)*1000, 5)}
}

func apply(t *testing.T, h Handle, e audit.Entry) {
	t.Helper()
	if err := h.Apply(t.Context(), e, e.N*10); err != nil {
		t.Fatalf("apply %d: %v", e.N, err)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
}

// unseen asks for some hashes and returns how many are not in the ledger.
func unseen(t *testing.T, h Handle, n int64, list []audit.Hash) int {
	t.Helper()
	out, err := h.Unseen(t.Context(), n, list)
	if err != nil {
		t.Fatalf("unseen at %d: %v", n, err)
	}
	return len(out)
}

func pendingBlob(id string) audit.Pending {
	return audit.Pending{
		Blob: audit.Blob{
			ID: id, URI: "https://manage.office.com/x/" + id, Created: base, Listed: "2026-11-23T10:00:00.000Z",
			Expires: base.Add(7 * 24 * time.Hour),
		},
		Cause: audit.CauseNotFound, Error: "AF20050: not \"there\" \x00 äöü", Attempts: 3, Same: 2, SHA256: "ab",
		SameSince: base.Add(2 * time.Millisecond), FirstFailed: base.Add(time.Millisecond), LastFailed: base.Add(time.Second), NextTry: base.Add(time.Minute),
	}
}

func testNothing(t *testing.T, v vault) {
	h := acquire(t, v.open(t))
	if c, ok, err := h.Load(t.Context(), 0); ok || err != nil || !cmp.Equal(c, audit.Checkpoint{}) {
		t.Fatalf("load: %v, %v, %v", c, ok, err)
	}
	_, err := h.Unseen(t.Context(), 0, hashes(0, 1))
	wantError(t, err, audit.ErrLost)
	wantError(t, h.Apply(t.Context(), entry(1), -1), audit.ErrLost)
	wantError(t, h.Advance(t.Context(), audit.Progress{Watermark: base}), audit.ErrLost)
	if _, ok, err := h.Load(t.Context(), 0); ok || err != nil {
		t.Fatalf("load after refused calls: %v, %v", ok, err)
	}
}

func testRoundTrip(t *testing.T, v vault) {
	h := acquire(t, v.open(t))
	first := audit.Checkpoint{
		Position: -1, FirstStart: base.Add(-time.Hour), Progress: audit.Progress{Watermark: base, Swept: base.Add(time.Second)},
		Desired: audit.Desired{State: audit.Paused, Since: base},
	}
	if err := h.Reset(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	first.Epoch = load(t, h).Epoch + 1 // each time it is loaded
	if diff := cmp.Diff(first, load(t, h)); diff != "" {
		t.Fatal(diff)
	}
	gap := audit.Gap{From: base.Add(-time.Hour), To: base, Cause: audit.CauseAge, Count: 7, Noted: base}
	wish := &audit.Desired{State: audit.Running, Since: base.Add(time.Minute)}
	apply(t, h, audit.Entry{
		N: 1, Time: base, Pending: []audit.Pending{pendingBlob("a"), pendingBlob("b"), pendingBlob("c")},
		Gaps: []audit.Gap{gap}, Desired: wish,
	})
	again := pendingBlob("c")
	again.Attempts, again.NextTry = 4, base.Add(time.Second)
	apply(t, h, audit.Entry{
		N: 2, Time: base, Done: []audit.Hash{audit.HashOf("a")}, Resolved: []audit.Hash{audit.HashOf("x")},
		Pending: []audit.Pending{again},
	})
	progress := audit.Progress{
		Watermark: base.Add(time.Hour), Swept: base.Add(time.Minute), SweptFully: base.Add(2 * time.Minute),
		SubscribeTried: base.Add(3 * time.Minute),
	}
	if err := h.Advance(t.Context(), progress); err != nil {
		t.Fatal(err)
	}
	want := audit.Checkpoint{
		N: 2, Epoch: first.Epoch + 1, Position: 20, FirstStart: first.FirstStart, Progress: progress,
		Pending: []audit.Pending{again, pendingBlob("b")}, Gaps: []audit.Gap{gap}, Desired: *wish,
	}
	if diff := cmp.Diff(want, load(t, h)); diff != "" {
		t.Fatal(diff)
	}
	apply(t, h, audit.Entry{N: 3, Time: base, Resolved: []audit.Hash{audit.HashOf("b")}})
	if got := load(t, h).Pending; len(got) != 1 || got[0].Blob.ID != "c" {
		t.Fatalf("pending after resolving: %v", got)
	}
}

func testFencing(t *testing.T, v vault) {
	store := v.open(t)
	old := started(t, store)
	apply(t, old, entry(1))
	owner := acquire(t, store)
	calls := map[string]func() error{
		"load":    func() error { _, _, err := old.Load(t.Context(), 0); return err },
		"reset":   func() error { return old.Reset(t.Context(), audit.Checkpoint{}) },
		"unseen":  func() error { _, err := old.Unseen(t.Context(), 1, hashes(0, 1)); return err },
		"apply":   func() error { return old.Apply(t.Context(), entry(2), -1) },
		"repeat":  func() error { return old.Apply(t.Context(), entry(1), 10) },
		"advance": func() error { return old.Advance(t.Context(), audit.Progress{Watermark: base}) },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, audit.ErrFenced) {
			t.Errorf("%s of the former owner: %v", name, err)
		}
	}
	if c := load(t, owner); c.N != 1 || !c.Progress.Watermark.IsZero() {
		t.Errorf("former owner changed the checkpoint: %+v", c)
	}
	if err := old.Release(t.Context()); err != nil {
		t.Error(err)
	}
	apply(t, owner, entry(2))
}

func testEpochs(t *testing.T, v vault) {
	store := v.open(t)
	var last int64
	for range 5 {
		h := started(t, store)
		epoch := load(t, h).Epoch
		if epoch <= last {
			t.Fatalf("epoch %d follows upon %d", epoch, last)
		}
		last = epoch
		v.wipe(t)
	}
}

func testRelease(t *testing.T, v vault) {
	store := v.open(t)
	h := started(t, store)
	apply(t, h, entry(1))
	for range 2 {
		if err := h.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, h.Apply(t.Context(), entry(2), 20), audit.ErrFenced)
	if c := load(t, acquire(t, store)); c.N != 1 {
		t.Errorf("N is %d, want 1", c.N)
	}
}

func testRepeatedApply(t *testing.T, v vault) {
	store := v.open(t)
	h := started(t, store)
	gap := audit.Gap{From: base, To: base, Cause: audit.CauseAge, Noted: base}
	e := audit.Entry{N: 1, Time: base, Done: hashes(0, 3), Gaps: []audit.Gap{gap}, Pending: []audit.Pending{pendingBlob("p")}}
	for range 3 {
		apply(t, h, e)
	}
	h = acquire(t, store) // a successor may read the same entry from the journal
	e.Epoch = 99
	apply(t, h, e)
	if c := load(t, h); c.N != 1 || len(c.Gaps) != 1 || len(c.Pending) != 1 {
		t.Fatalf("after repeated apply: %+v", c)
	}
	apply(t, h, entry(2))
	wantError(t, h.Apply(t.Context(), e, 10), audit.ErrLost)
}

func testOtherEntry(t *testing.T, v vault) {
	h := started(t, v.open(t))
	apply(t, h, entry(1))
	other := entry(1)
	other.Done = hashes(7000, 5)
	wantError(t, h.Apply(t.Context(), other, 10), audit.ErrLost)
	wantError(t, h.Apply(t.Context(), entry(1), 11), audit.ErrLost)
	if got := unseen(t, h, 1, other.Done); got != 5 {
		t.Errorf("refused entry marked %d blobs", 5-got)
	}
}

func testWrongNumber(t *testing.T, v vault) {
	h := started(t, v.open(t))
	apply(t, h, entry(1))
	apply(t, h, entry(2))
	for _, n := range []int64{1, 4, 1 << 40} {
		wantError(t, h.Apply(t.Context(), entry(n), n*10), audit.ErrLost)
	}
	for _, n := range []int64{0, 1, 3} {
		_, err := h.Unseen(t.Context(), n, hashes(0, 1))
		wantError(t, err, audit.ErrLost)
	}
	for _, bad := range []audit.Entry{{N: 0, Time: base}, {N: 3}} {
		if err := h.Apply(t.Context(), bad, -1); err == nil || errors.Is(err, audit.ErrLost) {
			t.Errorf("apply of a bad entry: %v", err)
		}
	}
	if c := load(t, h); c.N != 2 {
		t.Errorf("N is %d, want 2", c.N)
	}
}

func testConcurrent(t *testing.T, v vault) {
	store := v.open(t)
	h := started(t, store)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for ctx.Err() == nil {
				p := audit.Progress{Watermark: base.Add(time.Duration(rand.IntN(3600)) * time.Second)}
				if err := h.Advance(t.Context(), p); err != nil {
					t.Error(err)
					return
				}
				if _, _, err := store.Peek(t.Context(), exchange); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for n := range int64(40) {
		var twice sync.WaitGroup
		for range 3 {
			twice.Go(func() {
				if err := h.Apply(t.Context(), entry(n+1), (n+1)*10); err != nil {
					t.Error(err)
				}
			})
		}
		twice.Wait()
	}
	cancel()
	group.Wait()
	if c := load(t, h); c.N != 40 {
		t.Errorf("N is %d, want 40", c.N)
	}
}

func testStreams(t *testing.T, v vault) {
	store := v.open(t)
	other := exchange
	other.ContentType = audit.SharePoint
	h := started(t, store)
	apply(t, h, entry(1))
	o, err := store.Acquire(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := o.Load(t.Context(), 0); ok || err != nil {
		t.Fatalf("load of another stream: %v, %v", ok, err)
	}
	apply(t, h, entry(2))
}

func testReopen(t *testing.T, v vault) {
	store := v.open(t)
	h := started(t, store)
	apply(t, h, entry(1))
	apply(t, h, audit.Entry{N: 2, Time: base, Pending: []audit.Pending{pendingBlob("a")}})
	before := load(t, h)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	h = acquire(t, v.open(t))
	after := load(t, h)
	if after.Epoch <= before.Epoch {
		t.Errorf("epoch %d follows upon %d", after.Epoch, before.Epoch)
	}
	before.Epoch = after.Epoch
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
	if got := unseen(t, h, 2, hashes(1000, 6)); got != 1 {
		t.Errorf("%d unseen, want 1", got)
	}
	apply(t, h, entry(3))
}

func testReset(t *testing.T, v vault) {
	h := started(t, v.open(t))
	apply(t, h, entry(1))
	apply(t, h, audit.Entry{N: 2, Time: base, Pending: []audit.Pending{pendingBlob("a")}, Desired: &audit.Desired{State: audit.Paused}})
	if err := h.Advance(t.Context(), audit.Progress{Watermark: base.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	kept := audit.Checkpoint{
		Position: 5, FirstStart: base, Moved: "c-1",
		Progress: audit.Progress{Watermark: base, Head: audit.Window{Start: base.Add(time.Hour), End: base.Add(time.Hour)}},
		Pending:  []audit.Pending{pendingBlob("b")}, Gaps: []audit.Gap{{From: base, Cause: audit.CauseStopped, Noted: base}},
		Desired: audit.Desired{State: audit.Stopped, Since: base}, Backfills: []audit.BackfillProgress{backfill("b", time.Time{})},
	}
	if err := h.Reset(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	c := load(t, h)
	want := kept
	want.Epoch = c.Epoch
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
	if got := unseen(t, h, 0, entry(1).Done); got != 5 {
		t.Errorf("%d unseen, want 5", got)
	}
	apply(t, h, entry(1))
}
