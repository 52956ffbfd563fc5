package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/daemon"
	"o365-kafka-connector/internal/telemetry"
)

type runCommand struct{}

// Run moves records until the context ends, and then for at most shutdown.grace.
func (runCommand) Run(ctx context.Context, env *environment, c *cli) error {
	cfg, err := config.Load(c.ConfigFile)
	if err != nil {
		return err
	}
	if err := checkParts(ctx, cfg); err != nil {
		return err
	}
	daemon.LimitMemory(cfg)
	metrics := telemetry.NewMetrics()
	log := telemetry.NewLogger(env.stderr, cfg.Log, metrics.Log)
	slog.SetDefault(log) // for parts that are not given one: secrets that change, the client of Redis
	d, err := daemon.New(cfg, daemon.Options{Log: log, Metrics: metrics, Version: currentVersion()})
	if err != nil {
		return usageError{err}
	}
	log.Info("connector starts", slog.String("version", currentVersion()), slog.Int("tenants", len(cfg.Tenants)),
		slog.String("sink", cfg.Sink.Kind), slog.String("checkpoint", cfg.Checkpoint.Kind))
	began := context.AfterFunc(ctx, func() {
		log.Info("connector is ending: what is in hand is finished", slog.Duration("grace", cfg.Shutdown.Grace.D()))
	})
	defer began()
	if err := within(ctx, cfg.Shutdown.Grace.D(), d.Run); err != nil {
		log.Error("connector ends", attributes(err)...)
		return saidError{err}
	}
	log.Info("connector has ended")
	return nil
}

// attributes are those of an error in the log, with advice if there is any.
func attributes(err error) []any {
	all := []any{slog.Any("error", err)}
	if hint := hintOf(err); hint != "" {
		all = append(all, slog.String("hint", hint))
	}
	return all
}

// within calls work and waits for it, but not longer than grace after the context has ended: then the process ends
// with whatever is still under way.
func within(ctx context.Context, grace time.Duration, work func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- work(ctx) }() // waited for below, or left to the end of the process
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(grace):
		return fmt.Errorf("drain within shutdown.grace: %s was not enough; what was in hand is read again at the next start", grace)
	}
}
