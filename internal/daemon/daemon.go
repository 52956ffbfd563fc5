// Package daemon puts the parts together: it turns a configuration into running streams, and tells how they are. It
// is what `connector run` runs, and what the demo and the benchmark run with other services around it.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/pipeline"
	"o365-kafka-connector/internal/sink"
	"o365-kafka-connector/internal/telemetry"
	"o365-kafka-connector/internal/transform"
)

// Options are what the program around a daemon gives it.
type Options struct {
	Log     *slog.Logger
	Metrics *telemetry.Metrics // nil: new ones
	Version string
}

// Daemon moves the audit logs of all configured tenants. New makes it, Run runs it once.
type Daemon struct {
	config  *config.Config
	log     *slog.Logger
	metrics *telemetry.Metrics
	version string
	host    string
	name    string // of this instance
	board   *pipeline.Board
	view    *view
	health  *telemetry.Health
	budget  *budgetSeam
	logins  *Documents // the sign-ins of tenants
	topics  *transform.TopicBound
	tenants []*tenant
	gate    gate
	conn    atomic.Pointer[broker.Conn] // nil before the start, and without Kafka
}

// New checks what can be checked without a network and builds everything that sends no request.
func New(c *config.Config, o Options) (*Daemon, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("find host name: %w", err)
	}
	d := &Daemon{
		config: c, log: o.Log, metrics: o.Metrics, version: o.Version, host: host, name: c.Control.InstanceID,
		health: &telemetry.Health{}, budget: newBudgetSeam(), logins: NewDocuments(c.Checkpoint),
	}
	if d.name == "" {
		d.name = host
	}
	if d.metrics == nil {
		d.metrics = telemetry.NewMetrics()
	}
	d.board = pipeline.NewBoard(d.log, d.name)
	d.view = &view{board: d.board, instance: d.name}
	d.metrics.ObserveStreams(d.name, d.view.streams)
	d.metrics.ObserveCredentials(d.credentials)
	d.topics = d.newTopicBound()
	d.gate.set(errors.New("the start is not done yet"))
	d.health.AddCheck("start", d.gate.check)
	for _, t := range c.Tenants {
		made, err := d.newTenant(t)
		if err != nil {
			return nil, fmt.Errorf("tenant %s: %w", t.Name, err)
		}
		d.tenants = append(d.tenants, made)
	}
	return d, nil
}

// Status tells what each stream is doing.
func (d *Daemon) Status() []audit.StreamStatus { return d.board.Snapshot() }

// Pending returns the content ids of the blobs that failed and will be tried again.
func (d *Daemon) Pending() map[string]bool { return d.board.Pending() }

// Run serves the status page and runs all streams until the context ends. Services that are away are waited for; an
// error means that the configuration has to be changed. What is in hand when the context ends gets most of
// shutdown.grace.
func (d *Daemon) Run(ctx context.Context) error {
	page, err := d.listen(ctx)
	if err != nil {
		return err
	}
	store, err := checkpoint.Open(ctx, d.config.Checkpoint)
	if err != nil {
		return errors.Join(fmt.Errorf("open checkpoint: %w", err), page.close())
	}
	out, err := sink.Open(d.config.SinkSettings(), d.sinkOptions())
	if err != nil {
		return errors.Join(fmt.Errorf("open sink: %w", err), store.Close(), page.close())
	}
	err = d.work(ctx, services{store: store, sink: out})
	for _, t := range d.tenants {
		t.client.Close()
	}
	// The page goes last, so that it shows the end.
	return errors.Join(err, out.Close(), store.Close(), d.logins.Close(), page.close())
}

func (d *Daemon) sinkOptions() sink.Options {
	return sink.Options{
		Trouble: func(s audit.Stream, f *audit.Fault) {
			if s != (audit.Stream{}) { // else who publishes it tells of it
				d.board.Report(s).Fault(pipeline.PartPublish, f)
			}
		},
		Meter: d.metrics.Sink(), Version: d.version, Instance: d.name,
	}
}

// services are what all streams share.
type services struct {
	store checkpoint.Store
	sink  sink.Sink
	conn  *broker.Conn // nil without Kafka
}

// work waits for the services and runs the streams.
func (d *Daemon) work(ctx context.Context, s services) error {
	if d.config.Sink.Kind == sink.KindKafka || d.config.Control.Enabled {
		conn, err := broker.New(d.config.Kafka.Config, "o365-kafka-connector")
		if err != nil {
			return fmt.Errorf("connect to Kafka: %w", err)
		}
		defer conn.Close()
		s.conn = conn
		d.conn.Store(conn)
	}
	d.addChecks(s)
	d.view.watch(s.store)
	d.budget.bind(s.store)
	deployment, err := d.prepare(ctx, s)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	var beside sync.WaitGroup
	defer beside.Wait()
	running, end := context.WithCancelCause(ctx)
	defer end(nil)
	beside.Go(func() { d.watch(running, s.sink, d.credentials) })
	r := d.runner(s, deployment)
	r.Sink = sinkSeam{s.sink, end}
	if claims, ok := checkpoint.SharedClaims(s.store); ok {
		r.Claimer = claims
	}
	if letters, ok := sink.LettersOf(s.sink); ok {
		r.Letters = letters
	}
	if d.config.Control.Enabled {
		err = d.runGroup(running, s, r)
	} else {
		d.runStreams(running, r)
	}
	if ctx.Err() != nil {
		return nil
	}
	return errors.Join(err, context.Cause(running))
}

// runner is what all runs share.
func (d *Daemon) runner(s services, deployment checkpoint.Deployment) *pipeline.Runner {
	tx := d.config.Kafka.Transaction
	drain := d.config.Shutdown.Grace.D() * 4 / 5
	if d.config.Control.Enabled { // by then another member may have the stream
		drain = min(drain, d.config.Control.Drain())
	}
	return &pipeline.Runner{
		Checkpoints: storeSeam{s.store, deployment}, Operator: s.store, Meter: d.metrics, Board: d.board,
		Budget: pipeline.NewBudget(int64(d.config.Source.Buffer)),
		Spool:  pipeline.NewSpool(d.config.Source.Spool, int64(d.config.Source.SpoolMax)),
		Group:  pipeline.Group{Blobs: tx.Blobs, Records: tx.Records, Linger: tx.Linger.D()},
		Drain:  drain, Log: d.log,
	}
}

// listen starts the page, or returns nil if none is wanted.
func (d *Daemon) listen(ctx context.Context) (*page, error) {
	if d.config.HTTP.Listen == "" {
		return nil, nil
	}
	server := telemetry.NewServer(telemetry.ServerOptions{
		Instance: d.name, Host: d.host, Version: d.version, Started: time.Now().UTC(), Streams: d.view.streams,
		Members: d.view.members, Problems: d.view.problems, Credentials: d.credentials, Metrics: d.metrics, Health: d.health, Log: d.log,
	})
	if err := server.Listen(ctx, d.config.HTTP.Listen); err != nil {
		return nil, err
	}
	d.log.Info("status page is served", "address", server.Addr())
	p := &page{server: server}
	p.serving.Go(server.Serve)
	return p, nil
}
