package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/twmb/franz-go/pkg/kfake"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/emulator"
)

// services are what the connector has around it in production, embedded.
type services struct {
	api    *emulator.Emulator
	server *http.Server
	kafka  *kfake.Cluster
	redis  *miniredis.Miniredis
	config *config.Config
	page   string // address of the status page
	dir    string // of the broker's data
}

func startServices(ctx context.Context, o options) (*services, error) {
	s := &services{}
	var err error
	if s.dir, err = os.MkdirTemp("", "o365-demo-"); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	api, err := s.startAPI(ctx, o)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	if s.kafka, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(s.dir)); err != nil {
		return nil, errors.Join(fmt.Errorf("start embedded Kafka: %w", err), s.close())
	}
	if s.redis, err = miniredis.Run(); err != nil {
		return nil, errors.Join(fmt.Errorf("start embedded Redis: %w", err), s.close())
	}
	if s.config, err = s.compose(o, api); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// startAPI serves the emulator on a free port and returns its address.
func (s *services) startAPI(ctx context.Context, o options) (string, error) {
	s.api = emulator.New(emulator.Config{
		Seed: o.Seed, BacklogRecords: o.Records, Backlog: 50 * time.Minute, Rate: o.Rate, RecordsPerBlob: 50,
	})
	if o.Faults {
		if err := s.api.SetFaults(emulator.Mix()...); err != nil {
			return "", fmt.Errorf("set faults: %w", err)
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("serve emulator: %w", err)
	}
	s.server = &http.Server{Handler: s.api, ReadHeaderTimeout: time.Minute}
	go s.server.Serve(listener) //nolint:errcheck // it ends with close, which waits for it
	return "http://" + listener.Addr().String(), nil
}

// compose writes the configuration that an operator would write, for these services.
func (s *services) compose(o options, api string) (*config.Config, error) {
	page, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // only to learn of a free port
	if err != nil {
		return nil, fmt.Errorf("find a port: %w", err)
	}
	s.page = page.Addr().String()
	_ = page.Close()
	text := fmt.Sprintf(`
tenants:
  - id: %s
    name: contoso
    base_url: %s
    authority: %s
    auth: {method: client_secret, client_id: %s, client_secret: %s}
source: {poll_interval: 1s, timeout: 5s, overlap: 1m, sweep: {interval: 10s}, requests_per_minute: 20000}
output: {format: %s}
kafka: {brokers: ["%s"], topics: {partitions: 3}}
checkpoint: {redis: {addresses: ["%s"]}}
http: {listen: "%s"}
control: {enabled: false}
`, emulator.DefaultTenantID, api, api, emulator.DefaultClientID, emulator.DefaultClientSecret, o.Format,
		s.kafka.ListenAddrs()[0], s.redis.Addr(), s.page)
	c, err := config.Parse([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("compose configuration: %w", err)
	}
	return c, nil
}

func (s *services) close() error {
	var errs []error
	if s.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if s.server.Shutdown(ctx) != nil {
			errs = append(errs, s.server.Close())
		}
	}
	if s.kafka != nil {
		s.kafka.Close()
	}
	if s.redis != nil {
		s.redis.Close()
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}
