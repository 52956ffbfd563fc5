package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// onSignals returns a context that ends with the first SIGINT, SIGTERM or SIGHUP; the second one calls exit with status 1.
// The function returned stops listening.
func onSignals(parent context.Context, exit func(int)) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for _, act := range []func(){cancel, func() { exit(exitFailed) }} {
			select {
			case <-signals:
				act()
			case <-done:
				return
			}
		}
	})
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		wg.Wait()
		cancel()
	}
}
