package checkpoint

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
)

// TestPeekLeavesTheDirectoryAlone looks at a stream that never was, and at one whose log a crash cut off.
func TestPeekLeavesTheDirectoryAlone(t *testing.T) {
	dir := t.TempDir()
	store := openStore(t, fileConfig(dir))
	h := started(t, store)
	apply(t, h, entry(1))
	want := load(t, h)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, logPath(dir), append(readFile(t, logPath(dir)), `{"epoch":`...))

	store = openStore(t, fileConfig(dir))
	before := tree(t, dir)
	if diff := cmp.Diff(want, peek(t, store)); diff != "" {
		t.Error(diff)
	}
	never := audit.Stream{Tenant: audit.Tenant{ID: "22222222-2222-2222-2222-222222222222"}, ContentType: audit.DLP}
	if _, ok, err := store.Peek(t.Context(), never); ok || err != nil {
		t.Errorf("peek: %v, %v", ok, err)
	}
	if _, err := store.Wish(t.Context(), never); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, tree(t, dir)); diff != "" {
		t.Error(diff)
	}
	writeFile(t, logPath(dir), []byte("x\n"+`{"epoch":3}`+"\n"))
	_, ok, err := store.Peek(t.Context(), exchange)
	if ok {
		t.Error("peek finds something in a damaged log")
	}
	wantError(t, err, audit.ErrLost)
}

// tree returns the sizes of all files.
func tree(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		out[path] = info.Size()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestExpiredAnswersAreDeleted(t *testing.T) {
	dir := t.TempDir()
	store := openStore(t, fileConfig(dir)).(*fileStore)
	for id, ttl := range map[string]time.Duration{"short": time.Millisecond, "long": time.Hour} {
		if err := store.FinishAnswer(t.Context(), id, nil, ttl); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(2 * time.Millisecond)
	store.swept = time.Now().Add(-sweepAnswersEvery)
	if _, _, err := store.BeginAnswer(t.Context(), "other", "a", time.Second); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(filepath.Join(dir, "answers"))
	if err != nil || len(left) != 1 || left[0].Name() != hashID("long")+".json" {
		t.Errorf("files left: %v, %v", left, err)
	}
}

// TestRubbishOfOthersIsExplained reads keys that somebody else wrote.
func TestRubbishOfOthersIsExplained(t *testing.T) {
	server := miniredis.RunT(t)
	store := openStore(t, redisConfig(server.Addr()))
	stem := "o365:{" + exchange.Key() + "}:"
	for _, key := range []string{stem + "desired", stem + "status", "o365:answer:" + hashID("id")} {
		if err := server.Set(key, "Drubbish"); err != nil {
			t.Fatal(err)
		}
	}
	_, err := store.Wish(t.Context(), exchange)
	wantFault(t, err, "decode wish", "desired")
	wantFault(t, store.ChangeWish(t.Context(), exchange, func(*audit.Wish) {}), "decode wish", "desired")
	_, err = store.Statuses(t.Context(), []audit.Stream{exchange})
	wantFault(t, err, "decode status", "key_prefix")
	_, _, err = store.BeginAnswer(t.Context(), "id", "a", time.Second)
	wantFault(t, err, "decode answer", "key_prefix")

	server.Del(stem + "desired")
	server.HSet(stem+"desired", "state", "paused")
	_, err = store.Wish(t.Context(), exchange)
	wantFault(t, err, "WRONGTYPE", "key_prefix")
	server.SetError("OOM command not allowed")
	wantFault(t, store.PutStatus(t.Context(), exchange, audit.StreamStatus{}, time.Second), "OOM", "maxmemory")
	_, err = store.Statuses(t.Context(), []audit.Stream{exchange})
	wantFault(t, err, "OOM", "maxmemory")
}

// TestChangeOfLostAnswerIsRepeated stores a change, loses the answer, and makes the change again.
func TestChangeOfLostAnswerIsRepeated(t *testing.T) {
	store := openStore(t, redisConfig(miniredis.RunT(t).Addr())).(*redisStore)
	w := store.wishes(t.Context(), exchange)
	for range 2 {
		if err := w.swap("", `{"state":"paused"}`); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, w.swap("", `{"state":"stopped"}`), errChanged)
	blocked := wishes{read: w.read, swap: func(string, string) error { return errChanged }}
	wantError(t, changeWish(blocked, func(w *audit.Wish) { w.By = "x" }), errChanged)
}
