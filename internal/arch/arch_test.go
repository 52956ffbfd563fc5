package arch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheTreeKeepsItsShape(t *testing.T) {
	loaded, err := load("../..")
	if err != nil {
		t.Fatal(err)
	}
	if loaded.packages["internal/audit"] == nil || len(loaded.packages) < 5 {
		t.Fatalf("read %d packages only", len(loaded.packages))
	}
	for _, violation := range violations(loaded) {
		t.Error(violation)
	}
}

// TestEachRuleFindsItsFault breaks each rule in a tree of its own.
func TestEachRuleFindsItsFault(t *testing.T) {
	const doc = "// Package p is here.\n"
	imports := func(paths ...string) string {
		return doc + "package p\n\nimport (\n\t_ \"" + strings.Join(paths, "\"\n\t_ \"") + "\"\n)\n"
	}
	sound := map[string]string{
		"internal/audit/a.go":    imports("time"),
		"internal/source/s.go":   imports(module+"/internal/audit", module+"/internal/unit"),
		"internal/emulator/e.go": imports("net/http"),
		"internal/unit/u.go":     doc + "package p\n",
		"config/c.go":            imports(module + "/internal/source"),
		"cmd/connector/main.go":  imports(module+"/config", "example.com/kong"),
		"cmd/demo/main.go":       imports("github.com/alicebob/miniredis/v2", module+"/internal/emulator"),
		"cmd/demo/main_test.go":  "package p\n",
		".cache/x/x.go":          "not Go",
	}
	longFunction := doc + "package p\n\nfunc long() {" + strings.Repeat("\n", 72) + "}\n"
	tests := []struct{ name, file, text, want string }{
		{"nothing is wrong", "internal/audit/b.go", "package p\n", ""},
		{"one part imports another", "internal/sink/s.go", imports(module + "/internal/source"), "internal/sink must not import internal/source"},
		{"a part imports the pipeline", "internal/checkpoint/c.go", imports(module + "/internal/pipeline"), "internal/checkpoint must not import internal/pipeline"},
		{"the pipeline imports a part", "internal/pipeline/p.go", imports(module + "/internal/sink"), "internal/pipeline must not import internal/sink"},
		{"a part imports the daemon", "internal/sink/s.go", imports(module + "/internal/daemon"), "internal/sink must not import internal/daemon"},
		{"a part imports config", "internal/telemetry/t.go", imports(module + "/config"), "internal/telemetry must not import config"},
		{"the emulator knows the source", "internal/emulator/f.go", imports(module + "/internal/source"), "internal/emulator must not import internal/source"},
		{"an unknown package", "internal/magic/m.go", doc + "package p\n", "internal/magic: unknown package: say in internal/arch what it may import"},
		{"audit imports a module", "internal/audit/b.go", imports("example.com/x"), "internal/audit imports example.com/x, but may only import the standard library"},
		{"the connector links a double", "cmd/connector/run.go", imports("github.com/alicebob/miniredis/v2"), "cmd/connector links github.com/alicebob/miniredis/v2, which cmd/connector imports"},
		{"the connector links the embedded Kafka", "internal/source/k.go", imports("github.com/twmb/franz-go/pkg/kfake"), "cmd/connector links github.com/twmb/franz-go/pkg/kfake, which internal/source imports"},
		{"the connector links testing", "internal/source/t.go", imports("testing"), "cmd/connector links testing, which internal/source imports"},
		{"the connector links the emulator", "cmd/connector/run.go", imports(module + "/internal/emulator"), "cmd/connector links " + module + "/internal/emulator, which cmd/connector imports"},
		{"the connector links the testbed", "cmd/connector/run.go", imports(module + "/internal/testbed"), "cmd/connector links " + module + "/internal/testbed, which cmd/connector imports"},
		{"no package comment", "cmd/other/main.go", "package main\n", "cmd/other has no package comment"},
		{"a long file", "cmd/demo/long.go", "package p\n" + strings.Repeat("\n", 450), "cmd/demo/long.go has 451 lines, at most 450"},
		{"a long function", "cmd/demo/long.go", longFunction, "cmd/demo/long.go: long has 71 lines, at most 70"},
		{"an empty package name", "cmd/utils/main.go", doc + "package main\n", "cmd/utils: the name says nothing about what the package holds"},
		{"an empty file name", "cmd/demo/helpers.go", "package p\n", "cmd/demo/helpers.go: the name says nothing about what the file holds"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			for name, text := range sound {
				write(t, filepath.Join(root, name), text)
			}
			write(t, filepath.Join(root, test.file), test.text)
			loaded, err := load(root)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			if test.want != "" {
				want = []string{test.want}
			}
			if diff := cmp.Diff(want, violations(loaded)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
