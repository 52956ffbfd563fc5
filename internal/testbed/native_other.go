//go:build !unix

package testbed

import (
	"context"
	"fmt"
)

// newNative knows no way to run servers on this system: containers and given addresses remain.
func newNative(string, []string) (runner, error) {
	return nil, fmt.Errorf("%w: this system runs servers only in containers", ErrUnavailable)
}

// guard is nothing here: after a crash containers have to be removed by hand.
type guard struct{}

func newGuard(string, ...string) (*guard, error) { return &guard{}, nil }

func (*guard) clean() {}

func lockFile(context.Context, string) (func(), error) { return func() {}, nil }
