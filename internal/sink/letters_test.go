package sink_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/sink"
)

func TestDeadLettersAndStatusFollowTheContract(t *testing.T) {
	t.Parallel()
	c := fake(t)
	p, _, s := open(t, c.ListenAddrs(), nil)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	blob := audit.Blob{ID: "blob-1", URI: "https://x/1", Listed: "2026-01-01T00:00:00.000Z", Expires: at.AddDate(0, 0, 7)}
	publish(t, p, audit.Commit{
		DeadLetters: []audit.DeadLetter{
			{Stream: stream, Blob: blob, Cause: audit.CauseExpired, Error: "gone", Attempts: 3, FirstFailed: at, LastFailed: at.Add(time.Minute)},
			{Stream: stream, Blob: blob, Record: true, RecordID: "r", Ordinal: 7, Value: []byte("{}"), Size: 2, SHA256: "abc", Cause: audit.CauseTooLarge, Error: "big", Attempts: 1, FirstFailed: at, LastFailed: at},
		},
		Status: []audit.StatusMessage{{Stream: stream, Kind: "gap", Time: at, From: at.Add(-time.Hour), To: at, Cause: audit.CauseAge, Count: 2, Message: "lost"}},
	})
	var letters []string
	for _, r := range consume(t, c.ListenAddrs(), "o365.dead-letters", 2) {
		var b strings.Builder
		fmt.Fprintf(&b, "%d %s", len(r.Key), r.Value)
		for _, h := range r.Headers {
			fmt.Fprintf(&b, " %s=%s", h.Key, h.Value)
		}
		letters = append(letters, b.String())
	}
	slices.Sort(letters)
	tenant := "tenant=11111111-1111-1111-1111-111111111111 content_type=Audit.Exchange content_id=blob-1"
	want := []string{
		`32 {"content_id":"blob-1","content_uri":"https://x/1","content_created":"2026-01-01T00:00:00.000Z","content_expiration":"2026-01-09T03:04:05Z"} ` +
			tenant + ` kind=blob cause=expired error=gone attempts=3 first_failed=2026-01-02T03:04:05Z last_failed=2026-01-02T03:05:05Z connector_version=1.2.3`,
		`32 {} ` + tenant + ` record_id=r ordinal=7 kind=record cause=too-large error=big attempts=1 first_failed=2026-01-02T03:04:05Z last_failed=2026-01-02T03:04:05Z size=2 sha256=abc connector_version=1.2.3`,
	}
	if d := cmp.Diff(want, letters); d != "" {
		t.Errorf("dead letters: %s", d)
	}
	status := consume(t, c.ListenAddrs(), "o365.status", 1)
	if len(status) != 1 || string(status[0].Key) != "11111111-1111-1111-1111-111111111111/Audit.Exchange/gap/2026-01-02T02:04:05Z" {
		t.Fatalf("status: %v", status)
	}
	wantStatus := `{"time":"2026-01-02T03:04:05Z","instance":"i-1","tenant":"11111111-1111-1111-1111-111111111111","content_type":"Audit.Exchange","kind":"gap",` +
		`"from":"2026-01-02T02:04:05Z","to":"2026-01-02T03:04:05Z","cause":"age","count":2,"message":"lost"}`
	if d := cmp.Diff(wantStatus, string(status[0].Value)); d != "" {
		t.Errorf("status: %s", d)
	}
	findings, err := s.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if strings.Contains(f.Text, "cleanup.policy") {
			t.Errorf("the status topic was not made compact: %+v", f)
		}
	}
}

func TestMissingTopicThatMayNotBeCreatedIsTold(t *testing.T) {
	t.Parallel()
	c := fake(t)
	p, tr, s := open(t, c.ListenAddrs(), func(k *sink.KafkaConfig) { k.Topic, k.CreateTopics = "absent", false })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := p.Publish(ctx, audit.Commit{Batches: []*audit.Batch{batch(t, "absent", "a", 1)}}); err == nil {
		t.Fatal("published to a topic that does not exist")
	}
	want := "kafka-topics.sh --bootstrap-server " + c.ListenAddrs()[0] + " --create --topic absent --partitions 3 --replication-factor 1"
	if !strings.Contains(tr.hints(), want) {
		t.Errorf("troubles lack %q: %s", want, tr.hints())
	}
	findings, err := s.Check(t.Context())
	if err != nil || len(findings) == 0 || !findings[0].Fatal || !strings.Contains(findings[0].Hint, want) {
		t.Errorf("check: %+v, %v", findings, err)
	}
}

func TestRecordBeyondEveryRequestIsNotSent(t *testing.T) {
	t.Parallel()
	c := fake(t)
	p, tr, _ := open(t, c.ListenAddrs(), nil)
	r := publish(t, p, audit.Commit{Batches: []*audit.Batch{batchOf(t, "a", 1<<20, func(i int) (audit.Event, bool) {
		e := event("events", "a", i, []byte("small"))
		if i == 1 {
			e.Value = make([]byte, 91<<20)
		}
		return e, i < 3
	})}})
	if got := consume(t, c.ListenAddrs(), "events", 2); len(got) != 2 {
		t.Errorf("%d events, want 2", len(got))
	}
	if len(r.Refused) != 1 || r.Refused[0].Ordinal != 1 || r.Refused[0].Cause != audit.CauseTooLarge {
		t.Errorf("%d refused", len(r.Refused))
	}
	letters := consume(t, c.ListenAddrs(), "o365.dead-letters", 1)
	if len(letters) != 1 || !strings.Contains(string(letters[0].Value), `"content_id":"a"`) {
		t.Errorf("%d dead letters", len(letters))
	}
	if tr.count() != 0 {
		t.Errorf("troubles: %s", tr.hints())
	}
}
