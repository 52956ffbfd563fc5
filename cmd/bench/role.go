package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// envRole tells this program that it is one of the bench's processes, and which.
const envRole = "O365_BENCH_ROLE"

// The roles.
const (
	roleEmulator = "emulator"
	rolePipeline = "pipeline"
	roleDownload = "download"
	roleProduce  = "produce"
	roleBare     = "bare"
)

// task is what a process is told, as one line of JSON on its standard input. The process ends when that is closed.
type task struct {
	Backlog     backlog
	API         string   // of the emulator
	Kafka       []string // addresses
	Topic       string
	Format      string
	Compression string
	Delivery    string // default: the connector's
	Workers     int
	Records     int    // to produce
	Config      string // of the pipeline, YAML
	Instance    string // of several
	Page        string // address of the pipeline's status page; default: any
	CPUProfile  string
	MemProfile  string
}

// roles are what a process can be. Each ends when its work is done or ctx ends.
var roles = map[string]func(context.Context, task) error{
	roleEmulator: playEmulator, rolePipeline: playPipeline, roleDownload: playDownload, roleProduce: playProduce, roleBare: playBare,
}

// play is a process with a role. The last line of its output tells what it used.
func play(role string) error {
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read task: %w", err)
	}
	var t task
	if err := json.Unmarshal(line, &t); err != nil {
		return fmt.Errorf("read task: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	// Nobody waits for this goroutine: it ends with the process at the latest.
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	if err := roles[role](ctx, t); err != nil {
		return fmt.Errorf("%s: %w", role, err)
	}
	u, err := ownUsage()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(u)
}

// usage is what a process took in its life.
type usage struct {
	CPU      time.Duration // user and system
	PeakRSS  int64         // bytes
	Finished time.Time     // when its work was done
}

// forEach calls work with each item on several goroutines, until one fails.
func forEach[T any](ctx context.Context, items []T, each forEachOptions[T]) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan T)
	var wg sync.WaitGroup
	for range each.workers {
		work, finish := each.start()
		wg.Go(func() {
			for item := range queue {
				if err := work(ctx, item); err != nil {
					cancel(err)
				}
			}
			if err := finish(ctx); err != nil {
				cancel(err)
			}
		})
	}
	for _, item := range items {
		select {
		case queue <- item:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(queue)
	wg.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return ctx.Err()
}

type forEachOptions[T any] struct {
	workers int
	start   func() (work func(context.Context, T) error, finish func(context.Context) error)
}
