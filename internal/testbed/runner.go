package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// runner is a server that can be ended and begun again with the data that it left.
type runner interface {
	start(ctx context.Context) error
	alive() bool
	stop(ctx context.Context) error // politely, then by force when the context ends
	kill() error
	pause() error
	resume() error
	close() error // kill, and remove all traces
}

// errNoProcess answers every wish to end or pause a server that somebody else runs.
var errNoProcess = errors.New("control server: it was given by address, its process is not ours")

// control is the part of a server's methods that is about its process.
type control struct {
	run   runner // nil: given by address
	ready func(ctx context.Context) error
	dir   string
}

// Controlled reports whether the server's process can be stopped, killed and paused.
func (c *control) Controlled() bool { return c.run != nil }

// Dir is the server's directory: settings, data and log. Empty if the server was given by address.
func (c *control) Dir() string { return c.dir }

// LogFile is the file of the server's output. Empty if the server was given by address.
func (c *control) LogFile() string {
	if c.run == nil {
		return ""
	}
	return filepath.Join(c.dir, "log")
}

// Start begins the server again after Stop or Kill, on the same address and with the same data, and returns when it
// answers.
func (c *control) Start(ctx context.Context) error {
	if c.run == nil {
		return errNoProcess
	}
	if err := c.run.start(ctx); err != nil {
		return err
	}
	return c.await(ctx)
}

// Stop asks the server to end and returns when it has. If the context ends first, the server is killed.
func (c *control) Stop(ctx context.Context) error {
	if c.run == nil {
		return errNoProcess
	}
	return c.run.stop(ctx)
}

// Kill ends the server at once, without giving it the time to do anything.
func (c *control) Kill() error {
	if c.run == nil {
		return errNoProcess
	}
	return c.run.kill()
}

// Pause freezes the server: connections stay open, nothing answers.
func (c *control) Pause() error {
	if c.run == nil {
		return errNoProcess
	}
	return c.run.pause()
}

// Resume lets a paused server go on.
func (c *control) Resume() error {
	if c.run == nil {
		return errNoProcess
	}
	return c.run.resume()
}

// Close kills the server and removes its data. It may be called twice.
func (c *control) Close() error {
	if c.run == nil {
		return nil
	}
	return c.run.close()
}

// await returns when the server answers. A server that ended or does not answer in time is an error with the last
// lines of its log.
func (c *control) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := c.ready(ctx)
		if err == nil {
			return nil
		}
		if !c.run.alive() {
			return fmt.Errorf("start server: it ended: %s", tail(c.LogFile()))
		}
		if ctx.Err() != nil {
			return fmt.Errorf("start server: no answer after %s: %w: %s", startTimeout, err, tail(c.LogFile()))
		}
		wait(ctx, 50*time.Millisecond)
	}
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// tail returns the end of a log for an error text.
func tail(file string) string {
	const size = 2000
	text, err := os.ReadFile(file)
	if err != nil {
		return "no log"
	}
	return string(text[max(0, len(text)-size):])
}
