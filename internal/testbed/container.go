package testbed

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// engine returns the command of a container engine that really runs, or "".
var engine = sync.OnceValue(func() string {
	for _, command := range []string{"docker", "podman"} {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		err := exec.CommandContext(ctx, command, "info").Run()
		cancel()
		if err == nil {
			return command
		}
	}
	return ""
})

// container runs a server in a container that is made once and started as often as needed.
type container struct {
	name string
	dir  string

	mu    sync.Mutex // guards the following
	guard *guard     // nil: closed
}

// containerHome is where a server in a container finds its directory.
const containerHome = "/connector-test"

type containerOptions struct {
	image string
	argv  []string
	dir   string // copied into the container as containerHome before it starts for the first time
	ports []int  // published on 127.0.0.1 under the same number
}

// newContainer makes a container that is removed when this process ends.
func newContainer(ctx context.Context, o containerOptions) (runner, error) {
	name := "connector-test-" + strings.ToLower(rand.Text()[:12])
	g, err := newGuard(o.dir, engine(), "rm", "-f", "-v", name)
	if err != nil {
		return nil, err
	}
	c := &container{name: name, dir: o.dir, guard: g}
	args := []string{"create", "--name", name, "--user", "0", "--entrypoint", o.argv[0]}
	for _, p := range o.ports {
		port := strconv.Itoa(p)
		args = append(args, "--publish", host+":"+port+":"+port)
	}
	args = append(append(args, o.image), o.argv[1:]...)
	err = command(ctx, args...)
	if err == nil {
		err = command(ctx, "cp", o.dir, name+":"+containerHome)
	}
	if err != nil {
		_ = c.close()
		return nil, err
	}
	return c, nil
}

// command runs one command of the container engine.
func command(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, engine(), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", engine(), args[0], err, out)
	}
	return nil
}

// intoContainer copies the files that arguments name to dir and lets the arguments name the copies.
func intoContainer(dir string, args []string) ([]string, error) {
	args = slices.Clone(args)
	for i, arg := range args {
		if !filepath.IsAbs(arg) {
			continue
		}
		text, err := os.ReadFile(arg)
		if err != nil {
			return nil, fmt.Errorf("read file for container: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(arg)), text, 0o600); err != nil {
			return nil, fmt.Errorf("write file for container: %w", err)
		}
		args[i] = containerHome + "/" + filepath.Base(arg)
	}
	return args, nil
}

func (c *container) start(ctx context.Context) error { return command(ctx, "start", c.name) }

// alive also brings the log up to date, because it is asked for when a server does not answer.
func (c *container) alive() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if log, err := exec.CommandContext(ctx, engine(), "logs", c.name).CombinedOutput(); err == nil {
		_ = os.WriteFile(filepath.Join(c.dir, "log"), log, 0o600)
	}
	out, err := exec.CommandContext(ctx, engine(), "inspect", "--format", "{{.State.Running}}", c.name).Output()
	return err == nil && strings.TrimSpace(string(out)) == "true"
}

func (c *container) stop(ctx context.Context) error {
	seconds := 30
	if end, ok := ctx.Deadline(); ok {
		seconds = max(0, int(time.Until(end).Seconds()))
	}
	return command(context.WithoutCancel(ctx), "stop", "-t", strconv.Itoa(seconds), c.name)
}

func (c *container) kill() error {
	if !c.alive() {
		return nil
	}
	return command(context.Background(), "kill", c.name)
}

func (c *container) pause() error  { return command(context.Background(), "pause", c.name) }
func (c *container) resume() error { return command(context.Background(), "unpause", c.name) }

func (c *container) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.guard == nil {
		return nil
	}
	err := command(context.Background(), "rm", "-f", "-v", c.name)
	c.guard.clean()
	c.guard = nil
	return err
}
