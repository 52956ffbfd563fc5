package sink_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/sink"
)

func commitOf(t *testing.T) audit.Commit {
	t.Helper()
	valuesOf := []string{`{"a": 1, "a": 2}`, "{\n \"b\":\t[1.0,\n2]}\n", `no JSON "at all"` + "\n\xff"}
	b := batchOf(t, "a", 1<<30, func(i int) (audit.Event, bool) {
		if i >= len(valuesOf) {
			return audit.Event{}, false
		}
		return event("events", "a", i, []byte(valuesOf[i])), true
	})
	return audit.Commit{
		Batches:     []*audit.Batch{b},
		DeadLetters: []audit.DeadLetter{{Stream: stream, Blob: b.Blob, Cause: audit.CauseExpired, Error: "gone", Attempts: 1}},
		Status:      []audit.StatusMessage{{Stream: stream, Kind: "started", Time: time.Unix(0, 0), Message: "up"}},
	}
}

const head = `"headers":{"tenant":"11111111-1111-1111-1111-111111111111","content_id":"a","record_id":"a-`

var wantLines = []string{
	`{"topic":"events","key":"a-0",` + head + `0","workload":"Exchange"},"value":{"a": 1, "a": 2}}`,
	`{"topic":"events","key":"a-1",` + head + `1","workload":"Exchange"},"value":{"b":[1.0,2]}}`,
	`{"topic":"events","key":"a-2",` + head + `2","workload":"Exchange"},"value":"no JSON \"at all\"\n` + "\uFFFD" + `"}`,
	`{"kind":"dead_letter","key":"a2f1","headers":{"tenant":"11111111-1111-1111-1111-111111111111","content_type":"Audit.Exchange","content_id":"a","kind":"blob","cause":"expired","error":"gone","attempts":"1","connector_version":"9"},"value":{"content_id":"a","content_uri":"https://x/a","content_created":"2026-01-01T00:00:00.000Z"}}`,
	`{"kind":"status","key":"11111111-1111-1111-1111-111111111111/Audit.Exchange/started","value":{"time":"1970-01-01T00:00:00Z","tenant":"11111111-1111-1111-1111-111111111111","content_type":"Audit.Exchange","kind":"started","message":"up"}}`,
}

func checkLines(t *testing.T, text string, times int) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) != times*len(wantLines) || !strings.HasSuffix(text, "\n") {
		t.Fatalf("%d lines: %s", len(lines), text)
	}
	for i, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
		want := wantLines[i%len(wantLines)]
		if i%len(wantLines) == 3 { // the key is a hash
			line = line[:len(`{"kind":"dead_letter","key":"`)] + "a2f1" + line[len(`{"kind":"dead_letter","key":"`)+32:]
		}
		if d := cmp.Diff(want, line); d != "" {
			t.Errorf("line %d: %s", i, d)
		}
	}
}

func publisherOf(t *testing.T, s sink.Sink) sink.Publisher {
	t.Helper()
	p, err := s.Open(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLinesAreJSON(t *testing.T) {
	var out bytes.Buffer
	p := publisherOf(t, sink.NewLines(&out, sink.Options{Version: "9"}))
	publish(t, p, commitOf(t))
	publish(t, p, commitOf(t))
	checkLines(t, out.String(), 2)
}

func TestLinesOfStreamsDoNotMix(t *testing.T) {
	r, w := io.Pipe()
	s := sink.NewLines(w, sink.Options{})
	var wg sync.WaitGroup
	for range 4 {
		p, b := publisherOf(t, s), batchOf(t, "a", 1<<30, func(i int) (audit.Event, bool) {
			return event("events", "a", i, append([]byte("x"), noise(3000)...)), i < 100
		})
		wg.Go(func() {
			if _, err := p.Publish(context.Background(), audit.Commit{Batches: []*audit.Batch{b}}); err != nil {
				t.Error(err)
			}
		})
	}
	go func() { wg.Wait(); w.Close() }()
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range bytes.Lines(all) {
		n++
		if !json.Valid(line) {
			t.Fatalf("no JSON: %.100s", line)
		}
	}
	if n != 400 {
		t.Errorf("%d lines, want 400", n)
	}
}

func TestReaderThatIsGoneEndsPublishing(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	tr := &troubles{}
	p := publisherOf(t, sink.NewLines(w, sink.Options{Trouble: tr.add}))
	_, err = p.Publish(t.Context(), commitOf(t))
	if !errors.Is(err, sink.ErrReaderGone) || !errors.Is(err, syscall.EPIPE) {
		t.Errorf("error %v", err)
	}
}

func TestFileSurvivesRotationAndCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	s, err := sink.NewFile(path, sink.Options{Version: "9"})
	if err != nil {
		t.Fatal(err)
	}
	p := publisherOf(t, s)
	publish(t, p, commitOf(t))
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	publish(t, p, commitOf(t))
	publish(t, p, commitOf(t))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	checkLines(t, read(path+".1"), 1)
	checkLines(t, read(path), 2)

	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"topic":"` + strings.Repeat("cut", 50000)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if s, err = sink.NewFile(path, sink.Options{Version: "9"}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	publish(t, publisherOf(t, s), commitOf(t))
	checkLines(t, read(path), 3)
}

// A file that cannot grow past a limit leaves no half commit behind, and is tried again.
func TestFullDiskLeavesWholeLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	tr := &troubles{}
	s, err := sink.NewFile(path, sink.Options{Version: "9", Trouble: tr.add})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := publisherOf(t, s)
	publish(t, p, commitOf(t))
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	limitFileSize(t, uint64(info.Size())+100)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := p.Publish(ctx, commitOf(t)); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("publish to a full disk: %v", err)
	}
	if tr.count() == 0 || !strings.Contains(tr.hints(), "sink.path") {
		t.Errorf("troubles: %s", tr.hints())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	checkLines(t, string(text), 1)
}

func TestFileThatCannotBeOpened(t *testing.T) {
	if _, err := sink.NewFile(filepath.Join(t.TempDir(), "absent", "x"), sink.Options{}); err == nil || !strings.Contains(err.Error(), "sink.path") {
		t.Errorf("error %v", err)
	}
}

// diagnose looks at the file while another process may be in the middle of a line.
func TestLookingAtAFileChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	const half = "{}\n{\"half\":"
	if err := os.WriteFile(path, []byte(half), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := sink.NewFile(path, sink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if found, err := s.Check(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("found %v, %v", found, err)
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != half {
		t.Errorf("the file holds %q, %v", got, err)
	}
	p := publisherOf(t, s)
	publish(t, p, audit.Commit{Status: []audit.StatusMessage{{Stream: stream, Kind: "started"}}})
	got, err = os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(got), "{}\n{\"kind\":") {
		t.Errorf("after a commit the file holds %q, %v", got, err)
	}
}
