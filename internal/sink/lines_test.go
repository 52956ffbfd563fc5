package sink_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

const (
	wantEvents  = `{"a": 1, "a": 2}` + "\n" + "{  \"b\":\t[1.0, 2]} \n" + `no JSON "at all" ` + "\xff\n"
	wantLetters = `{"kind":"dead_letter","key":"ace25c7b45edc9031177587efe9b7b37","headers":{"tenant":"11111111-1111-1111-1111-111111111111","content_type":"Audit.Exchange","content_id":"a","kind":"blob","cause":"expired","error":"gone","attempts":"1","connector_version":"9"},"value":{"content_id":"a","content_uri":"https://x/a","content_created":"2026-01-01T00:00:00.000Z"}}` + "\n"
	wantStatus  = `{"kind":"status","key":"11111111-1111-1111-1111-111111111111/Audit.Exchange/started","value":{"time":"1970-01-01T00:00:00Z","tenant":"11111111-1111-1111-1111-111111111111","content_type":"Audit.Exchange","kind":"started","message":"up"}}` + "\n"
)

// checkFiles wants each file to hold the lines of so many commits, and no other file to be there.
func checkFiles(t *testing.T, path string, commits int) {
	t.Helper()
	for name, want := range map[string]string{
		path: wantEvents, path + sink.DeadLetterSuffix: wantLetters, path + sink.StatusSuffix: wantStatus,
	} {
		if d := cmp.Diff(strings.Repeat(want, commits), contents(t, name)); d != "" {
			t.Errorf("%s: %s", filepath.Base(name), d)
		}
	}
}

func contents(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func publisherOf(t *testing.T, s sink.Sink) sink.Publisher {
	t.Helper()
	p, err := s.Open(t.Context(), stream, 1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLinesAreValues(t *testing.T) {
	var out, aside bytes.Buffer
	p := publisherOf(t, sink.NewLines(&out, &aside, sink.Options{Version: "9"}))
	publish(t, p, commitOf(t))
	publish(t, p, commitOf(t))
	if d := cmp.Diff(wantEvents+wantEvents, out.String()); d != "" {
		t.Errorf("events: %s", d)
	}
	if d := cmp.Diff(wantLetters+wantStatus+wantLetters+wantStatus, aside.String()); d != "" {
		t.Errorf("aside: %s", d)
	}
}

// A record may have come with line ends between its tokens, and is a line all the same.
func TestEventIsOneLine(t *testing.T) {
	const value = "{\r\n\t\"Id\": \"a\\nb\",\r\n\t\"List\": [\n\n1,\r2 ]\n}"
	var out bytes.Buffer
	p := publisherOf(t, sink.NewLines(&out, io.Discard, sink.Options{}))
	publish(t, p, audit.Commit{Batches: []*audit.Batch{batchOf(t, "a", 1<<30, func(i int) (audit.Event, bool) {
		return event("events", "a", i, []byte(value)), i < 2
	})}})
	line := strings.NewReplacer("\r", " ", "\n", " ").Replace(value) + "\n"
	if d := cmp.Diff(line+line, out.String()); d != "" {
		t.Error(d)
	}
}

func TestLinesOfStreamsDoNotMix(t *testing.T) {
	r, w := io.Pipe()
	s := sink.NewLines(w, io.Discard, sink.Options{})
	var wg sync.WaitGroup
	for range 4 {
		p, b := publisherOf(t, s), batchOf(t, "a", 1<<30, func(i int) (audit.Event, bool) {
			return event("events", "a", i, fmt.Appendf(nil, "%q", bytes.Repeat([]byte("x"), 3000))), i < 100
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
	for name, tc := range map[string]struct {
		sink func(io.Writer) sink.Sink
		want error
		says string
	}{
		"standard output": {func(w io.Writer) sink.Sink { return sink.NewLines(w, io.Discard, sink.Options{}) }, sink.ErrReaderGone, "standard output"},
		"standard error":  {func(w io.Writer) sink.Sink { return sink.NewLines(io.Discard, w, sink.Options{}) }, sink.ErrAsideGone, "standard error"},
	} {
		t.Run(name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			r.Close()
			_, err = publisherOf(t, tc.sink(w)).Publish(t.Context(), commitOf(t))
			if !errors.Is(err, tc.want) || !errors.Is(err, syscall.EPIPE) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// A commit whose dead letters cannot be written is tried again as a whole, and repeats no event.
func TestLettersThatFailRepeatNoEvent(t *testing.T) {
	var out bytes.Buffer
	aside := &stutter{}
	publish(t, publisherOf(t, sink.NewLines(&out, aside, sink.Options{Version: "9"})), commitOf(t))
	if d := cmp.Diff(wantEvents, out.String()); d != "" {
		t.Errorf("events: %s", d)
	}
	if d := cmp.Diff(wantLetters[:10]+"\n"+wantLetters+wantStatus, aside.String()); d != "" {
		t.Errorf("aside: %s", d)
	}
}

// stutter takes ten bytes of the first write and all of the others.
type stutter struct {
	bytes.Buffer

	failed bool
}

func (s *stutter) Write(p []byte) (int, error) {
	if !s.failed {
		s.failed = true
		n, _ := s.Buffer.Write(p[:10])
		return n, syscall.ENOSPC
	}
	return s.Buffer.Write(p)
}

func TestFilesSurviveRotationAndCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	s, err := sink.NewFile(path, sink.Options{Version: "9"})
	if err != nil {
		t.Fatal(err)
	}
	p := publisherOf(t, s)
	publish(t, p, commitOf(t))
	checkFiles(t, path, 1)
	suffixes := []string{"", sink.DeadLetterSuffix, sink.StatusSuffix}
	for _, suffix := range suffixes {
		if err := os.Rename(path+suffix, path+"-1"+suffix); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path+sink.StatusSuffix, nil, 0o600); err != nil { // a rotation that leaves an empty file
		t.Fatal(err)
	}
	publish(t, p, commitOf(t))
	publish(t, p, commitOf(t))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkFiles(t, path+"-1", 1)
	checkFiles(t, path, 2)

	for _, suffix := range suffixes {
		f, err := os.OpenFile(path+suffix, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(`{"name":"` + strings.Repeat("cut", 50000)); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	if s, err = sink.NewFile(path, sink.Options{Version: "9"}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	publish(t, publisherOf(t, s), commitOf(t))
	checkFiles(t, path, 3)
}

// Files that nothing is written to are not made.
func TestEventsAloneMakeOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	s, err := sink.NewFile(path, sink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	publish(t, publisherOf(t, s), audit.Commit{Batches: commitOf(t).Batches})
	if found, err := s.Check(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("found %v, %v", found, err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 || contents(t, path) != wantEvents {
		t.Errorf("files %v, %v", entries, err)
	}
}

// A file that cannot grow past a limit leaves no half commit behind in any file, and is tried again.
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
	pad := strings.Repeat("x", 5000) + "\n" // so that of the three files this one meets the limit
	if err := os.WriteFile(path, []byte(pad+wantEvents), 0o600); err != nil {
		t.Fatal(err)
	}
	limitFileSize(t, uint64(len(pad+wantEvents)+20))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := p.Publish(ctx, commitOf(t)); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("publish to a full disk: %v", err)
	}
	if tr.count() == 0 || !strings.Contains(tr.hints(), "sink.path") {
		t.Errorf("troubles: %s", tr.hints())
	}
	if err := os.WriteFile(path, []byte(strings.TrimPrefix(contents(t, path), pad)), 0o600); err != nil {
		t.Fatal(err)
	}
	checkFiles(t, path, 1)
}

func TestFileThatCannotBeOpened(t *testing.T) {
	if _, err := sink.NewFile(filepath.Join(t.TempDir(), "absent", "x"), sink.Options{}); err == nil || !strings.Contains(err.Error(), "sink.path") {
		t.Errorf("error %v", err)
	}
}

// diagnose looks at the files while another process may be in the middle of a line.
func TestLookingAtFilesChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	const half = "{}\n{\"half\":"
	suffixes := []string{"", sink.DeadLetterSuffix, sink.StatusSuffix}
	for _, suffix := range suffixes {
		if err := os.WriteFile(path+suffix, []byte(half), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := sink.NewFile(path, sink.Options{Version: "9"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if found, err := s.Check(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("found %v, %v", found, err)
	}
	for _, suffix := range suffixes {
		if got := contents(t, path+suffix); got != half {
			t.Errorf("file %q holds %q", suffix, got)
		}
	}
	publish(t, publisherOf(t, s), commitOf(t))
	for i, want := range []string{wantEvents, wantLetters, wantStatus} {
		if d := cmp.Diff("{}\n"+want, contents(t, path+suffixes[i])); d != "" {
			t.Errorf("file %q after a commit: %s", suffixes[i], d)
		}
	}
}

func TestLookingFindsAFileThatCannotBeWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	if err := os.Mkdir(path+sink.StatusSuffix, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := sink.NewFile(path, sink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	found, err := s.Check(t.Context())
	if err != nil || len(found) != 1 || !found[0].Fatal || !strings.Contains(found[0].Text, sink.StatusSuffix) {
		t.Errorf("found %+v, %v", found, err)
	}
}
