package command_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/emulator"
)

func TestCheckpointShow(t *testing.T) {
	r := newRig(t, emulator.Config{})
	h := r.take(stream(audit.Exchange), audit.Checkpoint{
		FirstStart: noon.Add(-24 * time.Hour), Progress: audit.Progress{Watermark: noon, Swept: noon.Add(-time.Hour)},
		Backfills: []audit.BackfillProgress{{ID: "bf-1", Next: noon, Blobs: 7, State: audit.BackfillRunning, Started: noon}},
	})
	entry := audit.Entry{
		N: 1, Time: noon, Gaps: []audit.Gap{{From: noon.Add(-3 * time.Hour), To: noon.Add(-2 * time.Hour), Cause: audit.CauseExpired, Count: 2}},
		Pending: []audit.Pending{{
			Blob: audit.Blob{ID: "failed", Created: noon.Add(-time.Hour), Expires: noon.Add(6 * 24 * time.Hour)}, Cause: audit.CauseCut,
			Error: "fetch-blob: cut", Attempts: 3, NextTry: noon,
		}},
	}
	if err := h.Apply(t.Context(), entry, 1); err != nil {
		t.Fatal(err)
	}
	err := r.store.ChangeWish(t.Context(), stream(audit.Exchange), func(w *audit.Wish) {
		w.Backfills = []audit.Backfill{
			{ID: "bf-1", Asked: noon}, {ID: "bf-2", Asked: noon, From: noon.Add(-48 * time.Hour), To: noon}, {ID: "bf-3", Asked: noon, Cancelled: true},
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	got := r.do("!checkpoint show content_type=Audit.Exchange")
	if got.err != nil {
		t.Fatal(got.err)
	}
	golden(t, "checkpoint.md", got.text)
	epoch := regexp.MustCompile(`"epoch":\d+`)
	golden(t, "checkpoint.json", indented(t, epoch.ReplaceAllString(got.context, `"epoch":7`)))
	all := r.do("!checkpoint-show").context
	if n := strings.Count(all, `"content_type"`); n != 5 || strings.Contains(all, "null") {
		t.Errorf("%d streams, or a list that is none: %s", n, all)
	}
}

func TestCheckpointIsMovedOnlyWhilePaused(t *testing.T) {
	r := newRig(t, emulator.Config{})
	s := stream(audit.Exchange)
	for _, line := range []string{"!checkpoint set content_type=Audit.Exchange watermark=2026-11-22", "!checkpoint reset content_type=Audit.Exchange"} {
		r.do(line).refused(t, control.OutcomeRefused, "is not paused", "run pause Audit.Exchange")
	}
	if err := r.store.ChangeWish(t.Context(), s, func(w *audit.Wish) { w.State = audit.Paused }); err != nil {
		t.Fatal(err)
	}
	r.report(s, audit.StateReading) // it has not obeyed yet
	r.do("!checkpoint reset content_type=Audit.Exchange").refused(t, control.OutcomeRefused, "is not paused")
	if w := r.wish(s); w.Watermark != nil {
		t.Errorf("wish %+v", w)
	}
}

func TestCheckpointIsMovedByTheOwner(t *testing.T) {
	r := newRig(t, emulator.Config{})
	s := stream(audit.Exchange)
	h := r.take(s, audit.Checkpoint{FirstStart: noon, Progress: audit.Progress{Watermark: noon}})
	if err := r.store.ChangeWish(t.Context(), s, func(w *audit.Wish) { w.State = audit.Paused }); err != nil {
		t.Fatal(err)
	}
	to := time.Now().UTC().Add(-20 * time.Hour).Format("2006-01-02T15:04")
	got := r.do("!checkpoint set content_type=Audit.Exchange watermark=2026-01-01")
	if !strings.Contains(got.text, " Microsoft keeps content for 7 days: nothing of 2026-01-01T00:00:00Z can be read.") ||
		time.Since(r.wish(s).Watermark.To) > audit.MaxAge+time.Minute {
		t.Errorf("%+v", got)
	}
	got = r.do("!checkpoint set content_type=Audit.Exchange watermark=" + to)
	if got.outcome != control.OutcomeAccepted || !strings.Contains(got.text, "nobody runs it now") {
		t.Errorf("%+v", got)
	}
	r.report(s, audit.StatePaused)
	done, before := make(chan struct{}), r.wish(s).Watermark.Command
	go func() {
		defer close(done)
		for r.wish(s).Watermark.Command == before {
			time.Sleep(10 * time.Millisecond)
		}
		w := r.wish(s).Watermark
		if err := h.Apply(t.Context(), audit.Entry{N: 1, Time: noon, Watermark: &audit.WatermarkMove{To: w.To, Command: w.Command}}, 1); err != nil {
			t.Error(err)
		}
	}()
	r.do("!checkpoint set content_type=audit.exchange watermark="+to).want(t, control.OutcomeDone,
		"The watermark of stream contoso/Audit.Exchange is set to "+to+":00Z.",
		`{"checkpoint":{"content_type":"Audit.Exchange","dry_run":false,"former_watermark":"2026-11-23T12:00:00Z","outcome":"done","reset":false,"tenant":"`+contoso+`","watermark":"`+to+`:00Z"}}`)
	<-done
}

func TestCheckpointDryRun(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 500, RecordsPerBlob: 10, ContentTypes: []string{emulator.Exchange}, Backlog: 3 * time.Hour})
	now := time.Now().UTC().Truncate(time.Second)
	r.take(stream(audit.Exchange), audit.Checkpoint{FirstStart: now.Add(-5 * time.Hour), Progress: audit.Progress{Watermark: now.Add(-90 * time.Minute)}})
	for line, want := range map[string]string{
		"!checkpoint reset content_type=Audit.Exchange dry_run=true":                                                          `forgets what was delivered .*\nRead again: \d+ blobs from .* to .*\.$`,
		"!checkpoint set content_type=Audit.Exchange dry_run=true watermark=" + now.Add(-4*time.Hour).Format(time.RFC3339):    `Read again: 2[56] blobs from .* are not delivered again\.$`,
		"!checkpoint set content_type=Audit.Exchange dry_run=true watermark=" + now.Add(-time.Minute).Format(time.RFC3339):    `Skipped, and told as a gap: 1[1-4] blobs from .*$`,
		"!checkpoint set content_type=Audit.Exchange dry_run=true watermark=" + now.Add(-90*time.Minute).Format(time.RFC3339): `That is where it stands\.$`,
		"!checkpoint set content_type=Audit.General dry_run=true watermark=" + now.Add(-90*time.Minute).Format(time.RFC3339):  `has no watermark yet`,
	} {
		got := r.do(line)
		if got.err != nil || got.outcome != control.OutcomeDone || !regexp.MustCompile(want).MatchString(got.text) ||
			!strings.HasPrefix(got.text, "Dry run, nothing was changed. ") || !strings.Contains(got.context, `"dry_run":true`) {
			t.Errorf("%s: %+v, want %s", line, got, want)
		}
	}
	if w := r.wish(stream(audit.Exchange)); w.Watermark != nil {
		t.Errorf("wish %+v", w)
	}
}

// TestAMoveEndsWithThePause asks for a reset that nobody obeys before the stream is wanted to go on.
func TestAMoveEndsWithThePause(t *testing.T) {
	for _, line := range []string{"!resume content_type=Audit.Exchange", "!start-subscription content_type=Audit.Exchange"} {
		r := newRig(t, emulator.Config{})
		s := stream(audit.Exchange)
		r.do("!pause content_type=Audit.Exchange")
		got := r.do("!checkpoint reset content_type=Audit.Exchange")
		w := r.wish(s).Watermark
		if got.outcome != control.OutcomeAccepted || w == nil || time.Until(w.Until) < 23*time.Hour || time.Until(w.Until) > 25*time.Hour {
			t.Fatalf("%+v, wish %+v", got, w)
		}
		if !strings.Contains(got.text, "It is done when an instance takes the stream before "+w.Until.Format("2006-01-02T15:04:05Z")) {
			t.Errorf("text %q", got.text)
		}
		if got := r.do(line); got.err != nil {
			t.Fatal(got.err)
		}
		if w := r.wish(s); w.State != audit.Running || w.Watermark != nil {
			t.Errorf("%s: wish %+v", line, w)
		}
	}
}

// A resume between a look at the stream and the change of its wish is not followed by a move.
func TestCheckpointIsNotMovedAfterAResume(t *testing.T) {
	r := newRig(t, emulator.Config{})
	s := stream(audit.Exchange)
	r.do("!pause content_type=Audit.Exchange")
	r.asked = func() {
		r.asked = nil
		if err := r.store.ChangeWish(t.Context(), s, func(w *audit.Wish) { w.State = audit.Running }); err != nil {
			t.Error(err)
		}
	}
	r.do("!checkpoint reset content_type=Audit.Exchange").refused(t, control.OutcomeRefused, "is not paused")
	if w := r.wish(s); w.Watermark != nil {
		t.Errorf("wish %+v", w)
	}
}

// TestAResetThatIsDoneAgainAnswersTheSame does one command three times: twice before the owner obeys, and once after.
func TestAResetThatIsDoneAgainAnswersTheSame(t *testing.T) {
	r := newRig(t, emulator.Config{})
	s := stream(audit.Exchange)
	h := r.take(s, audit.Checkpoint{FirstStart: noon, Progress: audit.Progress{Watermark: noon}})
	r.do("!pause content_type=Audit.Exchange")
	c, err := control.New("checkpoint reset", "", map[string]any{"content_type": "Audit.Exchange"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c.ID = "once"
	first := r.run(t.Context(), c)
	time.Sleep(1100 * time.Millisecond)
	if again := r.run(t.Context(), c); again.text != first.text || again.context != first.context {
		t.Errorf("done again: %+v\nfirst: %+v", again, first)
	}
	w := r.wish(s).Watermark
	e := audit.Entry{N: 1, Time: noon, Watermark: &audit.WatermarkMove{To: w.To, Command: w.Command}, Forget: true}
	if err := h.Apply(t.Context(), e, 1); err != nil {
		t.Fatal(err)
	}
	if err := r.store.ChangeWish(t.Context(), s, func(w *audit.Wish) { w.Watermark = nil }); err != nil {
		t.Fatal(err)
	}
	begins, _, _ := strings.Cut(first.text, "\n")
	if again := r.run(t.Context(), c); again.outcome != control.OutcomeDone || again.text != begins {
		t.Errorf("done again after the owner obeyed: %+v, want %s", again, begins)
	}
}
