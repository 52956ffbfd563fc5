package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/telemetry"
)

// knock is how often a service that is away at the start is tried.
const knock = 2 * time.Second

// gate remembers what the start waits for.
type gate struct {
	mu  sync.Mutex // guards the following
	err error
}

func (g *gate) set(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err = err
}

func (g *gate) check(context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// addChecks tells /readyz what must be there for any work at all, besides the start.
func (d *Daemon) addChecks(s services) {
	d.health.AddCheck("checkpoint", s.store.Ping)
	if s.conn != nil {
		d.health.AddCheck("kafka", func(ctx context.Context) error {
			_, err := s.conn.ClusterID(ctx)
			return err
		})
	}
}

// errRefused means that the start is refused until a person changes something.
var errRefused = errors.New("start is refused")

// prepare waits until all services answer and finds out whether they fit together.
func (d *Daemon) prepare(ctx context.Context, s services) (checkpoint.Deployment, error) {
	var repeat telemetry.Repeat
	for {
		deployment, err := d.inspect(ctx, s)
		if err == nil {
			repeat.Recover(d.log)
			d.gate.set(nil)
			return deployment, nil
		}
		if _, bound := errors.AsType[*checkpoint.BoundError](err); bound || errors.Is(err, errRefused) {
			return deployment, err
		}
		if ctx.Err() != nil {
			return deployment, ctx.Err()
		}
		d.gate.set(err)
		repeat.Fail(d.log, waitingFor(err), err)
		select {
		case <-time.After(knock):
		case <-ctx.Done():
			return deployment, ctx.Err()
		}
	}
}

// away is a service that does not answer.
type away struct {
	service string
	error
}

func (a away) Unwrap() error { return a.error }

// waitingFor names the service whose absence holds up the start.
func waitingFor(err error) string {
	if a, ok := errors.AsType[away](err); ok {
		return a.service
	}
	return "checkpoint"
}

// inspect looks at every service once, and tells whom the checkpoints belong to.
func (d *Daemon) inspect(ctx context.Context, s services) (checkpoint.Deployment, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	deployment := checkpoint.Deployment{GroupID: d.config.Control.GroupID}
	if s.conn != nil {
		id, err := s.conn.ClusterID(ctx)
		if err != nil {
			problem := s.conn.Explain(err, broker.About{})
			return deployment, away{"kafka", fmt.Errorf("ask Kafka for its cluster id: %w: %s", problem, problem.Hint)}
		}
		deployment.KafkaClusterID = id
	}
	findings, err := s.store.Check(ctx)
	if err != nil {
		return deployment, fmt.Errorf("check checkpoint store: %w", err)
	}
	for _, f := range findings {
		if f.Level == checkpoint.Refuse {
			return deployment, fmt.Errorf("%w: %s: %s", errRefused, f.Text, f.Hint)
		}
	}
	if err := s.store.Bind(ctx, deployment); err != nil {
		return deployment, err
	}
	if err := d.inspectSink(ctx, s); err != nil {
		return deployment, err
	}
	for _, f := range findings { // not earlier: this is repeated until all services answer
		if f.Level == checkpoint.Warning {
			d.log.Warn("checkpoint store could lose data", "finding", f.Text, "hint", f.Hint)
		}
	}
	return deployment, nil
}

func (d *Daemon) inspectSink(ctx context.Context, s services) error {
	findings, err := s.sink.Check(ctx)
	if err != nil {
		return away{"sink", fmt.Errorf("check sink: %w", err)}
	}
	for _, f := range findings {
		if f.Refuse {
			return fmt.Errorf("%w: topic %s %s: %s", errRefused, f.Topic, f.Text, f.Hint)
		}
		if f.Note {
			d.log.Debug("sink was looked at", "topic", f.Topic, "finding", f.Text)
			continue
		}
		d.log.Warn("sink is not as it should be", "topic", f.Topic, "finding", f.Text, "hint", f.Hint)
	}
	return nil
}
