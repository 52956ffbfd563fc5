// Command connector moves Microsoft 365 audit records from the Office 365 Management Activity API to Kafka.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/control"
)

// The exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // wrong arguments or configuration
)

func main() {
	ctx, stop := onSignals(context.Background(), os.Exit)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program: it answers with the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := execute(ctx, args, &environment{stdin: os.Stdin, stdout: stdout, stderr: stderr, exit: os.Exit})
	if err == nil {
		return exitDone
	}
	if text := explain(err); text != "" {
		fmt.Fprintf(stderr, "connector: %s\n", text)
	}
	return status(err)
}

// environment is what a command talks to.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	exit           func(status int)
}

// usageError is the operator's mistake, found before anything was done.
type usageError struct{ error }

// Unwrap returns the mistake itself.
func (e usageError) Unwrap() error { return e.error }

func status(err error) int {
	_, wrongConfig := errors.AsType[*config.Error](err)
	_, wrongUsage := errors.AsType[usageError](err)
	if wrongConfig || wrongUsage {
		return exitUsage
	}
	if r, ok := errors.AsType[*control.Refusal](err); ok && (r.Outcome == control.OutcomeInvalid || r.Outcome == control.OutcomeUnknown) {
		return exitUsage
	}
	return exitFailed
}
