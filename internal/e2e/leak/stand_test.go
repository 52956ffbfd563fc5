package leak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/testbed"
)

func TestMain(m *testing.M) { stage.Main(m) }

// stand is what a run of the connector has around it, and everything that it says.
type stand struct {
	t     *testing.T
	shelf *shelf
	name  string // begins the names of topics, is the group's and the keys' in Redis
	dir   string
	page  string
	env   []string

	mu   sync.Mutex // guards the following
	said map[string]*bytes.Buffer
}

func newStand(t *testing.T) *stand {
	t.Helper()
	return &stand{t: t, shelf: newShelf(), name: testbed.Name(t), dir: t.TempDir(), page: stage.FreeAddress(t), said: map[string]*bytes.Buffer{}}
}

// file writes a file for the connector to read.
func (s *stand) file(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// hear keeps what the connector says somewhere.
func (s *stand) hear(where string, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.said[where] == nil {
		s.said[where] = &bytes.Buffer{}
	}
	s.said[where].Write(text)
	s.said[where].WriteByte('\n')
}

// heard returns all that was said somewhere.
func (s *stand) heard(where string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.said[where] == nil {
		return ""
	}
	return s.said[where].String()
}

// ear hears a stream.
type ear struct {
	*stand

	where string
}

func (e ear) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.said[e.where] == nil {
		e.said[e.where] = &bytes.Buffer{}
	}
	return e.said[e.where].Write(p)
}

// run starts `connector run`. The function returned sends it a signal and waits for its end.
func (s *stand) run(config string) (end func(syscall.Signal)) {
	s.t.Helper()
	cmd := exec.CommandContext(context.Background(), stage.Binary(s.t), "run", "--config", config)
	cmd.Env = append(os.Environ(), s.env...)
	cmd.Stdout, cmd.Stderr = ear{s, "log"}, ear{s, "log"}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = cmd.Wait() }()
	var once sync.Once
	end = func(signal syscall.Signal) {
		once.Do(func() {
			_ = cmd.Process.Signal(signal)
			select {
			case <-done:
			case <-time.After(30 * time.Second):
				s.t.Errorf("process still runs 30 s after %s", signal)
				_ = cmd.Process.Kill()
				<-done
			}
		})
	}
	s.t.Cleanup(func() { end(syscall.SIGKILL) })
	return end
}

// call runs another command, whatever it answers.
func (s *stand) call(args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, stage.Binary(s.t), args...)
	cmd.Env = append(os.Environ(), s.env...)
	out, err := cmd.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		s.t.Fatalf("connector %v: %v", args, err)
	}
	name, _, _ := strings.Cut(strings.Join(args, " "), " --")
	s.hear("connector "+name, out)
	return string(out)
}

// visit reads all pages.
func (s *stand) visit() {
	for _, path := range []string{"/", "/api/status", "/metrics", "/healthz", "/readyz"} {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		question, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.page+path, nil)
		if err != nil {
			s.t.Error(err)
		}
		if answer, err := http.DefaultClient.Do(question); err == nil {
			body, _ := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			s.hear(path, body)
		}
		cancel()
	}
}

// read hears all that is on the topics of this run, until the test ends, and counts the records by topic.
func (s *stand) read(brokers ...string) (count func(kind string) int) {
	s.t.Helper()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...), kgo.ConsumeRegex(), kgo.ConsumeTopics("^"+s.name+".*"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(200*time.Millisecond), kgo.MetadataMaxAge(time.Second))
	if err != nil {
		s.t.Fatal(err)
	}
	var mu sync.Mutex
	seen := map[string]int{}
	ctx, cancel := context.WithCancel(context.Background())
	var reading sync.WaitGroup
	reading.Go(func() {
		for ctx.Err() == nil {
			client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				text := fmt.Appendf(nil, "%s %s", r.Key, r.Value)
				for _, h := range r.Headers {
					text = fmt.Appendf(text, " %s=%s", h.Key, h.Value)
				}
				s.hear(r.Topic, text)
				mu.Lock()
				defer mu.Unlock()
				seen[strings.TrimPrefix(r.Topic, s.name+".")]++
			})
		}
	})
	s.t.Cleanup(func() {
		cancel()
		reading.Wait()
		client.Close()
	})
	return func(kind string) int {
		mu.Lock()
		defer mu.Unlock()
		return seen[kind]
	}
}

// until waits for a condition, and visits the pages all the time.
func (s *stand) until(what string, is func() bool) {
	s.t.Helper()
	for end := time.Now().Add(60 * time.Second); !is(); time.Sleep(250 * time.Millisecond) {
		s.visit()
		if time.Now().After(end) {
			log := s.heard("log")
			s.t.Fatalf("not within a minute: %s\n%s", what, log[max(0, len(log)-6000):])
		}
	}
}

// judge fails for each secret in anything that was said.
func (s *stand) judge() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for where, text := range s.said {
		for _, found := range s.shelf.find(text.String()) {
			s.t.Errorf("%s gives away the %s", where, found)
		}
	}
}
