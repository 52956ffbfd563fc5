// Command services runs a command with a real Kafka beside it that all tests of the command share:
//
//	go run ./internal/testbed/cmd/services go test ./...
//
// The broker's address is given in CONNECTOR_TEST_KAFKA, unless it is set already. Redis starts in a few
// milliseconds: every test starts its own. The exit status is the command's.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"o365-kafka-connector/internal/testbed"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: services COMMAND [ARGUMENT...]")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	var missing []string
	broker, err := kafka(ctx, &missing)
	if err != nil {
		fmt.Fprintln(os.Stderr, "services:", err)
		return 1
	}
	if broker != nil {
		defer broker.Close()
		os.Setenv(testbed.EnvKafka, strings.Join(broker.Addresses(), ","))
	}
	if err := redis(ctx, &missing); err != nil {
		fmt.Fprintln(os.Stderr, "services:", err)
		return 1
	}
	for _, text := range missing {
		fmt.Fprintln(os.Stderr, "SKIPPING THE TESTS ON REAL SERVICES:", text)
	}
	if len(missing) > 0 && os.Getenv("CI") == "true" {
		return 1
	}
	status := command(ctx, args)
	for _, text := range missing {
		fmt.Fprintln(os.Stderr, "SKIPPED THE TESTS ON REAL SERVICES:", text)
	}
	return status
}

// kafka starts a broker. Nil: there is one already, or none can be had, which is added to missing.
func kafka(ctx context.Context, missing *[]string) (*testbed.Broker, error) {
	if os.Getenv(testbed.EnvKafka) != "" {
		return nil, nil
	}
	broker, err := testbed.StartKafka(ctx, testbed.KafkaOptions{})
	if errors.Is(err, testbed.ErrUnavailable) {
		*missing = append(*missing, err.Error())
		return nil, nil
	}
	return broker, err
}

// redis tries whether tests can start theirs.
func redis(ctx context.Context, missing *[]string) error {
	if os.Getenv(testbed.EnvRedis) != "" {
		return nil
	}
	server, err := testbed.StartRedis(ctx)
	if errors.Is(err, testbed.ErrUnavailable) {
		*missing = append(*missing, err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	return server.Close()
}

// command runs the command to its end; an interrupt reaches it as it reaches us, a termination is passed on.
func command(ctx context.Context, args []string) int {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	default:
		fmt.Fprintln(os.Stderr, "services:", err)
		return 1
	}
}
