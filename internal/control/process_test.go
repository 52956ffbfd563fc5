package control

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/broker"
)

// envMember makes this test program a member of a group, instead of running tests. It holds an order.
const envMember = "CONTROL_TEST_MEMBER"

// order is what a child process has to do.
type order struct {
	Brokers  []string
	Config   Config
	Instance string
	Tenants  []audit.Tenant
}

// serveOrder is the main function of a child process: a member that says which streams it runs, until it is killed or
// its parent has ended.
func serveOrder(text string) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	conn, err := broker.New(broker.Config{Brokers: o.Brokers}, "child")
	if err != nil {
		return err
	}
	var mu sync.Mutex
	say := func(what string, s audit.Stream) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(what, s.Key())
	}
	g, err := NewGroup(o.Config, Options{
		Conn: conn, Instance: o.Instance, Tenants: o.Tenants, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Streams: func() []audit.Stream { return streamsOf(o.Tenants...) },
		Run: func(ctx context.Context, s audit.Stream) {
			say("run", s)
			<-ctx.Done()
			say("end", s)
		},
		Handle:  func(context.Context, Command, func(Reply) error) error { return nil },
		Answers: newMemory(), CreateTopics: true, Replication: 1,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	return g.Run(ctx)
}

// process is a member in a process of its own.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	done  chan struct{} // closed when its output has ended

	mu   sync.Mutex // guards the following
	runs map[string]bool
	log  strings.Builder
}

// spawn starts a member. It dies with the test at the latest.
func (r *rig) spawn(instance string) *process {
	r.t.Helper()
	text, err := json.Marshal(order{Brokers: r.conn.Brokers, Config: r.config, Instance: instance, Tenants: r.tenants})
	if err != nil {
		r.t.Fatal(err)
	}
	p := &process{t: r.t, cmd: exec.Command(os.Args[0]), done: make(chan struct{}), runs: map[string]bool{}}
	p.cmd.Env = append(os.Environ(), envMember+"="+string(text))
	p.cmd.Stderr = lockedLog{p}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		r.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go p.listen(out)
	r.t.Cleanup(p.kill)
	return p
}

func (p *process) listen(out io.Reader) {
	defer close(p.done)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		what, key, _ := strings.Cut(lines.Text(), " ")
		p.mu.Lock()
		p.runs[key] = what == "run"
		p.mu.Unlock()
	}
}

type lockedLog struct{ p *process }

func (l lockedLog) Write(b []byte) (int, error) {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	return l.p.log.Write(b)
}

// kill ends the process as kill -9 does. It may be called twice.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
	_ = p.cmd.Wait()
	_ = p.stdin.Close()
}

func (p *process) streams() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, runs := range p.runs {
		if runs {
			n++
		}
	}
	return n
}

// runsAll waits until the process runs n streams.
func (p *process) runsAll(n int, within time.Duration) time.Duration {
	p.t.Helper()
	began := time.Now()
	for p.streams() != n {
		if time.Since(began) > within {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.t.Fatalf("the process runs %v after %v, not %d streams; log:\n%s", p.runs, within, n, p.log.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}
