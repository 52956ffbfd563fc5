package daemon

import (
	"context"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/pipeline"
	"o365-kafka-connector/internal/telemetry"
)

// lookAgain is how often a tenant without a list of content types is asked which ones are enabled.
const lookAgain = 10 * time.Minute

// runStreams runs every stream of every tenant until the context ends.
func (d *Daemon) runStreams(ctx context.Context, r *pipeline.Runner) {
	var running sync.WaitGroup
	defer running.Wait()
	d.eachStream(ctx, &running, func(t *tenant, s audit.Stream) {
		running.Go(func() { d.runStream(ctx, r, t, s) })
	})
}

// eachStream calls found for every stream of every tenant: at once for those that are named, later, from goroutines in
// the group, for those that are found enabled at Microsoft.
func (d *Daemon) eachStream(ctx context.Context, looking *sync.WaitGroup, found func(*tenant, audit.Stream)) {
	if !d.config.Fetch {
		return
	}
	for _, t := range d.tenants {
		streams := t.config.Streams()
		for _, s := range streams {
			found(t, s)
		}
		if len(streams) == 0 {
			looking.Go(func() { d.discover(ctx, t, func(s audit.Stream) { found(t, s) }) })
		}
	}
}

func (d *Daemon) runStream(ctx context.Context, r *pipeline.Runner, t *tenant, s audit.Stream) {
	settings, err := t.settings(s)
	if err != nil {
		d.log.Error("stream cannot be set up", "stream", s.String(), "error", err)
		return
	}
	r.Supervise(ctx, settings)
}

// discover looks for what is enabled at Microsoft until the context ends.
func (d *Daemon) discover(ctx context.Context, t *tenant, found func(audit.Stream)) {
	var repeat telemetry.Repeat
	known := map[audit.ContentType]bool{}
	log := d.log.With("tenant", t.config.Name)
	for {
		wait := lookAgain
		enabled, err := t.client.Subscriptions(ctx)
		if err != nil {
			wait = 15 * time.Second
			repeat.Fail(log, "list subscriptions", err)
		} else {
			repeat.Recover(log)
		}
		for _, sub := range enabled {
			ct, err := audit.ParseContentType(string(sub.ContentType))
			if err != nil || !sub.Enabled() || known[ct] {
				continue
			}
			known[ct] = true
			s := audit.Stream{Tenant: t.config.Audit(), ContentType: ct}
			d.show(s)
			log.Info("enabled subscription found", "content_type", string(ct))
			found(s)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}
