package stage

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Running returns the same stage, whose instances that are started from now on are of another program.
func (s *Stage) Running(binary string) *Stage {
	other := *s
	other.binary = binary
	return &other
}

// BinaryOf builds the connector of an earlier commit, from the history of this checkout, and returns its path. Where
// there is no such history, the test is skipped.
func BinaryOf(t *testing.T, commit string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped by -short: this test needs real services")
	}
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	if err := os.Mkdir(tree, 0o750); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(dir, "tree.tar")
	root := "../../.." // of the module; tests run in their package's directory
	if out, err := command(t, root, "git", "archive", "--output", archive, commit); err != nil {
		t.Skipf("SKIPPED, NOT TESTED: commit %s is not in the history of this checkout (clone it with its whole history): %v: %s", commit, err, out)
	}
	if out, err := command(t, tree, "tar", "-xf", archive); err != nil {
		t.Fatalf("unpack commit %s: %v: %s", commit, err, out)
	}
	path := filepath.Join(dir, "connector-"+commit[:min(len(commit), 8)])
	if out, err := command(t, tree, "go", "build", "-o", path, "./cmd/connector"); err != nil {
		t.Fatalf("build commit %s: %v: %s", commit, err, out)
	}
	return path
}

func command(t *testing.T, dir string, argv ...string) ([]byte, error) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), argv[0], argv[1:]...)
	cmd.Dir = dir
	return cmd.CombinedOutput()
}
