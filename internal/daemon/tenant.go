package daemon

import (
	"fmt"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/auth"
	"o365-kafka-connector/internal/pipeline"
	"o365-kafka-connector/internal/source"
	"o365-kafka-connector/internal/transform"
)

// tenant is one tenant with its client.
type tenant struct {
	config config.Tenant
	tokens *auth.TokenSource
	client *source.Client
	topics *transform.TopicBound
	// topics that serve something else than events, each with its key
	reserved map[string]string
	// in which forms records are published
	outputs []transform.Output
}

// NewClient returns the API client of a tenant, with tokens of its own if the options name none, which method
// authorization_code needs. It sends no request.
func NewClient(t config.Tenant, o source.Options) (*source.Client, error) {
	if o.Tokens == nil {
		tokens, err := SignIns{Log: o.Logger}.Tokens(t)
		if err != nil {
			return nil, err
		}
		o.Tokens = tokens
	}
	base, _ := t.Hosts()
	o.Tenant, o.BaseURL, o.PublisherIdentifier = t.Audit(), base, t.PublisherIdentifier
	client, err := source.New(t.Source, o)
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	return client, nil
}

func (d *Daemon) newTenant(t config.Tenant) (*tenant, error) {
	log := d.log.With("tenant", t.Name)
	tokens, err := SignIns{d.logins, log}.Tokens(t)
	if err != nil {
		return nil, err
	}
	client, err := NewClient(t, source.Options{Tokens: tokens, Budget: d.budget, Meter: d.metrics, Logger: log})
	if err != nil {
		return nil, err
	}
	if _, cut := t.Source.FirstWindow(); cut {
		d.log.Warn("source.first_fetch reaches further back than Microsoft keeps content; starting 167h55m back",
			"tenant", t.Name)
	}
	made := &tenant{config: t, tokens: tokens, client: client, topics: d.topics, reserved: d.config.ReservedTopics(), outputs: d.config.OutputsOf(t)}
	for _, s := range t.Streams() {
		if _, err := made.settings(s); err != nil {
			return nil, err
		}
		d.show(s)
	}
	return made, nil
}

// show makes a stream visible before anybody works on it.
func (d *Daemon) show(s audit.Stream) {
	d.board.Report(s)
	d.metrics.Prepare(s)
}

// settings are those of one of the tenant's streams.
func (t *tenant) settings(s audit.Stream) (pipeline.Settings, error) {
	c := t.config
	build, err := transform.NewOutputs(transform.OutputsOptions{Stream: s, Filter: c.Filter, Outputs: t.outputs, Topics: t.topics})
	if err != nil {
		return pipeline.Settings{}, err
	}
	first, _ := c.Source.FirstWindow()
	return pipeline.Settings{
		Stream: s, Source: sourceSeam{t.client}, Background: sourceSeam{t.client.Background()}, Transform: func() (pipeline.Transform, error) { return build(), nil },
		Outputs: len(t.outputs), Dedupe: c.Dedupe.Drops(),
		Reread: reread, EventTopic: t.eventTopic,
		Backfill: func(b audit.Backfill) (func() pipeline.Transform, error) { return t.backfill(s, b) },
		// Where nothing is named, what Microsoft has enabled is read: what is switched off there stays off.
		AutoSubscribe: c.AutoSubscribe && len(c.Streams()) > 0, FirstFetch: first, PollInterval: c.Source.PollInterval.D(),
		CatchUpAfter: c.Source.CatchUpAfter.D(),
		Overlap:      c.Source.Overlap.D(), SweepInterval: c.Source.Sweep.Interval.D(), SweepDepth: c.Source.Sweep.Depth.D(),
		Workers: c.Source.Workers, BlobBuffer: int64(c.Source.BlobBuffer),
	}, nil
}

// reread reads the record that a dead letter holds as the event that was refused.
func reread(value []byte) pipeline.Content { return source.NewSingle(transform.Unwrap(value)) }
