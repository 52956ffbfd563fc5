package control

import (
	"os"
	"path/filepath"
	"testing"
)

func TestKeyOfCommandsChangesWhileItRuns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const first, second = "0123456789abcdef-first", "0123456789abcdef-second"
	write(first + "\n")
	s, err := NewSigner(file)
	if err != nil {
		t.Fatal(err)
	}
	value := []byte("!status")
	old := s.Sign(value)
	write(second + "\n")
	if s.Verify(value, old) == nil {
		t.Error("a signature by the former key is taken")
	}
	fresh := s.Sign(value)
	for _, useless := range []string{"", "short"} {
		write(useless)
		if err := s.Verify(value, fresh); err != nil {
			t.Errorf("after the file holds %q: %v", useless, err)
		}
	}
	os.Remove(file)
	if err := s.Verify(value, fresh); err != nil {
		t.Error(err)
	}
}
