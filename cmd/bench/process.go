package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// endTimeout is how long a process may take to end when it is told to.
const endTimeout = 40 * time.Second

// process is one of the bench's processes.
type process struct {
	role    string
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	stdout  *bufio.Reader
	stderr  bytes.Buffer
	started time.Time

	connector bool  // the released program, which is ended by a signal and knows nothing of roles
	peak      int64 // of its memory

	done chan struct{} // closed by watch when the process has ended
	used usage
	err  error
}

// start starts this program in a role.
func start(ctx context.Context, role string, t task) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	p := &process{role: role, cmd: exec.CommandContext(ctx, program)}
	p.cmd.Env = append(os.Environ(), envRole+"="+role)
	p.cmd.Stderr = &p.stderr
	p.cmd.WaitDelay = endTimeout
	// Told to end, a process finishes what it has in hand.
	p.cmd.Cancel = func() error {
		if p.stdin.Close() != nil {
			return os.ErrProcessDone // it was told already
		}
		return nil
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("open pipe: %w", err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("open pipe: %w", err)
	}
	p.stdout = bufio.NewReader(out)
	line, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("write task: %w", err)
	}
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	if _, err := p.stdin.Write(append(line, '\n')); err != nil {
		return nil, errors.Join(fmt.Errorf("write task: %w", err), p.kill())
	}
	return p, nil
}

// line returns the next line of the process's output.
func (p *process) line() (string, error) {
	line, err := p.stdout.ReadString('\n')
	if err != nil {
		return "", errors.Join(fmt.Errorf("%s: it said nothing: %w", p.role, err), p.kill())
	}
	return line[:len(line)-1], nil
}

// watch begins to wait for the process's end; done tells of it.
func (p *process) watch() {
	p.done = make(chan struct{})
	go func() {
		defer close(p.done)
		p.used, p.err = p.collect()
	}()
}

func (p *process) collect() (usage, error) {
	out, readErr := io.ReadAll(p.stdout)
	if err := errors.Join(p.cmd.Wait(), readErr); err != nil {
		return usage{}, fmt.Errorf("%s: %w: %s", p.role, err, bytes.TrimSpace(p.stderr.Bytes()))
	}
	if p.connector {
		return p.connectorUsage(), nil
	}
	var u usage
	if err := json.Unmarshal(bytes.TrimSpace(out), &u); err != nil {
		return usage{}, fmt.Errorf("%s: read usage: %w: %q", p.role, err, out)
	}
	return u, nil
}

// wait returns what the process used once it has done its work.
func (p *process) wait() (usage, error) {
	<-p.done
	return p.used, p.err
}

// end tells the process to end and waits for it.
func (p *process) end() (usage, error) {
	if p.connector {
		p.ask()
	} else {
		_ = p.stdin.Close() // it may be closed already
	}
	timer := time.AfterFunc(endTimeout, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	return p.wait()
}

// kill ends the process at once.
func (p *process) kill() error {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // it was killed: what it says about that is no news
	if text := bytes.TrimSpace(p.stderr.Bytes()); len(text) > 0 {
		return fmt.Errorf("%s says: %s", p.role, text)
	}
	return nil
}
