package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// buildConnector builds the connector as it is released, in a directory.
func buildConnector(ctx context.Context, dir string) (string, error) {
	program := filepath.Join(dir, "connector")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./cmd/connector")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build connector (run the benchmark in the checkout, or give --embedded): %w: %s", err, out)
	}
	return program, nil
}

// startConnector runs the released program with the task's configuration.
func startConnector(ctx context.Context, program string, t task) (*process, error) {
	file := filepath.Join(filepath.Dir(program), t.Topic+t.Instance+".yaml")
	if err := os.WriteFile(file, []byte(t.Config), 0o600); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	p := &process{role: rolePipeline, cmd: exec.CommandContext(ctx, program, "run", "--config", file), connector: true}
	p.cmd.Stderr = &p.stderr
	p.cmd.WaitDelay = endTimeout
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("open pipe: %w", err)
	}
	p.stdout = bufio.NewReader(out)
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start connector: %w", err)
	}
	return p, nil
}

// ask tells the connector to end, after a look at its memory.
func (p *process) ask() {
	p.peak, _ = highWater(p.cmd.Process.Pid)
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
}

// connectorUsage is what the connector used, as the system tells it.
func (p *process) connectorUsage() usage {
	s := p.cmd.ProcessState
	u := usage{CPU: s.UserTime() + s.SystemTime(), PeakRSS: p.peak, Finished: time.Now()}
	if r, ok := s.SysUsage().(*syscall.Rusage); ok && u.PeakRSS == 0 {
		u.PeakRSS = r.Maxrss << 10
	}
	return u
}
