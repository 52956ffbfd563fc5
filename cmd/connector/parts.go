package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/daemon"
	"o365-kafka-connector/internal/sink"
	"o365-kafka-connector/internal/source"
)

// clientID is how brokers know us.
const clientID = "o365-kafka-connector"

// newClient returns the client of a tenant's audit log. It sends no request.
func newClient(t config.Tenant, o source.Options) (*source.Client, error) {
	client, err := daemon.NewClient(t, o)
	if err != nil {
		return nil, usageError{fmt.Errorf("tenant %s: %w", t.Name, err)}
	}
	return client, nil
}

// checkParts finds what is wrong with a configuration beyond the file itself: addresses that do not fit, certificates
// that cannot be read. No request is sent, and neither the directory of checkpoints nor the file of events is touched.
func checkParts(ctx context.Context, cfg *config.Config) error {
	var errs []error
	if _, err := daemon.New(cfg, daemon.Options{Log: slog.New(slog.DiscardHandler)}); err != nil {
		errs = append(errs, usageError{err})
	}
	if cfg.Sink.Kind == sink.KindKafka || cfg.Control.Enabled {
		conn, err := broker.New(cfg.Kafka.Config, clientID)
		if err != nil {
			errs = append(errs, usageError{fmt.Errorf("kafka: %w", err)})
		} else {
			conn.Close()
		}
	}
	if cfg.Checkpoint.Kind == checkpoint.KindRedis {
		store, err := checkpoint.Open(ctx, cfg.Checkpoint)
		if err != nil {
			errs = append(errs, usageError{fmt.Errorf("checkpoint: %w", err)})
		} else {
			errs = append(errs, store.Close())
		}
	}
	return errors.Join(errs...)
}

// loadTenants reads the configuration and chooses the tenants that a command is about.
func loadTenants(c *cli, nameOrID string) (*config.Config, []config.Tenant, error) {
	cfg, err := config.Load(c.ConfigFile)
	if err != nil {
		return nil, nil, err
	}
	tenants, err := cfg.Select(nameOrID)
	if err != nil {
		return nil, nil, usageError{fmt.Errorf("--tenant: %w", err)}
	}
	return cfg, tenants, nil
}
