package checkpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
)

func peek(t *testing.T, s Store) audit.Checkpoint {
	t.Helper()
	c, ok, err := s.Peek(t.Context(), exchange)
	if err != nil || !ok {
		t.Fatalf("peek: %v, %v", ok, err)
	}
	return c
}

func testPeek(t *testing.T, v vault) {
	store := v.open(t)
	if c, ok, err := store.Peek(t.Context(), exchange); ok || err != nil || !cmp.Equal(c, audit.Checkpoint{}) {
		t.Fatalf("peek at nothing: %v, %v, %v", c, ok, err)
	}
	h := acquire(t, store)
	if _, ok, err := store.Peek(t.Context(), exchange); ok || err != nil {
		t.Fatalf("peek at a stream that was only taken: %v, %v", ok, err)
	}
	if err := h.Reset(t.Context(), audit.Checkpoint{Position: -1, FirstStart: base}); err != nil {
		t.Fatal(err)
	}
	for n := range int64(3) {
		e := entry(n + 1)
		e.Pending = []audit.Pending{pendingBlob("a")}
		apply(t, h, e)
		if diff := cmp.Diff(load(t, h), peek(t, store)); diff != "" {
			t.Fatalf("peek differs from the owner's view: %s", diff)
		}
	}
	if err := h.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := peek(t, store); c.N != 3 {
		t.Errorf("after release N is %d, want 3", c.N)
	}
	if len(v.parts) > 0 {
		v.drop(t, exchange, v.parts[1])
		_, ok, err := store.Peek(t.Context(), exchange)
		if ok {
			t.Error("peek finds something in a damaged checkpoint")
		}
		wantError(t, err, audit.ErrLost)
	}
}

func wish(t *testing.T, s Store) audit.Wish {
	t.Helper()
	w, err := s.Wish(t.Context(), exchange)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func change(t *testing.T, s Store, f func(*audit.Wish)) {
	t.Helper()
	if err := s.ChangeWish(t.Context(), exchange, f); err != nil {
		t.Fatal(err)
	}
}

func testWish(t *testing.T, v vault) {
	store := v.open(t)
	if diff := cmp.Diff(audit.Wish{}, wish(t, store)); diff != "" {
		t.Fatal(diff)
	}
	want := audit.Wish{
		State: audit.Stopped, Since: base, By: "äöü \x00", Command: "c-1", Earlier: []string{"c-0", "c-00"},
		Watermark: &audit.WatermarkWish{To: base.Add(-time.Hour), Reset: true, Command: "c-2", Until: base.Add(time.Hour)},
		Backfills: []audit.Backfill{{
			ID: "b-1", From: base.Add(-time.Hour), To: base, Mode: audit.BackfillRepublish, Topic: "again",
			Filters: audit.BackfillFilters{RecordTypes: []string{"1"}, Workloads: []string{"Exchange"}, Operations: []string{"Send", "x"}},
			Asked:   base, By: "me", Cancelled: true,
		}},
		Outages: []audit.Outage{{From: base.Add(-time.Hour), To: base.Add(-time.Minute)}, {From: base}},
	}
	change(t, store, func(w *audit.Wish) { *w = want })
	if diff := cmp.Diff(want, wish(t, store)); diff != "" {
		t.Fatal(diff)
	}

	// Neither the owner nor a reset touches it, and it touches neither.
	h := started(t, store)
	apply(t, h, entry(1))
	change(t, store, func(w *audit.Wish) { w.State = audit.Paused })
	apply(t, h, entry(2))
	if err := h.Reset(t.Context(), audit.Checkpoint{}); err != nil {
		t.Fatal(err)
	}
	acquire(t, store)
	want.State = audit.Paused
	if diff := cmp.Diff(want, wish(t, store)); diff != "" {
		t.Error(diff)
	}
	other := audit.Stream{Tenant: exchange.Tenant, ContentType: audit.DLP}
	if w, err := store.Wish(t.Context(), other); err != nil || !cmp.Equal(w, audit.Wish{}) {
		t.Errorf("wish for another stream: %+v, %v", w, err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	store = v.open(t)
	if diff := cmp.Diff(want, wish(t, store)); diff != "" {
		t.Errorf("after a restart: %s", diff)
	}
	v.wipe(t)
	if w := wish(t, store); !cmp.Equal(w, audit.Wish{}) {
		t.Errorf("a wiped store remembers %+v", w)
	}
}

func testWishBackfills(t *testing.T, v vault) {
	store := v.open(t)
	add := func(b audit.Backfill) error {
		return store.ChangeWish(t.Context(), exchange, func(w *audit.Wish) { w.Backfills = append(w.Backfills, b) })
	}
	for _, b := range []audit.Backfill{
		{ID: "old", Asked: time.Now().Add(-wishAge - time.Minute)}, {ID: "twice"}, {ID: "once"}, {ID: "twice", Cancelled: true},
	} {
		if err := add(b); err != nil {
			t.Fatal(err)
		}
	}
	w := wish(t, store)
	if len(w.Backfills) != 2 || w.Backfills[0].Asked.IsZero() {
		t.Fatalf("back-fills are %+v", w.Backfills)
	}
	if b, ok := w.Backfill("twice"); !ok || !b.Cancelled {
		t.Errorf("the later of two is %+v", b)
	}
	if err := add(audit.Backfill{}); err == nil || !strings.Contains(err.Error(), "no id") {
		t.Errorf("back-fill without id: %v", err)
	}
	for i := range maxBackfills - 2 {
		if err := add(audit.Backfill{ID: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := add(audit.Backfill{ID: "one too many"}); err == nil || !strings.Contains(err.Error(), "wait until") {
		t.Errorf("back-fill beyond the bound: %v", err)
	}
	if got := len(wish(t, store).Backfills); got != maxBackfills {
		t.Errorf("%d back-fills, want %d", got, maxBackfills)
	}
}

func testWishConcurrent(t *testing.T, v vault) {
	store := v.open(t)
	changes := []func(w *audit.Wish){
		func(w *audit.Wish) { w.State = audit.Paused },
		func(w *audit.Wish) { w.By = "x" },
		func(w *audit.Wish) { w.Watermark = &audit.WatermarkWish{To: base} },
	}
	for i := range 12 {
		changes = append(changes, func(w *audit.Wish) { w.Backfills = append(w.Backfills, audit.Backfill{ID: fmt.Sprint(i)}) })
	}
	var all sync.WaitGroup
	for _, f := range changes {
		all.Go(func() {
			if err := store.ChangeWish(t.Context(), exchange, f); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	w := wish(t, store)
	if w.State != audit.Paused || w.By != "x" || w.Watermark == nil || len(w.Backfills) != 12 {
		t.Errorf("a change was lost: %+v", w)
	}
}

func statusOf(t *testing.T, store Store, streams ...audit.Stream) []audit.StreamStatus {
	t.Helper()
	list, err := store.Statuses(t.Context(), streams)
	if err != nil || len(list) != len(streams) {
		t.Fatalf("statuses: %v, %v", list, err)
	}
	return list
}

func testStatusUnowned(t *testing.T, v vault) {
	store := v.open(t)
	h := started(t, store)
	open := audit.Gap{From: base, Cause: audit.CauseStopped, Noted: base}
	apply(t, h, audit.Entry{N: 1, Time: base, Gaps: []audit.Gap{open}, Pending: []audit.Pending{pendingBlob("a")}})
	if err := h.Advance(t.Context(), audit.Progress{Watermark: base}); err != nil {
		t.Fatal(err)
	}
	never := audit.Stream{Tenant: audit.Tenant{ID: exchange.Tenant.ID, Name: "other"}, ContentType: audit.DLP}
	list := statusOf(t, store, never, exchange)
	want := audit.StreamStatus{
		Tenant: never.Tenant.ID, TenantName: "other", ContentType: audit.DLP, State: audit.StateUnowned, Gaps: []audit.GapStatus{},
	}
	if diff := cmp.Diff(want, list[0]); diff != "" {
		t.Error(diff)
	}
	got := list[1]
	if got.State != audit.StateUnowned || got.Owner != "" || !got.Watermark.Equal(base) || got.PendingBlobs != 1 ||
		got.LagSeconds < 3600 || got.HoursToLoss > 167 || got.HoursToLoss < 166 ||
		!cmp.Equal(got.Gaps, []audit.GapStatus{{From: base, Cause: audit.CauseStopped}}) {
		t.Errorf("status of a stream without line: %+v", got)
	}
	statusOf(t, store)
	if len(v.parts) > 0 {
		v.drop(t, exchange, v.parts[0])
		if e := statusOf(t, store, exchange)[0].LastError; e == nil || !strings.Contains(e.Message, audit.ErrLost.Error()) || e.Hint == "" {
			t.Errorf("a damaged checkpoint has last error %+v", e)
		}
	}
}

func testStatus(t *testing.T, v vault) {
	store := v.open(t)
	line := audit.StreamStatus{
		Tenant: exchange.Tenant.ID, TenantName: exchange.Tenant.Name, ContentType: audit.Exchange, State: audit.StateReading,
		Owner: "host-1", Since: base, Watermark: base.Add(time.Minute), LagSeconds: 1.5, HoursToLoss: 2.25, BacklogBlobs: 3,
		PendingBlobs: 4, RecordsTotal: 5, RecordsPerSecond: 6.5, LastError: &audit.LastError{Time: base, Message: "m", Hint: "h"},
		Gaps: []audit.GapStatus{
			{From: base, To: base.Add(time.Second), Cause: audit.CauseAge, Count: 2}, {From: base, Cause: audit.CauseStopped},
		},
		LastList: base, LastRecord: base.Add(time.Second),
	}
	put := func(ttl time.Duration) {
		t.Helper()
		if err := store.PutStatus(t.Context(), exchange, line, ttl); err != nil {
			t.Fatal(err)
		}
	}
	put(time.Minute)
	if diff := cmp.Diff(line, statusOf(t, store, exchange)[0]); diff != "" {
		t.Error(diff)
	}
	put(0)
	if got := statusOf(t, store, exchange)[0].State; got != audit.StateUnowned {
		t.Errorf("state is %s after the line was taken away", got)
	}
	put(50 * time.Millisecond)
	v.pass(t, 60*time.Millisecond)
	if got := statusOf(t, store, exchange)[0].State; got != audit.StateUnowned {
		t.Errorf("state is %s after the line's time", got)
	}
}

// TestOpenGapHasNoEnd reads the JSON that people see.
func TestOpenGapHasNoEnd(t *testing.T) {
	text, err := json.Marshal(audit.GapStatus{From: base, Cause: audit.CauseStopped, Count: 3})
	want := fmt.Sprintf(`{"from":%q,"to":null,"cause":"stopped","count":3}`, base.Format(time.RFC3339))
	if err != nil || string(text) != want {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
}

func testAnswers(t *testing.T, v vault) {
	store := v.open(t)
	id := "o365.control/3/{17} ../*\n"
	begin := func(token string, want string) [][]byte {
		t.Helper()
		answer, state, err := store.BeginAnswer(t.Context(), id, token, 100*time.Millisecond)
		if err != nil || state != want {
			t.Fatalf("begin by %s: %s, %v, want %s", token, state, err, want)
		}
		return answer
	}
	begin("a", AnswerNew)
	begin("b", AnswerRunning)
	v.pass(t, 60*time.Millisecond)
	begin("a", AnswerNew) // renews
	v.pass(t, 60*time.Millisecond)
	begin("b", AnswerRunning)
	v.pass(t, 110*time.Millisecond)
	begin("b", AnswerNew) // a is dead
	begin("a", AnswerRunning)
	for _, token := range []string{"a", "b"} { // a holds nothing to abandon
		begin("a", AnswerRunning)
		if err := store.AbandonAnswer(t.Context(), id, token); err != nil {
			t.Fatal(err)
		}
	}
	begin("c", AnswerNew)

	first := [][]byte{[]byte(`{"part":1}`), {}, {0, 0xff, '\n'}}
	for _, answer := range [][][]byte{first, {[]byte("second")}} {
		if err := store.FinishAnswer(t.Context(), id, answer, 300*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, begin("d", AnswerDone)); diff != "" {
			t.Fatal(diff)
		}
	}
	if err := store.AbandonAnswer(t.Context(), id, "c"); err != nil {
		t.Fatal(err)
	}
	begin("c", AnswerDone)
	v.pass(t, 310*time.Millisecond)
	begin("e", AnswerNew)

	if err := store.FinishAnswer(t.Context(), "never begun", nil, time.Minute); err != nil {
		t.Fatal(err)
	}
	if answer, state, err := store.BeginAnswer(t.Context(), "never begun", "a", time.Second); state != AnswerDone || len(answer) != 0 || err != nil {
		t.Errorf("answer without messages: %q, %s, %v", answer, state, err)
	}
	large := [][]byte{bytes.Repeat([]byte{'x'}, maxAnswer), {'y'}}
	if err := store.FinishAnswer(t.Context(), id, large, time.Minute); !errors.Is(err, ErrAnswerTooLarge) {
		t.Errorf("large answer: %v", err)
	}
	begin("e", AnswerNew)
	for name, call := range map[string]func() error{
		"no token": func() error { _, _, err := store.BeginAnswer(t.Context(), id, "", time.Second); return err },
		"no lease": func() error { _, _, err := store.BeginAnswer(t.Context(), id, "a", 0); return err },
		"no time":  func() error { return store.FinishAnswer(t.Context(), id, nil, 0) },
	} {
		if call() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func testAnswersReopened(t *testing.T, v vault) {
	store := v.open(t)
	if err := store.FinishAnswer(t.Context(), "id", [][]byte{[]byte("x")}, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	answer, state, err := v.open(t).BeginAnswer(t.Context(), "id", "a", time.Second)
	if err != nil || state != AnswerDone || len(answer) != 1 {
		t.Errorf("after a restart: %q, %s, %v", answer, state, err)
	}
}

// testOneClaim has many members begin the same command.
func testOneClaim(t *testing.T, v vault) {
	store := v.open(t)
	var mu sync.Mutex
	states := map[string]int{}
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			_, state, err := store.BeginAnswer(t.Context(), "id", fmt.Sprint(i), time.Minute)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			states[state]++
		})
	}
	all.Wait()
	if diff := cmp.Diff(map[string]int{AnswerNew: 1, AnswerRunning: 11}, states); diff != "" {
		t.Error(diff)
	}
}

func testOperatorContext(t *testing.T, v vault) {
	store := v.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func() error{
		"peek":     func() error { _, _, err := store.Peek(ctx, exchange); return err },
		"wish":     func() error { _, err := store.Wish(ctx, exchange); return err },
		"change":   func() error { return store.ChangeWish(ctx, exchange, func(w *audit.Wish) { w.By = "x" }) },
		"status":   func() error { return store.PutStatus(ctx, exchange, audit.StreamStatus{}, time.Minute) },
		"statuses": func() error { _, err := store.Statuses(ctx, []audit.Stream{exchange}); return err },
		"begin":    func() error { _, _, err := store.BeginAnswer(ctx, "id", "a", time.Minute); return err },
		"finish":   func() error { return store.FinishAnswer(ctx, "id", nil, time.Minute) },
		"abandon":  func() error { return store.AbandonAnswer(ctx, "id", "a") },
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func testOutages(t *testing.T, v vault) {
	store := v.open(t)
	const more = 30
	change(t, store, func(w *audit.Wish) {
		for i := range maxOutages + more {
			w.Stopped(base.Add(time.Duration(i) * time.Hour))
			w.Started(base.Add(time.Duration(i)*time.Hour+time.Minute), time.Time{})
		}
	})
	list := wish(t, store).Outages
	if len(list) != maxOutages || !list[0].From.Equal(base) || !list[0].To.Equal(base.Add(more*time.Hour+time.Minute)) {
		t.Errorf("%d outages, the first one %+v", len(list), list[0])
	}
}
