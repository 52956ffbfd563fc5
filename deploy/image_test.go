// Package deploy holds the tests of what surrounds the programs: image, compose file and their settings.
package deploy

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

const root = ".."

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// instructions returns the Dockerfile's instructions, continued lines joined.
func instructions(t *testing.T) []string {
	t.Helper()
	var all []string
	text := strings.ReplaceAll(read(t, "Dockerfile"), "\\\n", " ")
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return all
}

// buildCommand returns the Dockerfile's build command as a shell takes it.
func buildCommand(t *testing.T) string {
	t.Helper()
	mounts := regexp.MustCompile(`--mount=\S+\s+`)
	for _, line := range instructions(t) {
		if command, ok := strings.CutPrefix(line, "RUN "); ok && strings.Contains(command, "go build") {
			return strings.TrimSpace(mounts.ReplaceAllString(command, ""))
		}
	}
	t.Fatal("Dockerfile builds nothing")
	return ""
}

// TestImageHoldsStaticPrograms builds what the Dockerfile builds, by the Dockerfile's own command.
func TestImageHoldsStaticPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: builds all programs")
	}
	out := t.TempDir()
	command := buildCommand(t)
	if !strings.Contains(command, "-o /out/ ") {
		t.Fatalf("build command writes elsewhere: %s", command)
	}
	build := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(command, "-o /out/ ", "-o '"+out+"/' ", 1))
	build.Dir = root
	build.Env = append(os.Environ(), "VERSION=v1.2.3-image", "TARGETOS=linux", "TARGETARCH="+runtime.GOARCH)
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, text)
	}
	for _, program := range []string{"connector", "emulator"} {
		checkStatic(t, filepath.Join(out, program))
	}
	if runtime.GOOS != "linux" {
		return
	}
	connector := filepath.Join(out, "connector")
	text, err := exec.CommandContext(t.Context(), connector, "version").Output()
	if err != nil || !strings.Contains(string(text), "v1.2.3-image") {
		t.Errorf("connector version: %q, %v", text, err)
	}
	check := exec.CommandContext(t.Context(), connector, "config", "check", "--config", "compose/connector.yaml")
	if text, err := check.CombinedOutput(); err != nil {
		t.Errorf("connector config check: %v\n%s", err, text)
	}
}

func checkStatic(t *testing.T, name string) {
	t.Helper()
	f, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Errorf("%s needs a dynamic loader", name)
		}
	}
	if libraries, err := f.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("%s needs libraries %v, %v", name, libraries, err)
	}
	if f.Section(".debug_info") != nil || f.Section(".symtab") != nil {
		t.Errorf("%s is not stripped", name)
	}
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), absolute+"/internal/") {
		t.Errorf("%s holds paths of the machine that built it", name)
	}
}

func TestImageRunsWithoutRightsAndShell(t *testing.T) {
	base := map[string]string{} // stage: image or stage below it
	user := map[string]string{}
	entrypoint := map[string]string{}
	var stage string
	for _, line := range instructions(t) {
		words := strings.Fields(line)
		switch words[0] {
		case "FROM":
			stage = words[len(words)-1]
			base[stage] = words[len(words)-3]
		case "USER":
			user[stage] = words[1]
		case "ENTRYPOINT":
			entrypoint[stage] = strings.TrimPrefix(line, "ENTRYPOINT ")
		}
	}
	if stage != "connector" {
		t.Errorf("the image that is built by default is %q, want connector", stage)
	}
	numeric := regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`)
	for _, program := range []string{"connector", "emulator"} {
		image, runsAs := base[program], user[program]
		if base[image] != "" {
			image, runsAs = base[image], runsAs+user[image]
		}
		if !strings.HasPrefix(image, "gcr.io/distroless/static") && image != "scratch" {
			t.Errorf("%s stands on %s, which may have a shell", program, image)
		}
		if !numeric.MatchString(runsAs) {
			t.Errorf("%s runs as %q, want a numeric user that is not root", program, runsAs)
		}
		if want := `["/` + program + `"]`; entrypoint[program] != want {
			t.Errorf("%s's entry point is %s, want %s", program, entrypoint[program], want)
		}
	}
}

func TestMakefileBuildsAsTheImageDoes(t *testing.T) {
	makefile := strings.NewReplacer("$(LDFLAGS)", flags(t), "$(VERSION)", "$VERSION").Replace(read(t, "Makefile"))
	for _, part := range []string{"CGO_ENABLED=0", `-trimpath -ldflags "-s -w -X main.version=$VERSION"`} {
		if !strings.Contains(buildCommand(t), part) || !strings.Contains(makefile, part) {
			t.Errorf("Dockerfile and Makefile do not both have %s", part)
		}
	}
}

// flags returns the Makefile's linker flags.
func flags(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^LDFLAGS\s*:=\s*(.*)$`).FindStringSubmatch(read(t, "Makefile"))
	if found == nil {
		t.Fatal("Makefile has no LDFLAGS")
	}
	return strings.ReplaceAll(found[1], "$(VERSION)", "$VERSION")
}
