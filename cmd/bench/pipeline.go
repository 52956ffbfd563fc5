package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/daemon"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/sink"
)

// pipelineConfig writes the configuration of a deployment of its own with everything at its default but what a backlog of
// so many requests needs.
func pipelineConfig(t task, redis, extra string) string {
	var tenants strings.Builder
	for i, tenant := range t.Backlog.tenants() {
		fmt.Fprintf(&tenants, `
  - id: %s
    name: tenant-%d
    base_url: %s
    authority: %s
    content_types: [%s]
    auth: {method: client_secret, client_id: %s, client_secret: %s}`, tenant.ID, i, t.API, t.API,
			strings.Join(emulator.ContentTypes[:t.Backlog.Streams], ", "), emulator.DefaultClientID, emulator.DefaultClientSecret)
	}
	return fmt.Sprintf(`
tenants: %s
source: {first_fetch: 7h, requests_per_minute: 1000000}
output: {format: %s}
kafka: {brokers: ["%s"], topic: %s, compression: %s, delivery: %[10]s, dead_letter_topic: %[4]s.dead, status_topic: %[4]s.status, journal_topic: %[4]s.journal}
checkpoint: {redis: {addresses: ["%[6]s"]}, key_prefix: "%[4]s:"}
control: {group_id: %[4]s, topic: %[4]s.control, reply_topic: %[4]s.replies, instance_id: "%[7]s"}
http: {listen: "%[8]s"}
%[9]s
`, tenants.String(), t.Format, strings.Join(t.Kafka, `", "`), t.Topic, t.Compression, redis, t.Instance,
		cmp.Or(t.Page, "127.0.0.1:0"), extra, cmp.Or(t.Delivery, sink.ExactlyOnce))
}

// playPipeline runs the connector as `connector run` does, until ctx ends.
func playPipeline(ctx context.Context, t task) error {
	c, err := config.Parse([]byte(t.Config))
	if err != nil {
		return err
	}
	daemon.LimitMemory(c)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	d, err := daemon.New(c, daemon.Options{Log: log, Version: "bench"})
	if err != nil {
		return fmt.Errorf("make connector: %w", err)
	}
	stop, err := startProfile(t.CPUProfile)
	if err != nil {
		return err
	}
	err = d.Run(ctx)
	stop()
	if err != nil {
		return fmt.Errorf("run connector: %w", err)
	}
	return writeHeap(t.MemProfile)
}

func startProfile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := createFile(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, fmt.Errorf("start profile: %w", err)
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close() // a profile that could not be written says so when it is read
	}, nil
}

func writeHeap(path string) error {
	if path == "" {
		return nil
	}
	f, err := createFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	runtime.GC()
	if err := pprof.Lookup("allocs").WriteTo(f, 0); err != nil {
		return fmt.Errorf("write heap profile: %w", err)
	}
	return nil
}

func createFile(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	return os.Create(path)
}
