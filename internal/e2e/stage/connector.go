package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

var binary struct {
	once sync.Once
	path string
	err  error
}

// Main runs the tests of a package and removes the binary that Binary built. It is the body of a TestMain.
func Main(m *testing.M) {
	code := m.Run()
	if binary.path != "" {
		_ = os.RemoveAll(filepath.Dir(binary.path))
	}
	os.Exit(code)
}

// Binary builds the connector, once for all tests of a package, and returns its path.
func Binary(t *testing.T) string {
	t.Helper()
	binary.once.Do(func() {
		dir, err := os.MkdirTemp("", "connector-e2e-")
		if err != nil {
			binary.err = err
			return
		}
		binary.path = filepath.Join(dir, "connector")
		out, err := exec.CommandContext(context.Background(), "go", "build", "-o", binary.path, "o365-kafka-connector/cmd/connector").CombinedOutput()
		if err != nil {
			binary.err = fmt.Errorf("build connector: %w\n%s", err, out)
		}
	})
	if binary.err != nil {
		t.Fatal(binary.err)
	}
	return binary.path
}

// Connector is a process of `connector run`.
type Connector struct {
	Instance string
	Page     string // address of its status page, as http://127.0.0.1:1234

	t    *testing.T
	cmd  *exec.Cmd
	log  string
	done chan error
}

// Start starts an instance, with sections of its own added to the configuration. It is killed when the test ends.
func (s *Stage) Start(instance, settings string) *Connector {
	s.t.Helper()
	page := FreeAddress(s.t)
	log, err := os.CreateTemp(s.dir, instance+"-*.log")
	if err != nil {
		s.t.Fatal(err)
	}
	program := s.binary
	if program == "" {
		program = Binary(s.t)
	}
	c := &Connector{
		Instance: instance, Page: "http://" + page, t: s.t, log: log.Name(), done: make(chan error, 1),
		cmd: exec.CommandContext(context.Background(), program, "run", "--config", s.Config(instance, page, settings)),
	}
	c.cmd.Stdout, c.cmd.Stderr = log, log
	if err := c.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		c.done <- c.cmd.Wait()
		_ = log.Close()
	}()
	s.t.Cleanup(func() { _ = c.End(syscall.SIGKILL) })
	return c
}

// End sends the signal and waits for the process, at most 30 seconds. The error is that of its exit status.
func (c *Connector) End(signal syscall.Signal) error {
	_ = c.cmd.Process.Signal(signal)
	select {
	case err := <-c.done:
		c.done <- err
		return err
	case <-time.After(30 * time.Second):
		_ = c.cmd.Process.Kill()
		return fmt.Errorf("process still runs 30 s after %s", signal)
	}
}

// Stop ends the process as an operator does: it has to end well.
func (c *Connector) Stop() {
	c.t.Helper()
	if err := c.End(syscall.SIGTERM); err != nil {
		c.t.Errorf("SIGTERM: %s: %v\n%s", c.Instance, err, c.Tail())
	}
}

// Kill ends the process without a warning.
func (c *Connector) Kill() {
	c.t.Helper()
	if err := c.End(syscall.SIGKILL); err == nil {
		c.t.Fatal("a killed process ended well")
	}
}

// MustRun ends the test if the process has ended by itself.
func (c *Connector) MustRun() {
	c.t.Helper()
	select {
	case err := <-c.done:
		c.done <- err
		c.t.Fatalf("%s ended by itself: %v\n%s", c.Instance, err, c.Tail())
	default:
	}
}

// Log is the path of the process's log.
func (c *Connector) Log() string { return c.log }

// Tail is the end of the process's log.
func (c *Connector) Tail() string {
	text, _ := os.ReadFile(c.log)
	return string(text[max(0, len(text)-4000):])
}

// Lines returns the lines of the log with a message.
func (c *Connector) Lines(message string) []map[string]any {
	c.t.Helper()
	text, err := os.ReadFile(c.log)
	if err != nil {
		c.t.Fatal(err)
	}
	var out []map[string]any
	for line := range bytes.Lines(text) {
		var fields map[string]any
		if json.Unmarshal(line, &fields) == nil && fields["msg"] == message {
			out = append(out, fields)
		}
	}
	return out
}

// Get asks the process by HTTP and returns status and body; a status of 0 means that it does not answer.
func (c *Connector) Get(path string) (int, []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	question, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Page+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(question)
	if err != nil {
		return 0, nil
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, nil
	}
	return answer.StatusCode, body
}

// Output is what a command left behind.
type Output struct {
	Code           int
	Stdout, Stderr string
}

// Call runs a command of the connector, at most two minutes.
func (s *Stage) Call(t *testing.T, args ...string) Output {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, Binary(t), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	out := Output{Stdout: stdout.String(), Stderr: stderr.String()}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		out.Code = exit.ExitCode()
	} else if err != nil {
		t.Fatalf("run connector %v: %v", args, err)
	}
	return out
}
