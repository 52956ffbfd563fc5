package secret

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// capture collects what is logged during a test.
func capture(t *testing.T) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(before) })
	return &out
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, s Source, want string) {
	t.Helper()
	got, err := s.Reveal()
	if err != nil || got != want {
		t.Errorf("revealed %q, %v; want %q", got, err, want)
	}
}

func TestValueIsRevealedAsItIs(t *testing.T) {
	expect(t, NewSource("a.b", "hush\n", ""), "hush\n")
	expect(t, Source{}, "")
	if (Source{}).Set() || !NewSource("a", "x", "").Set() || !NewSource("a", "", "f").Set() {
		t.Error("wrong answer whether the secret is set")
	}
}

func TestLineEndOfAFileDoesNotCount(t *testing.T) {
	for text, want := range map[string]string{
		"hush": "hush", "hush\n": "hush", "hush\r\n": "hush", "hush\n\n": "hush", " hu sh \n": " hu sh ", "\uFEFFhush\n": "hush",
		"two\nlines\n": "two\nlines",
	} {
		name := filepath.Join(t.TempDir(), "secret")
		write(t, name, text)
		expect(t, NewSource("a", "", name), want)
	}
}

// TestChangedFileCounts changes a file in the ways in which it happens: written over, replaced, and by swapping the
// link to its directory, as a mounted secret is.
func TestChangedFileCounts(t *testing.T) {
	capture(t)
	dir := t.TempDir()
	for _, version := range []string{"v1", "v2"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "secret"), "linked-"+version+"\n")
	}
	if err := os.Symlink("v1", filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "secret")
	if err := os.Symlink("..data/secret", name); err != nil {
		t.Fatal(err)
	}
	s := NewSource("a", "", name)
	expect(t, s, "linked-v1")
	if err := os.Symlink("v2", filepath.Join(dir, "..next")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "..next"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	expect(t, s, "linked-v2")
	write(t, name, "written-over") // of the same length, within the same second
	expect(t, s, "written-over")
	write(t, filepath.Join(dir, "new"), "replaced-one")
	if err := os.Rename(filepath.Join(dir, "new"), name); err != nil {
		t.Fatal(err)
	}
	expect(t, s, "replaced-one")
}

func TestLastGoodContentStaysWhileAFileCannotBeUsed(t *testing.T) {
	log := capture(t)
	name := filepath.Join(t.TempDir(), "secret")
	write(t, name, value)
	s, same := NewSource("a.password", "", name), NewSource("b.password", "", name)
	expect(t, s, value)
	expect(t, same, value)
	for _, spoil := range []func(){
		func() { write(t, name, "") },
		func() { write(t, name, "\n") },
		func() { write(t, name, "h\x00u\x00s\x00h\x00") },
		func() { write(t, name, strings.Repeat("x", maxFile+1)) },
		func() { os.Remove(name) },
		func() {
			if err := os.Mkdir(name, 0o700); err != nil {
				t.Fatal(err)
			}
		},
	} {
		spoil()
		expect(t, s, value)
		expect(t, same, value)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 {
		t.Errorf("told %d times:\n%s", n, log)
	}
	os.Remove(name)
	write(t, name, value)
	expect(t, s, value)
	if !strings.Contains(log.String(), "can be used again") {
		t.Errorf("recovery is not told:\n%s", log)
	}
	write(t, name, "other-"+value)
	expect(t, s, "other-"+value)
	if !strings.Contains(log.String(), "has changed") || strings.Contains(log.String(), value) {
		t.Errorf("change is not told, or the secret is:\n%s", log)
	}
	os.Remove(name)
	expect(t, s, "other-"+value)
	if n := strings.Count(log.String(), "level=WARN"); n != 2 {
		t.Errorf("the second failure makes %d lines of warning, not 2:\n%s", n, log)
	}
}

func TestFileThatNeverHeldASecretIsAnErrorUntilItDoes(t *testing.T) {
	name := filepath.Join(t.TempDir(), "secret")
	s := NewSource("kafka.sasl.password", "", name)
	for text, want := range map[string]string{"": "is empty", "\r\n": "is empty", "a\x00": "UTF-8", strings.Repeat("x", maxFile+1): "more than"} {
		write(t, name, text)
		if _, err := s.Reveal(); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "read kafka.sasl.password_file: ") {
			t.Errorf("%d bytes: %v, want %q", len(text), err, want)
		}
	}
	os.Remove(name)
	if _, err := s.Reveal(); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("missing file: %v", err)
	}
	write(t, name, "hush")
	expect(t, s, "hush")
}

func TestSourceIsNotPrinted(t *testing.T) {
	name := filepath.Join(t.TempDir(), "secret")
	write(t, name, value)
	filed := NewSource("a", "", name)
	expect(t, filed, value)
	for _, s := range []Source{filed, NewSource("a", value, "")} {
		for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x", "%d"} {
			if text := fmt.Sprintf(verb, s); strings.Contains(text, "hunter") || strings.Contains(text, fmt.Sprintf("%x", value)) {
				t.Errorf("%s tells the secret: %s", verb, text)
			}
		}
		silent(t, "String", s.String())
		log := capture(t)
		slog.Info("x", "source", s, "inside", struct{ hidden Source }{s}, "pointer", &s)
		slog.New(slog.NewJSONHandler(log, nil)).Info("x", "source", s, "inside", struct{ Shown Source }{s}, "pointer", &s)
		silent(t, "log", log.String())
		silent(t, "a field that is not exported", fmt.Sprintf("%+v %#v", struct{ hidden Source }{s}, struct{ hidden Source }{s})+mask)
	}
	if text := fmt.Sprint(Source{}); text != "" {
		t.Errorf("a source that is not set is printed as %q", text)
	}
}

func TestConcurrentUseOfAFile(t *testing.T) {
	capture(t)
	name := filepath.Join(t.TempDir(), "secret")
	write(t, name, "0")
	expect(t, NewSource("a", "", name), "0") // later the file is empty at times
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 200 {
				if got, err := NewSource("a", "", name).Reveal(); err != nil || got == "" {
					t.Errorf("revealed %q, %v", got, err)
				}
			}
		})
	}
	for i := range 200 {
		write(t, name, fmt.Sprint(i))
	}
	readers.Wait()
}

func TestOneOf(t *testing.T) {
	if err := OneOf("sasl.password", "x", "f"); err == nil || !strings.HasPrefix(err.Error(), "sasl.password_file: ") {
		t.Errorf("both are set: %v", err)
	}
	for _, err := range []error{OneOf("a", "", ""), OneOf("a", "x", ""), OneOf("a", "", "f")} {
		if err != nil {
			t.Error(err)
		}
	}
}
