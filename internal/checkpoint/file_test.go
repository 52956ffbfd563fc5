package checkpoint

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
)

func fileConfig(dir string) Config {
	var c Config
	c.SetDefaults()
	c.Kind, c.Path = KindFile, dir
	return c
}

func logPath(dir string) string {
	return filepath.Join(dir, exchange.Tenant.ID, string(exchange.ContentType)+".log")
}

func TestFile(t *testing.T) {
	testStore(t, func(t *testing.T) vault {
		dir := filepath.Join(t.TempDir(), "checkpoint")
		return vault{
			open: func(t *testing.T) Store { return openStore(t, fileConfig(dir)) },
			wipe: func(t *testing.T) {
				if err := os.RemoveAll(filepath.Dir(logPath(dir))); err != nil {
					t.Fatal(err)
				}
			},
			pass: sleep,
			save: func(t *testing.T) func() {
				text := readFile(t, logPath(dir))
				return func() { writeFile(t, logPath(dir), text) }
			},
		}
	})
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func writeFile(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDirectoryIsLocked(t *testing.T) {
	dir := t.TempDir()
	store := openStore(t, fileConfig(dir))
	_, err := Open(t.Context(), fileConfig(dir))
	f := audit.AsFault(err, "")
	if err == nil || f.Cause != audit.CauseCheckpoint || f.Hint == "" {
		t.Fatalf("second instance: %v", err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	openStore(t, fileConfig(dir))
}

// TestLogCutAnywhere cuts the log at every byte, as a crash does: what loads is the state after some prefix of the
// calls, never less than what the bytes before hold, and the stream goes on from there.
func TestLogCutAnywhere(t *testing.T) {
	dir := t.TempDir()
	store := openStore(t, fileConfig(dir))
	h := started(t, store)
	sizes := []int{len(readFile(t, logPath(dir)))}
	states := []audit.Checkpoint{load(t, h)}
	for n := range int64(4) {
		e := entry(n + 1)
		e.Pending = []audit.Pending{pendingBlob("a")}
		apply(t, h, e)
		sizes = append(sizes, len(readFile(t, logPath(dir))))
		states = append(states, load(t, h))
	}
	text := readFile(t, logPath(dir))
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}

	store = openStore(t, fileConfig(dir))
	for cut := range len(text) + 1 {
		writeFile(t, logPath(dir), text[:cut])
		h := acquire(t, store)
		c, ok, err := h.Load(t.Context(), 0)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		last := -1
		for i, size := range sizes {
			if cut >= size {
				last = i
			}
		}
		if ok != (last >= 0) {
			t.Fatalf("cut at %d: load says %v", cut, ok)
		}
		if !ok {
			continue
		}
		want := states[last]
		want.Epoch = c.Epoch
		if diff := cmp.Diff(want, c); diff != "" {
			t.Fatalf("cut at %d: %s", cut, diff)
		}
		apply(t, h, entry(c.N+1))
		if got := unseen(t, acquire(t, store), c.N+1, entry(c.N+1).Done); got != 0 {
			t.Fatalf("cut at %d: what was applied then is not there", cut)
		}
	}
}

// TestCompactedLogCutAnywhere cuts a log that starts with a ledger: it must never pass for a smaller ledger.
func TestCompactedLogCutAnywhere(t *testing.T) {
	dir := t.TempDir()
	store := openStore(t, fileConfig(dir))
	h := started(t, store)
	apply(t, h, entry(1))
	apply(t, h, entry(2))
	stream := store.(*fileStore).stream(exchange)
	if err := stream.rewrite(stream.state); err != nil {
		t.Fatal(err)
	}
	if got := unseen(t, h, 2, entry(2).Done); got != 0 {
		t.Fatalf("%d unseen after compaction", got)
	}
	text := readFile(t, logPath(dir))
	for cut := range len(text) + 1 {
		writeFile(t, logPath(dir), text[:cut])
		h := acquire(t, store)
		c, ok, err := h.Load(t.Context(), 0)
		if ok != (cut == len(text)) {
			t.Fatalf("cut at %d: load says %v, %v: %+v", cut, ok, err, c)
		}
		if ok && unseen(t, h, 2, append(entry(1).Done, entry(2).Done...)) != 0 {
			t.Fatal("ledger is not whole")
		}
		if err := h.Reset(t.Context(), audit.Checkpoint{}); err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
}

func TestBadLineInTheMiddleIsDamage(t *testing.T) {
	dir := t.TempDir()
	store := openStore(t, fileConfig(dir))
	h := started(t, store)
	for n := range int64(3) {
		apply(t, h, entry(n+1))
	}
	text := readFile(t, logPath(dir))
	text[len(text)/2] = 0
	writeFile(t, logPath(dir), text)
	h = acquire(t, store)
	_, ok, err := h.Load(t.Context(), 0)
	if ok {
		t.Error("load finds something")
	}
	wantError(t, err, audit.ErrLost)
	if err := h.Reset(t.Context(), audit.Checkpoint{}); err != nil {
		t.Fatal(err)
	}
	apply(t, h, entry(1))
}

func TestLogIsCompacted(t *testing.T) {
	dir := t.TempDir()
	store := openStore(t, fileConfig(dir))
	h := started(t, store)
	const count = 120
	var largest int64
	for n := range int64(count) {
		at := base.Add(-LedgerAge*6 + time.Duration(n)*LedgerAge/20) // most of it is old in the end
		apply(t, h, audit.Entry{N: n + 1, Time: at, Done: hashes(int(n)*5000, 5000)})
		info, err := os.Stat(logPath(dir))
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, info.Size())
	}
	if largest > 8<<20 {
		t.Errorf("log grew to %d bytes", largest)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	h = acquire(t, openStore(t, fileConfig(dir)))
	if got := unseen(t, h, count, hashes((count-1)*5000, 5000)); got != 0 {
		t.Errorf("%d of the newest blobs are unseen", got)
	}
	if got := unseen(t, h, count, hashes(0, 5000)); got != 5000 {
		t.Errorf("%d of the oldest blobs are unseen, want 5000", got)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	dir := t.TempDir()
	store := openStore(t, fileConfig(dir))
	if err := os.MkdirAll(filepath.Dir(logPath(dir)), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, logPath(dir), []byte(`{"base":{"schema":3,"present":true}}`+"\n"))
	_, err := store.Acquire(t.Context(), exchange)
	if f := audit.AsFault(err, ""); err == nil || f.Cause != audit.CauseCheckpoint || f.Hint == "" {
		t.Errorf("acquire: %v", err)
	}
}

// What an older version wrote is taken over, and not to be read by that version afterwards.
func TestOlderSchemaIsRaised(t *testing.T) {
	dir := t.TempDir()
	store := openStore(t, fileConfig(dir))
	apply(t, started(t, store), entry(1))
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	text := bytes.Replace(readFile(t, logPath(dir)), []byte(`"schema":2`), []byte(`"schema":1`), 1)
	writeFile(t, logPath(dir), text)
	h := acquire(t, openStore(t, fileConfig(dir)))
	if got := unseen(t, h, 1, entry(1).Done); got != 0 {
		t.Errorf("%d blobs are forgotten", got)
	}
	if text := readFile(t, logPath(dir)); !bytes.Contains(text, []byte(`"schema":2`)) {
		t.Errorf("the log is left as it was: %.80s", text)
	}
}
