package command_test

import (
	"context"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/command"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/emulator"
)

// letters are the dead letters in the second of two partitions.
type letters []audit.Letter

func (l letters) Ends(context.Context) ([]int64, error) { return []int64{0, int64(len(l))}, nil }

func (l letters) Read(_ context.Context, _ audit.Stream, r audit.LetterRange) iter.Seq2[audit.Letter, error] {
	return func(yield func(audit.Letter, error) bool) {
		for i := r.From; i < r.To; i++ {
			letter := l[i]
			letter.Partition, letter.Offset = r.Partition, i
			if !yield(letter, nil) {
				return
			}
		}
	}
}

func letter(id string, cause audit.Cause, age time.Duration) audit.Letter {
	at := time.Now().Add(-age)
	return audit.Letter{ID: id, Written: at, DeadLetter: audit.DeadLetter{
		Blob: audit.Blob{ID: "blob-" + id, Created: at}, Cause: cause, LastFailed: at,
	}}
}

func TestRedriveDryRun(t *testing.T) {
	r := newRig(t, emulator.Config{})
	s := stream(audit.Exchange)
	record := letter("record", audit.CauseTooLarge, 30*24*time.Hour)
	record.Record, record.Value = true, []byte("{}")
	r.letters = letters{
		letter("done", audit.CauseMalformed, 3*time.Hour), letter("twice", audit.CauseNotFound, 3*time.Hour), letter("old", audit.CauseNotFound, 8*24*time.Hour),
		record, letter("twice", audit.CauseMalformed, time.Hour),
	}
	h := r.take(s, audit.Checkpoint{FirstStart: noon})
	past := audit.BackfillProgress{ID: "rd-1", State: audit.BackfillDone, Started: time.Now().Add(-2 * time.Hour).UTC(), Redrive: &audit.RedriveProgress{
		Ends: []int64{0, 1}, Done: []int64{0, 1},
	}}
	if err := h.Apply(t.Context(), audit.Entry{N: 1, Time: noon, Backfills: []audit.BackfillProgress{past}}, 1); err != nil {
		t.Fatal(err)
	}
	r.do("!redrive dry_run=true content_type=audit.exchange").want(t, control.OutcomeDone,
		"Dry run, nothing was changed. A redrive of stream contoso/Audit.Exchange would put back 1 blobs and 1 single records; 1 were put back before\n"+
			"Not possible for 1, since Microsoft keeps content for 7 days: blob-old\n\n### Dead letters\n"+
			"| Cause     | Blobs | Records | Expired |\n| --------- | ----- | ------- | ------- |\n"+
			"| not-found | 0     | 0       | 1       |\n| too-large | 0     | 1       | 0       |\n| malformed | 1     | 0       | 0       |\n",
		`{"redrive":{"tenant":"`+contoso+`","content_type":"Audit.Exchange","dry_run":true,"filter":{},"blobs":1,"records":1,"expired":1,"redriven_before":1,`+
			`"causes":[{"cause":"not-found","blobs":0,"records":0,"expired":1},{"cause":"too-large","blobs":0,"records":1,"expired":0},`+
			`{"cause":"malformed","blobs":1,"records":0,"expired":0}],"expired_content_ids":["blob-old"]}}`)
	got := r.do("!redrive dry_run=true content_type=audit.exchange cause=Not-Found content_id=blob-twice")
	if !strings.Contains(got.text, "0 blobs and 0 single records") {
		t.Errorf("a letter counts by its newest cause: %+v", got)
	}
	if w := r.wish(s); len(w.Backfills) != 0 {
		t.Errorf("wish %+v", w)
	}
}

func TestRedriveWithoutOwnerIsAccepted(t *testing.T) {
	r := newRig(t, emulator.Config{})
	got := r.do("!redrive content_type=audit.exchange cause=malformed since=2026-01-02 content_id=b issued_by=someone")
	if got.err != nil || got.outcome != control.OutcomeAccepted || !strings.Contains(got.text, "begins when the stream runs: it is unowned") {
		t.Errorf("%+v", got)
	}
	want := []audit.Backfill{{Mode: audit.BackfillRedrive, By: "someone", Redrive: &audit.RedriveFilter{
		Cause: audit.CauseMalformed, Since: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), ContentID: "b",
	}}}
	if diff := cmp.Diff(want, r.wish(stream(audit.Exchange)).Backfills, cmpopts.IgnoreFields(audit.Backfill{}, "ID", "Asked")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRedriveTellsWhatWasDone(t *testing.T) {
	r := newRig(t, emulator.Config{})
	s := stream(audit.Exchange)
	h := r.take(s, audit.Checkpoint{FirstStart: noon})
	r.report(s, audit.StateReading)
	ended := make(chan error, 1)
	ctx := t.Context()
	go func() {
		var id string
		for id == "" {
			time.Sleep(50 * time.Millisecond)
			w, err := r.store.Wish(ctx, s)
			if err != nil {
				ended <- err
				return
			}
			if len(w.Backfills) > 0 {
				id = w.Backfills[0].ID
			}
		}
		p := audit.BackfillProgress{
			ID: id, State: audit.BackfillRunning, Started: noon, Blobs: 2, Records: 30, Redrive: &audit.RedriveProgress{Letters: 3, Again: 1},
		}
		if err := h.Apply(ctx, audit.Entry{N: 1, Time: noon, Backfills: []audit.BackfillProgress{p}}, 1); err != nil {
			ended <- err
			return
		}
		if got := <-r.progress; got != (command.Progress{Text: "2 dead letters put back"}) {
			t.Errorf("progress %+v", got)
		}
		p.State, p.Ended, p.Blobs, p.Records = audit.BackfillDone, noon, 3, 40
		p.Redrive = &audit.RedriveProgress{Letters: 5, Again: 1, Expired: 2, Known: 7, Examples: []string{"x"}}
		ended <- h.Apply(ctx, audit.Entry{N: 2, Time: noon, Backfills: []audit.BackfillProgress{p}}, 2)
	}()
	got := r.do("!redrive content_type=audit.exchange")
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if want := " of stream contoso/Audit.Exchange is done: 4 dead letters put back (3 blobs, 40 records published), 1 failed again and are dead letters again, " +
		"7 left out as they were put back before or are being tried anyway\nNot possible for 2, since Microsoft keeps content for 7 days: x, …"; got.outcome != control.OutcomeDone || !strings.HasSuffix(got.text, want) {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(got.context, `"letters":5,"blobs":3,"records":40,"failed_again":1,"expired":2,"redriven_before":7`) {
		t.Errorf("context %s", got.context)
	}
}
