package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// connector is an instance of the connector: a process that is started again when it ends without being told to, as
// whatever runs it in production does.
type connector struct {
	name    string
	program string
	config  string // path
	dir     string // of logs
	told    *timeline

	watching sync.WaitGroup

	mu     sync.Mutex // guards the following
	wanted bool
	cmd    *exec.Cmd
	ended  chan struct{} // closed when cmd has ended
	logs   []string      // of all processes
	fallen int           // processes that ended by themselves

	falling bool // so did the last one
}

// start starts a process, and keeps one running until kill or leave.
func (c *connector) start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted, c.falling = true, false
	return c.spawn()
}

func (c *connector) spawn() error {
	path := filepath.Join(c.dir, fmt.Sprintf("%s-%03d.log", c.name, len(c.logs)+1))
	log, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("make log: %w", err)
	}
	cmd := exec.CommandContext(context.Background(), c.program, "run", "--config", c.config)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("start connector: %w", err), log.Close())
	}
	ended := make(chan struct{})
	c.cmd, c.ended, c.logs = cmd, ended, append(c.logs, path)
	c.watching.Go(func() {
		err := cmd.Wait()
		_ = log.Close()
		close(ended)
		c.gone(cmd, err)
	})
	return nil
}

// gone starts a process anew that was not told to end.
func (c *connector) gone(cmd *exec.Cmd, err error) {
	path, again := c.fell(cmd)
	if path == "" {
		return
	}
	if !again {
		c.told.note("%s ended by itself (%v): %s", c.name, err, lastLine(path))
	}
	pause(context.Background(), time.Second)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wanted && c.cmd == cmd {
		if err := c.spawn(); err != nil {
			c.told.note("%s cannot be started: %v", c.name, err)
		}
	}
}

// fell counts a process that ended by itself and returns its log, empty if it was told to end; again: the one before
// did so, too, which need not be told again.
func (c *connector) fell(cmd *exec.Cmd) (path string, again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.wanted || c.cmd != cmd {
		return "", false
	}
	c.fallen++
	again = c.falling
	c.falling = true
	return c.logs[len(c.logs)-1], again
}

// counts returns how many processes were started, and how many of them ended by themselves.
func (c *connector) counts() (starts, fallen int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.logs), c.fallen
}

func (c *connector) log() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.logs[len(c.logs)-1]
}

// signal sends the present process a signal. That it has ended is no error.
func (c *connector) signal(s os.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.cmd.Process.Signal(s)
}

// end stops keeping a process, sends it the signal, and kills it if it has not ended after a while.
func (c *connector) end(s os.Signal, grace time.Duration) (killed bool) {
	c.mu.Lock()
	c.wanted = false
	ended, process := c.ended, c.cmd.Process
	c.mu.Unlock()
	_ = process.Signal(s)
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-ended:
		return false
	case <-t.C:
		_ = process.Kill()
		<-ended
		return true
	}
}

func (c *connector) kill() { c.end(os.Kill, time.Minute) }

// close ends the process, if one runs, and waits for all that was started.
func (c *connector) close() {
	c.mu.Lock()
	started := c.cmd != nil
	c.mu.Unlock()
	if started {
		c.kill()
	}
	c.watching.Wait()
}
