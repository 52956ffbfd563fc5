package testbed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const redisImage = "redis:8"

// Server is a Redis server.
type Server struct {
	control

	Addr string // host:port
	Port int
}

// Redis returns an empty Redis of this test's own, whose process may be stopped, killed and paused; what it has
// acknowledged is still there after Kill and Start. If the environment names a Redis it is that one: neither empty nor
// Controlled, so that keys need a prefix by Name.
func Redis(tb testing.TB) *Server {
	tb.Helper()
	given := os.Getenv(EnvRedis)
	if given == "" {
		return RedisServer(tb)
	}
	ctx := begin(tb)
	_, port, err := net.SplitHostPort(given)
	if err != nil {
		tb.Fatalf("read %s: %v", EnvRedis, err)
	}
	s := &Server{Addr: given}
	s.Port, _ = strconv.Atoi(port)
	if err := ping(ctx, given); err != nil {
		tb.Fatalf("ask the Redis of %s: %v", EnvRedis, err)
	}
	return s
}

// OwnRedis is Redis, but always with a process of this test's own.
func OwnRedis(tb testing.TB) *Server {
	tb.Helper()
	return RedisServer(tb)
}

// RedisServer starts redis-server for this test with further arguments, in which {port} and {dir} stand for its port
// and directory. Arguments that name a {port} themselves replace the default's --port.
func RedisServer(tb testing.TB, args ...string) *Server {
	tb.Helper()
	s, err := StartRedis(begin(tb), args...)
	requireOwn(tb, EnvRedis, err)
	tb.Cleanup(func() { closeServer(tb, s) })
	return s
}

// StartRedis starts a Redis server as RedisServer does and returns when it answers. The caller closes it.
// ErrUnavailable means that this machine has no means to run it.
func StartRedis(ctx context.Context, args ...string) (*Server, error) {
	for try := 1; ; try++ {
		s, err := startRedis(ctx, args)
		if err == nil || try == 3 || !portTaken(err) {
			return s, err
		}
	}
}

func startRedis(ctx context.Context, args []string) (*Server, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil && engine() == "" {
		return nil, fmt.Errorf("%w: there is no redis-server in the PATH: install it (Debian: apt-get install redis-server), "+
			"or start a container engine, or set %s=host:port", ErrUnavailable, EnvRedis)
	}
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "connector-test-redis")
	if err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	var run runner
	if engine() != "" {
		if args, err = intoContainer(dir, args); err == nil {
			argv := append([]string{"redis-server"}, redisArguments(containerHome, ports[0], args)...)
			argv = append(argv, "--bind", "0.0.0.0", "--protected-mode", "no")
			run, err = newContainer(ctx, containerOptions{image: redisImage, argv: argv, dir: dir, ports: ports})
		}
	} else {
		argv := append([]string{program}, redisArguments(dir, ports[0], args)...)
		run, err = newNative(dir, append(argv, "--bind", host))
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s := &Server{Addr: address(ports[0]), Port: ports[0]}
	s.control = control{run: run, dir: dir, ready: func(ctx context.Context) error { return ping(ctx, s.Addr) }}
	if slices.Contains(args, "--tls-port") {
		s.ready = func(ctx context.Context) error { return dial(ctx, s.Addr) }
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// redisArguments returns the command line: nothing that was acknowledged is lost when the process is killed, and
// nothing is evicted.
func redisArguments(dir string, port int, args []string) []string {
	all := []string{"--dir", dir, "--save", "", "--appendonly", "yes", "--appendfsync", "always"}
	if slices.Contains(args, "--sentinel") {
		all = []string{"--dir", dir}
	}
	own := false
	replace := strings.NewReplacer("{port}", strconv.Itoa(port), "{dir}", dir)
	var given []string
	for _, arg := range args {
		own = own || strings.Contains(arg, "{port}")
		given = append(given, replace.Replace(arg))
	}
	if !own {
		all = append(all, "--port", strconv.Itoa(port))
	}
	if len(given) > 0 && !strings.HasPrefix(given[0], "-") { // a settings file comes first
		return append(given[:1:1], append(all, given[1:]...)...)
	}
	return append(all, given...)
}
