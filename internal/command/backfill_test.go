package command_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/emulator"
)

func TestBackfill(t *testing.T) {
	r := newRig(t, emulator.Config{})
	s := stream(audit.Exchange)
	start := time.Now().UTC().Add(-50 * time.Hour).Truncate(time.Second)
	end := start.Add(30 * time.Hour)
	line := "!backfill content_type=audit.exchange issued_by=someone mode=REPUBLISH topic=again record_types_filter=2,ExchangeItem operations_filter=Send" +
		" start_time=" + start.Format(time.RFC3339) + " end_time=" + end.Format(time.RFC3339)
	got := r.do(line)
	if got.err != nil || got.outcome != control.OutcomeAccepted {
		t.Fatalf("%+v", got)
	}
	w := r.wish(s)
	if len(w.Backfills) != 1 || w.State != "" {
		t.Fatalf("wish %+v", w)
	}
	want := audit.Backfill{
		From: start, To: end, Mode: audit.BackfillRepublish, Topic: "again", By: "someone",
		Filters: audit.BackfillFilters{RecordTypes: []string{"2", "ExchangeItem"}, Operations: []string{"Send"}},
	}
	if diff := cmp.Diff(want, w.Backfills[0], cmpopts.IgnoreFields(audit.Backfill{}, "ID", "Asked")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	id := w.Backfills[0].ID
	if !strings.Contains(got.text, id) || !strings.Contains(got.context, `"id":"`+id+`"`) {
		t.Errorf("id %s is missing: %+v", id, got)
	}
	r.do(line)
	if n := len(r.wish(s).Backfills); n != 2 {
		t.Errorf("%d back-fills of two commands", n)
	}
	r.do(strings.Replace(line, "ExchangeItem", "Nonsense", 1)).refused(t, control.OutcomeInvalid, "Nonsense")
}

func TestBackfillThatIsDoneAgainIsTheSame(t *testing.T) {
	r := newRig(t, emulator.Config{})
	now := time.Now().UTC()
	c, err := control.New("backfill", "", map[string]any{
		"content_type": "Audit.Exchange", "start_time": now.Add(-2 * time.Hour).Format(time.RFC3339), "end_time": now.Format(time.RFC3339),
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	c.ID = "once"
	first, again := r.run(t.Context(), c), r.run(t.Context(), c)
	if first.text != again.text || len(r.wish(stream(audit.Exchange)).Backfills) != 1 {
		t.Errorf("%+v\n%+v", first, again)
	}
}

func TestBackfillNamesWhatIsTooOld(t *testing.T) {
	r := newRig(t, emulator.Config{})
	now := time.Now().UTC()
	day := func(n int) string { return now.AddDate(0, 0, -n).Format(time.RFC3339) }
	got := r.do("!backfill content_type=audit.exchange start_time=" + day(9) + " end_time=" + day(-1))
	if got.err != nil || !strings.Contains(got.text, "\nNot done: "+now.AddDate(0, 0, -9).Format("2006-01-02T15:04:05Z")+" to ") {
		t.Errorf("%+v", got)
	}
	b := r.wish(stream(audit.Exchange)).Backfills[0]
	if span := b.To.Sub(b.From); span < audit.MaxAge-time.Minute || span > audit.MaxAge+time.Minute || b.Mode != audit.BackfillMissing {
		t.Errorf("%s, %+v", span, b)
	}
	r.do("!backfill content_type=audit.exchange start_time="+day(9)+" end_time="+day(8)).refused(t, control.OutcomeInvalid, "nothing of it")
}

func TestBackfillGoesToNoTopicOfOurOwn(t *testing.T) {
	r := newRig(t, emulator.Config{})
	for topic, key := range map[string]string{
		"o365.control": "control.topic", "o365.replies": "control.reply_topic", "o365.journal": "kafka.journal_topic",
		"o365.status": "kafka.status_topic", "o365.dead-letters": "kafka.dead_letter_topic",
	} {
		line := fmt.Sprintf("!backfill content_type=audit.exchange start_time=%s end_time=%s mode=republish topic=%s",
			time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), time.Now().UTC().Format(time.RFC3339), topic)
		r.do(line).refused(t, control.OutcomeInvalid, topic+" is "+key+" already")
		r.do(line+" dry_run=true").refused(t, control.OutcomeInvalid, topic+" is "+key+" already")
	}
	if w := r.wish(stream(audit.Exchange)); len(w.Backfills) != 0 {
		t.Errorf("wish %+v", w)
	}
}

func TestBackfillDryRunOfNothingCountsAllTheSame(t *testing.T) {
	r := newRig(t, emulator.Config{})
	now := time.Now().UTC()
	got := r.do("!backfill dry_run=true content_type=audit.exchange start_time=" + now.Add(-time.Hour).Format(time.RFC3339) + " end_time=" + now.Format(time.RFC3339))
	if got.err != nil || !strings.Contains(got.context, `"dry_run":true,"blobs":0,"requests":1,"hours":`) {
		t.Errorf("%+v", got)
	}
}

func TestBackfillDryRun(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 500, RecordsPerBlob: 10, ContentTypes: []string{emulator.Exchange}, Backlog: 60 * time.Hour})
	now := time.Now().UTC()
	got := r.do("!backfill dry_run=true content_type=audit.exchange start_time=" + now.Add(-61*time.Hour).Format(time.RFC3339) + " end_time=" + now.Format(time.RFC3339))
	if got.err != nil || got.outcome != control.OutcomeDone {
		t.Fatalf("%+v", got)
	}
	var answer struct {
		Backfill struct {
			Blobs, Requests int
			Hours           float64
			DryRun          bool `json:"dry_run"`
		}
	}
	if err := json.Unmarshal([]byte(got.context), &answer); err != nil {
		t.Fatal(err)
	}
	if b := answer.Backfill; b.Blobs != 25 || b.Requests != 28 || b.Hours != 28.0/1000/60 || !b.DryRun {
		t.Errorf("%+v", b)
	}
	if w := r.wish(stream(audit.Exchange)); len(w.Backfills) != 0 {
		t.Errorf("wish %+v", w)
	}
}

func TestCancel(t *testing.T) {
	r := newRig(t, emulator.Config{})
	s := stream(audit.Exchange)
	now := time.Now().UTC()
	r.do("!cancel backfill_id=nothing").refused(t, control.OutcomeRefused, `no back-fill "nothing"`)
	r.do("!backfill content_type=audit.exchange start_time=" + now.Add(-2*time.Hour).Format(time.RFC3339) + " end_time=" + now.Format(time.RFC3339))
	id := r.wish(s).Backfills[0].ID
	got := r.do("!cancel backfill_id=" + id)
	if got.outcome != control.OutcomeAccepted || !r.wish(s).Backfills[0].Cancelled {
		t.Errorf("%+v, wish %+v", got, r.wish(s))
	}
	h := r.take(s, audit.Checkpoint{FirstStart: noon})
	end := audit.BackfillProgress{ID: id, State: audit.BackfillCancelled, Started: noon, Ended: noon}
	r.report(s, audit.StateReading)
	if err := h.Apply(t.Context(), audit.Entry{N: 1, Time: noon, Backfills: []audit.BackfillProgress{end}}, 1); err != nil {
		t.Fatal(err)
	}
	r.do("!cancel backfill_id="+id).want(t, control.OutcomeDone, "Back-fill "+id+" of stream contoso/Audit.Exchange has ended already",
		`{"cancel":{"content_type":"Audit.Exchange","id":"`+id+`","outcome":"done","state":"cancelled","tenant":"`+contoso+`"}}`)
}
