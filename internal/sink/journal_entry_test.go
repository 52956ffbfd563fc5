package sink

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
)

var update = flag.Bool("update", false, "write golden files")

const goldenJournal = "testdata/journal.jsonl"

// loggedExamples have every member set somewhere.
func loggedExamples() []audit.Logged {
	at := func(minute int) time.Time { return time.Date(2026, 11, 23, 8, minute, 7, 654321000, time.UTC) }
	pending := []audit.Pending{{
		Blob:  audit.Blob{ID: "blob-1", URI: "https://x/blob-1", Created: at(1), Listed: "2026-11-23T08:01:07.654Z", Expires: at(2)},
		Cause: audit.CauseNotFound, Error: "not \xff there", Attempts: 3, Same: 2, SHA256: "abc", SameSince: at(6), FirstFailed: at(3), LastFailed: at(4), NextTry: at(5),
	}}
	gaps := []audit.Gap{
		{From: at(6), To: at(7), Cause: audit.CauseAge, Count: 8, Noted: at(9)},
		{From: at(10), Cause: audit.CauseStopped, Noted: at(11)},
	}
	fills := []audit.BackfillProgress{{ID: "f", Next: at(12), Blobs: 1, Records: 2, Requests: 3, State: audit.BackfillFailed, Error: "why", Started: at(13), Ended: at(14), Redrive: &audit.RedriveProgress{
		Filter: audit.RedriveFilter{Cause: audit.CauseMalformed, Since: at(15), ContentID: "c"}, Ends: []int64{3, 0}, Done: []int64{1, 0},
		Behind: []audit.Hash{audit.HashOf("x")}, Letters: 4, Again: 1, Expired: 2, Known: 3, Examples: []string{"e"},
	}}}
	progress := audit.Progress{Watermark: at(15), Swept: at(16), SweptFully: at(17), SubscribeTried: at(18), Head: audit.Window{Start: at(19), End: at(20)}}
	return []audit.Logged{
		{Entry: audit.Entry{N: 1, Epoch: 1763884800000000, Time: at(0), Progress: progress, Snapshot: &audit.Snapshot{
			FirstStart: at(21), Pending: pending, Gaps: gaps, Desired: audit.Desired{State: audit.Paused, Since: at(22)}, Moved: "c-1", Backfills: fills,
		}}},
		{Entry: audit.Entry{
			N: 2, Epoch: 1763884800000000, Time: at(1), Done: []audit.Hash{audit.HashOf("a"), audit.HashOf("b")}, Pending: pending,
			Resolved: []audit.Hash{audit.HashOf("c")}, Gaps: gaps, Desired: &audit.Desired{State: audit.Stopped, Since: at(2)},
			Watermark: &audit.WatermarkMove{To: at(3), Command: "c-2"}, Backfills: fills, Forget: true,
		}},
		{Entry: audit.Entry{Time: at(2)}, Token: "TAKE", Opened: true},
		{Entry: audit.Entry{N: 3, Time: at(3)}, Token: "TAKE"},
	}
}

func TestJournalEntriesAreGolden(t *testing.T) {
	t.Parallel()
	var all []byte
	for _, l := range loggedExamples() {
		value := encodeEntry(l)
		all = append(append(all, value...), '\n')
		got, err := decodeEntry(value)
		if err != nil {
			t.Fatal(err)
		}
		replaced := strings.NewReplacer("\xff", "\uFFFD")
		list := l.Entry.Pending
		if l.Entry.Snapshot != nil {
			list = l.Entry.Snapshot.Pending
		}
		for i := range list {
			list[i].Error = replaced.Replace(list[i].Error)
		}
		if d := cmp.Diff(l, got); d != "" {
			t.Error(d)
		}
	}
	if *update {
		if err := os.WriteFile(goldenJournal, all, 0o644); err != nil { //nolint:gosec // a test's own file
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenJournal)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(all)); d != "" {
		t.Error(d)
	}
}

// membersOf returns an entry for each member of an entry, and for each of its snapshot.
func membersOf(tb testing.TB, entry []byte) [][]byte {
	tb.Helper()
	var all, snapshot map[string]jsontext.Value
	if err := json.Unmarshal(entry, &all); err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(all["snapshot"], &snapshot); all["snapshot"] != nil && err != nil {
		tb.Fatal(err)
	}
	delete(all, "snapshot")
	for name, value := range snapshot {
		all["snapshot of "+name] = fmt.Appendf(nil, `{%q:%s}`, name, value)
	}
	var out [][]byte
	for name, value := range all {
		name, _, _ = strings.Cut(name, " of ")
		one := map[string]jsontext.Value{"v": jsontext.Value("1"), "n": jsontext.Value("1"), name: value}
		seed, err := json.Marshal(one, json.Deterministic(true))
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, seed)
	}
	return out
}

func TestForeignJournalEntriesAreRefused(t *testing.T) {
	t.Parallel()
	for value, newer := range map[string]bool{
		`{"v":2,"n":1}`:                 true,
		`{"v":3,"n":{"other":"shape"}}`: true,
		`{"v":1,"n":"x"}`:               false,
		`{"v":1,"n":0}`:                 false,
		`{"v":0,"n":1}`:                 false,
		`{"v":1,"opened":true}`:         false,
		``:                              false,
		`{"v":1,"n":1,"done":["abc"]}`:  false,
		strings.Repeat(" ", maxJournalEntry) + `{}`: false,
	} {
		if _, err := decodeEntry([]byte(value)); err == nil || errors.Is(err, ErrNewerJournal) != newer {
			t.Errorf("%.60s: %v", value, err)
		}
	}
	if _, err := decodeEntry([]byte(`{"v":1,"n":1,"of a later version":[1]}`)); err != nil {
		t.Error(err)
	}
}

// FuzzDecodeEntry begins with entries of one member each: an input of some kilobytes keeps the fuzzer busy making it
// smaller, for a minute at a time in which it tries nothing else.
func FuzzDecodeEntry(f *testing.F) {
	for _, l := range loggedExamples() {
		for _, seed := range membersOf(f, encodeEntry(l)) {
			f.Add(seed)
		}
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		l, err := decodeEntry(value)
		if err != nil {
			return
		}
		again, err := decodeEntry(encodeEntry(l))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(encodeEntry(l), encodeEntry(again)) {
			t.Errorf("%s is read as %+v and written as %s", value, l, encodeEntry(again))
		}
	})
}
