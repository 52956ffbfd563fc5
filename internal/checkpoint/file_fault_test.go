package checkpoint

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
)

// TestFailedWriteIsRepeated loses the file under the store's hands: the call fails, and its repetition works.
func TestFailedWriteIsRepeated(t *testing.T) {
	dir := t.TempDir()
	store := openStore(t, fileConfig(dir))
	h := started(t, store)
	stream := store.(*fileStore).stream(exchange)
	for n := range int64(3) {
		readOnly, err := os.Open(logPath(dir))
		if err != nil {
			t.Fatal(err)
		}
		_ = stream.log.Close()
		stream.log = readOnly
		wantFault(t, h.Apply(t.Context(), entry(n+1), (n+1)*10), "write checkpoint log", "make room")
		apply(t, h, entry(n+1))
	}
	if got := unseen(t, h, 3, entry(2).Done); got != 0 {
		t.Errorf("%d blobs lost", got)
	}
}

// TestUnknownOutcomeIsRepeated writes an entry whose call then fails: the repetition takes it as applied.
func TestUnknownOutcomeIsRepeated(t *testing.T) {
	dir := t.TempDir()
	store := openStore(t, fileConfig(dir))
	h := started(t, store)
	stream := store.(*fileStore).stream(exchange)
	apply(t, h, entry(1))
	stream.forget() // as after a write that reported an error
	apply(t, h, entry(1))
	if c := load(t, h); c.N != 1 {
		t.Errorf("N is %d", c.N)
	}
}

func TestUnwritableDirectoryIsExplained(t *testing.T) {
	file := t.TempDir() + "/file"
	writeFile(t, file, nil)
	_, err := Open(t.Context(), fileConfig(file+"/checkpoint"))
	wantFault(t, err, "open checkpoint directory", "checkpoint.path")

	dir := t.TempDir()
	store := openStore(t, fileConfig(dir))
	if findings, err := store.Check(t.Context()); err != nil || !mentions(findings, Note, dir) {
		t.Errorf("check: %v, %v", findings, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	wantFault(t, store.Ping(t.Context()), "checkpoint directory", "checkpoint.path")
}

// FuzzReadLog reads rubbish: it must not crash, and what it accepts must stay the same when it is written anew.
func FuzzReadLog(f *testing.F) {
	hash := `"` + audit.HashOf("a").String() + `"`
	for _, seed := range []string{
		"", "{", `{"epoch":5}` + "\n",
		`{"base":{"schema":1,"present":true,"epoch":5,"position":-1,"ledger":1}}` + "\n" + `{"ledger":{"at":7,"hashes":[` + hash + `]}}` + "\n",
		`{"base":{"schema":1,"present":true}}` + "\n" + `{"entry":{"n":1,"at":1000000,"done":[` + hash + `]}}` + "\n" + `{"progress":{"watermark":5}}` + "\n",
		`{"base":{"schema":1,"present":true}}` + "\n" + `{"entry":{"n":3}}` + "\n",
		"x\n" + `{"epoch":5}` + "\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, good, err := readLog(bytes.NewReader(text))
		if err != nil {
			return
		}
		if good > int64(len(text)) {
			t.Fatalf("%d of %d bytes are good", good, len(text))
		}
		if s.damage != nil {
			return
		}
		var out bytes.Buffer
		size, err := writeBase(&out, s)
		if err != nil {
			return // a time that JSON cannot hold
		}
		again, good, err := readLog(bytes.NewReader(out.Bytes()))
		if err != nil || again.damage != nil || good != size {
			t.Fatalf("what was written cannot be read: %v, %v, %d of %d bytes", err, again.damage, good, size)
		}
		if diff := cmp.Diff(s.checkpoint(), again.checkpoint()); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(s.ledger, again.ledger); diff != "" {
			t.Fatal(diff)
		}
	})
}
