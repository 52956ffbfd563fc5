//go:build unix

package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// guardScript reads the server's process id, or an empty line when it has ended, until the process that started it
// is gone; then it cleans up: kills the server, removes the directory, runs the command given.
const guardScript = `while read -r line; do pid=$line; done
[ -n "$pid" ] && kill -9 "-$pid"
rm -rf -- "$1"
shift
[ $# -gt 0 ] && exec "$@"`

// guard is the process that cleans up after us.
type guard struct {
	pid  int
	pipe *os.File
}

func newGuard(dir string, cleanup ...string) (*guard, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open guard's pipe: %w", err)
	}
	defer r.Close()
	pid, err := spawn(append([]string{"/bin/sh", "-c", guardScript, "guard", dir}, cleanup...), r, nil)
	if err != nil {
		w.Close()
		return nil, err
	}
	return &guard{pid: pid, pipe: w}, nil
}

// tell informs the guard. It may be gone if somebody killed it, which costs only the cleaning up.
func (g *guard) tell(line string) { _, _ = g.pipe.WriteString(line + "\n") }

// clean lets the guard do its work and waits for it. It may be called twice.
func (g *guard) clean() {
	if g.pid == 0 {
		return
	}
	_ = g.pipe.Close()
	_, _ = syscall.Wait4(g.pid, nil, 0, nil)
	g.pid = 0
}

// native runs a server as a process of this machine, in a process group of its own.
type native struct {
	argv  []string
	dir   string
	guard *guard

	mu  sync.Mutex // guards the following
	pid int        // 0: not running
}

func newNative(dir string, argv []string) (runner, error) {
	g, err := newGuard(dir)
	if err != nil {
		return nil, err
	}
	return &native{argv: argv, dir: dir, guard: g}, nil
}

// spawn starts a process without a goroutine that waits for it.
func spawn(argv []string, stdin, output *os.File) (pid int, err error) {
	cmd := exec.CommandContext(context.Background(), argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if stdin != nil {
		cmd.Stdin = stdin
	}
	if output != nil {
		cmd.Stdout, cmd.Stderr = output, output
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start %s: %w", argv[0], err)
	}
	pid = cmd.Process.Pid
	_ = cmd.Process.Release()
	return pid, nil
}

func (n *native) start(context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pid != 0 && !n.reap(syscall.WNOHANG) {
		return fmt.Errorf("start %s: it runs already", n.argv[0])
	}
	log, err := os.OpenFile(filepath.Join(n.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer log.Close()
	pid, err := spawn(n.argv, nil, log)
	if err != nil {
		return err
	}
	n.pid = pid
	n.guard.tell(strconv.Itoa(pid))
	return nil
}

// reap collects the process if it has ended, and reports whether it has.
func (n *native) reap(options int) bool {
	if n.pid == 0 {
		return true
	}
	for {
		pid, err := syscall.Wait4(n.pid, nil, options, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err == nil && pid == 0:
			return false
		}
		n.pid = 0
		n.guard.tell("")
		return true
	}
}

func (n *native) alive() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.reap(syscall.WNOHANG)
}

func (n *native) signal(s syscall.Signal) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.reap(syscall.WNOHANG) {
		return fmt.Errorf("signal %s: it does not run", n.argv[0])
	}
	return syscall.Kill(-n.pid, s)
}

func (n *native) stop(ctx context.Context) error {
	if err := n.signal(syscall.SIGTERM); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if !n.alive() {
			return nil
		}
		wait(ctx, 10*time.Millisecond)
	}
	return n.kill()
}

func (n *native) kill() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.reap(syscall.WNOHANG) {
		return nil
	}
	if err := syscall.Kill(-n.pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill %s: %w", n.argv[0], err)
	}
	n.reap(0)
	return nil
}

func (n *native) pause() error  { return n.signal(syscall.SIGSTOP) }
func (n *native) resume() error { return n.signal(syscall.SIGCONT) }

func (n *native) close() error {
	err := n.kill()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.guard.clean()
	return err
}
