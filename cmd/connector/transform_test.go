package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/emulator"
)

// transformed runs the command on an input.
func transformed(t *testing.T, input string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, aside bytes.Buffer
	err := execute(t.Context(), append([]string{"transform"}, args...), &environment{
		stdin: strings.NewReader(input), stdout: &out, stderr: &aside,
		exit: func(int) { t.Error("the process would end") },
	})
	if err != nil {
		code = status(err)
		aside.WriteString(explain(err))
	}
	return out.String(), aside.String(), code
}

const simple = `{"Id":"a","CreationTime":"2026-11-23T09:12:44","Operation":"Send"}`

func TestTransformPrintsALineForEachLine(t *testing.T) {
	pretty := "{\"Id\":\"b\",\r \"CreationTime\":\"2026-11-23T09:12:44\"}"
	for _, test := range []struct {
		name, input, want string
		code              int
	}{
		{"nothing", "", "", 0},
		{"a record", simple, simple + "\n", 0},
		{"records", simple + "\n" + pretty + "\r\n", simple + "\n" + strings.ReplaceAll(pretty, "\r", " ") + "\n", 0},
		{"empty lines", "\n" + simple + "\n \n", "\n" + simple + "\n\n", 0},
		{"no records", "12\n\"x\"\n{}\n", "12\n\"x\"\n{}\n", 0},
		{"no JSON", "x y\n" + simple + "\n{\"Id\"", "x y\n" + simple + "\n{\"Id\"\n", 1},
		{"blobs", "[" + simple + ",\n3]\n[" + simple + "]", simple + "\n3\n" + simple + "\n", 0},
		{"a cut blob", "[" + simple + ",{", simple + "\n", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, aside, code := transformed(t, test.input, "--format", "raw")
			if diff := cmp.Diff(test.want, out); diff != "" || code != test.code || (aside != "") != (code != 0) {
				t.Errorf("exit status %d, %q; -want +got:\n%s", code, aside, diff)
			}
		})
	}
}

func TestTransformNamesBrokenLines(t *testing.T) {
	_, aside, _ := transformed(t, simple+"\n{\n"+strings.Repeat("x\n", 40))
	for _, want := range []string{"line 2 is no JSON: the line ends within a record", "line 3 is no JSON: invalid character 'x'", "lines that are no JSON: 41;"} {
		if !strings.Contains(aside, want) {
			t.Errorf("lacks %q:\n%s", want, aside)
		}
	}
	if n := strings.Count(aside, "\n"); n != maxToldLines {
		t.Errorf("%d lines are told", n)
	}
}

func TestTransformReadsAFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "records.jsonl")
	if err := os.WriteFile(name, []byte(simple), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{name}, {"-"}} {
		out, aside, code := transformed(t, strings.Replace(simple, "Send", "Move", 1), append(args, "--format", "raw")...)
		if code != 0 || aside != "" || strings.Contains(out, "Send") != (args[0] == name) {
			t.Errorf("%v: exit status %d, %q, %q", args, code, out, aside)
		}
	}
}

func TestTransformRefusesWrongUsage(t *testing.T) {
	for _, args := range [][]string{
		{"absent.jsonl"},
		{"a", "b"},
		{"--format", "xml"},
		{"--format", "Incident"},
		{"--content-type", "Audit.Mail"},
		{"--tenant", "contoso"},
		{"--config", "absent.yaml"},
	} {
		if out, aside, code := transformed(t, simple, args...); code != exitUsage || out != "" || !strings.Contains(aside, args[0]) && args[0] != "--config" {
			t.Errorf("%v: exit status %d, %q, %q", args, code, out, aside)
		}
	}
}

func TestTransformNeedsNoConfiguration(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("connector.yaml", []byte("rubbish: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONNECTOR_CONFIG", "connector.yaml")
	out, aside, code := transformed(t, simple, "--incident-type", "M365")
	if code != 0 || !strings.Contains(out, `"type":"M365","rawJSON":`) {
		t.Errorf("exit status %d, %q, %q", code, out, aside)
	}
}

func TestTransformTakesAConfigurationThatIsGiven(t *testing.T) {
	config := func(text string) string {
		name := filepath.Join(t.TempDir(), "c.yaml")
		text = "tenants: [{id: " + emulator.DefaultTenantID + ", name: contoso, auth: {client_id: a, client_secret: b}}]\n" + text
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	const list = "outputs: [{format: raw, topic: a}, {incident_type: Listed, topic: b, filter: {operations: [nothing]}}]\nfilter: {operations: [nothing]}\n"
	for _, test := range []struct{ text, format, want string }{
		{"output: {incident_type: Short}", "", `"type":"Short"`},
		{"output: {incident_type: Short}", "raw", simple},
		{list, "", simple},
		{list, "incident", `"type":"Listed"`},
		{"outputs: [{format: raw, topic: a}]", "incident", `"name":"Microsoft Management Activity: a"`},
	} {
		out, aside, code := transformed(t, simple, "--config", config(test.text), "--format", test.format)
		if code != 0 || !strings.Contains(out, test.want) || strings.Count(out, "\n") != 1 {
			t.Errorf("%s: exit status %d, %q, %q", test.text, code, out, aside)
		}
	}
}

// TestTransformDoesNotKeepWhatIsFinished gives a line and waits for its event before it gives another.
func TestTransformDoesNotKeepWhatIsFinished(t *testing.T) {
	in, give := io.Pipe()
	take, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- execute(t.Context(), []string{"transform", "--format", "raw"}, &environment{stdin: in, stdout: out, stderr: io.Discard})
		_ = out.Close()
	}()
	got := make([]byte, len(simple)+1)
	for range 3 {
		if _, err := io.WriteString(give, simple+"\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(take, got); err != nil || string(got) != simple+"\n" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	_ = give.Close()
	if _, err := take.Read(got); err != io.EOF { //nolint:errorlint // of a pipe
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

type failing struct{ error }

func (f failing) Write([]byte) (int, error) { return 0, f.error }

func TestTransformTellsOfAFullDisk(t *testing.T) {
	err := execute(t.Context(), []string{"transform"}, &environment{
		stdin: strings.NewReader(simple), stdout: failing{syscall.ENOSPC}, stderr: io.Discard,
	})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "print events") || status(err) != exitFailed {
		t.Error(err)
	}
}

// TestTransformAsAProcess is about what only a process has: pipes whose reader goes away, and signals.
func TestTransformAsAProcess(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "connector")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Run("nobody reads", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		script := fmt.Sprintf(`yes '%s' | { '%s' transform; echo "status $?" >&2; } | head -n 2`, simple, binary)
		var aside bytes.Buffer
		cmd := exec.CommandContext(ctx, "sh", "-c", script)
		cmd.Stderr = &aside
		out, err := cmd.Output()
		if err != nil || bytes.Count(out, []byte("\n")) != 2 || strings.TrimSpace(aside.String()) != "status 141" {
			t.Errorf("%v, %d lines, %s", err, bytes.Count(out, []byte("\n")), &aside)
		}
	})
	t.Run("a signal", func(t *testing.T) {
		cmd := exec.CommandContext(t.Context(), binary, "transform")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		defer stdin.Close() //nolint:errcheck // nothing is written
		var aside bytes.Buffer
		cmd.Stderr = &aside
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond)
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			if err == nil {
				t.Error("exit status 0")
			}
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			t.Errorf("it goes on: %v", <-ended)
		}
	})
}

func BenchmarkTransform(b *testing.B) {
	for _, format := range []string{"raw", "incident"} {
		b.Run(format, func(b *testing.B) {
			line := strings.Replace(simple, `"Operation"`, `"Data":"`+strings.Repeat("some text, ", 110)+`","Operation"`, 1) + "\n"
			text := strings.Repeat(line, 5000)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				err := execute(b.Context(), []string{"transform", "--format", format}, &environment{
					stdin: strings.NewReader(text), stdout: io.Discard, stderr: io.Discard,
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestTransformExplains(t *testing.T) {
	record := `{"Id":"a\u001b[31m","CreationTime":"2026-11-23T09:12:44","Operation":"UserLoggedIn","RecordType":15,"Workload":"AzureActiveDirectory","UserId":"a@b.example"}`
	for format, want := range map[string][]string{
		"raw":      {"record 2: Id \"a\\x1b[31m\", record type 15 (AzureActiveDirectoryStsLogon), workload \"AzureActiveDirectory\", operation \"UserLoggedIn\"\n  raw\n", "byte for byte"},
		"incident": {"\n  incident\n", "rawJSON"},
		"ocsf":     {"\n  ocsf/1.8.0\n", "3002", "record 3: Id none, record type 9999 (which Microsoft's table does not have), workload none", "; malformed: no Id\n", "; malformed: not JSON\n"},
	} {
		out, aside, code := transformed(t, "\n"+record+"\n{\"RecordType\":9999}\nrubbish\n", "--explain", "--format", format)
		if code != exitFailed || strings.Count(aside, "line 4 is no JSON") != 1 || strings.ContainsRune(out, '\x1b') {
			t.Errorf("exit status %d, %q", code, aside)
		}
		for _, text := range want {
			if !strings.Contains(out, text) {
				t.Errorf("%s: explanation lacks %q:\n%s", format, text, out)
			}
		}
	}
}

// TestTransformOfEveryFormat gives it lines of all kinds: for each there is one, of JSON, and always the same.
func TestTransformOfEveryFormat(t *testing.T) {
	input := simple + "\nno JSON\n\n[1,{\"a\":\"b\"}]\n{\"Id\":\"\xff\",\"RecordType\":\"x\"}\n{\"Id\"\n" + simple[:40] + "\n\"text\"\n" +
		strings.Repeat("[", 20_000) + "\n{\"Data\":\"" + strings.Repeat("x", 2<<20) + "\"}\n"
	for _, format := range []string{"incident", "ecs", "ocsf"} {
		out, _, _ := transformed(t, input, "--format", format, "--content-type", "dlp.all")
		again, _, _ := transformed(t, input, "--format", format, "--content-type", "dlp.all")
		if out != again {
			t.Errorf("%s: the same input has another output", format)
		}
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if len(lines) != strings.Count(input, "\n") {
			t.Errorf("%s: %d lines, want %d", format, len(lines), strings.Count(input, "\n"))
		}
		for i, line := range lines {
			if line != "" && !json.Valid([]byte(line)) || (line == "") != (i == 2) {
				t.Errorf("%s: line %d is %.100q", format, i+1, line)
			}
		}
	}
}

// TestTransformRedacts looks for marks in all that the command prints.
func TestTransformRedacts(t *testing.T) {
	name := filepath.Join(t.TempDir(), "c.yaml")
	text := "tenants: [{id: " + emulator.DefaultTenantID + ", auth: {client_id: a, client_secret: b}}]\nredact: {fields: [Id, Operation, Workload, RecordType, UserId]}\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	input := `{"Id":"mark-1","CreationTime":"2026-11-23T09:12:44","Operation":"mark-2","Workload":"mark-3","RecordType":"mark-4","UserId":"mark-5@b.example","ObjectId":"here"}` +
		"\nmark-6 is no JSON\n{\"Id\":\"mark-7\n"
	for _, format := range []string{"raw", "incident", "ecs", "ocsf"} {
		for _, more := range [][]string{nil, {"--explain"}} {
			out, aside, _ := transformed(t, input, append([]string{"--config", name, "--format", format}, more...)...)
			if strings.Contains(out+aside, "mark") || out == "" || more == nil && strings.Count(out, "\n") != 3 {
				t.Errorf("%s %v: %q, %q", format, more, out, aside)
			}
		}
	}
}
