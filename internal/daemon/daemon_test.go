package daemon

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/sink"
)

// TestEnabledSubscriptionsAreFound runs a tenant without a list of content types: what is enabled is read, what is
// not is neither read nor enabled.
func TestEnabledSubscriptionsAreFound(t *testing.T) {
	r := newRig(t, emulator.Config{Unsubscribed: true, BacklogRecords: 200, Backlog: 30 * time.Minute})
	d := r.daemon(", content_types: []", "")
	exchange := audit.Stream{Tenant: d.tenants[0].config.Audit(), ContentType: audit.Exchange}
	if err := d.tenants[0].client.Subscribe(t.Context(), exchange); err != nil {
		t.Fatal(err)
	}
	end := r.start(d)
	r.await(d, func(streams []audit.StreamStatus) bool { return records(streams) > 0 })
	if streams := d.Status(); len(streams) != 1 || streams[0].ContentType != audit.Exchange {
		t.Errorf("streams are %+v", streams)
	}
	enabled, err := d.tenants[0].client.Subscriptions(t.Context())
	if err != nil || len(enabled) != 1 {
		t.Errorf("enabled afterwards: %v, %v", enabled, err)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// TestFoundSubscriptionIsNotStartedAgain leaves it to the administrator what is enabled, where no content type is named.
func TestFoundSubscriptionIsNotStartedAgain(t *testing.T) {
	r := newRig(t, emulator.Config{})
	for more, want := range map[string]bool{"": true, ", content_types: []": false} {
		tenant := r.daemon(more, "").tenants[0]
		s, err := tenant.settings(audit.Stream{Tenant: tenant.config.Audit(), ContentType: audit.Exchange})
		if err != nil || s.AutoSubscribe != want {
			t.Errorf("with %q: subscribes %t, %v", more, s.AutoSubscribe, err)
		}
	}
}

func TestStartWaitsForRedisAndGoesOn(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 200, Backlog: 30 * time.Minute})
	r.redis.Close()
	d := r.daemon("", "")
	end := r.start(d)
	r.await(d, func([]audit.StreamStatus) bool {
		err := d.gate.check(t.Context())
		return err != nil && strings.Contains(err.Error(), "redis")
	})
	if err := r.redis.Restart(); err != nil {
		t.Fatal(err)
	}
	r.await(d, func(streams []audit.StreamStatus) bool { return records(streams) == 200 })
	if err := d.gate.check(t.Context()); err != nil {
		t.Errorf("the start says %v", err)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

func TestPrefixOfAnotherDeploymentIsRefused(t *testing.T) {
	r := newRig(t, emulator.Config{})
	first := r.daemon("", "")
	end := r.start(first)
	r.await(first, func(streams []audit.StreamStatus) bool { return streams[0].Owner != "" })
	if err := end(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := r.daemon("", "control: {group_id: other}\n").Run(ctx)
	if _, ok := errors.AsType[*checkpoint.BoundError](err); !ok {
		t.Errorf("got %v", err)
	}
	if err := r.daemon("", "control: {group_id: other}\n").Run(ctx); ctx.Err() != nil {
		t.Errorf("refused once only: %v", err)
	}
}

// An emptied Redis forgets whom its checkpoints belong to. The streams that go on from memory tell it again, so that
// another Kafka is still refused.
func TestEmptiedStoreIsBoundAgain(t *testing.T) {
	r := newRig(t, emulator.Config{})
	d := r.daemon("", "")
	r.start(d)
	r.await(d, func(streams []audit.StreamStatus) bool {
		return streams[0].Owner != "" && !streams[0].Watermark.IsZero()
	})
	r.redis.FlushAll()
	r.await(d, func([]audit.StreamStatus) bool { return r.redis.Exists("o365:deployment") })
}

// TestEndIsWithinGraceDuringOutages ends the daemon while a service is away and something is in hand.
func TestEndIsWithinGraceDuringOutages(t *testing.T) {
	for name, away := range map[string]func(*rig){
		"redis": func(r *rig) { r.redis.Close() },
		"kafka": func(r *rig) { r.kafka.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, emulator.Config{BacklogRecords: 5000, Backlog: 30 * time.Minute, RecordsPerBlob: 10, Rate: 50})
			d := r.daemon("", "shutdown: {grace: 5s}\n")
			end := r.start(d)
			r.await(d, func(streams []audit.StreamStatus) bool { return records(streams) > 0 })
			away(r)
			time.Sleep(time.Second)
			began := time.Now()
			if err := end(); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("the end took %s, more than shutdown.grace", took)
			}
		})
	}
}

type warningStore struct{ checkpoint.Store }

func (warningStore) Check(context.Context) ([]checkpoint.Finding, error) {
	return []checkpoint.Finding{{Level: checkpoint.Warning, Text: "no persistence"}}, nil
}

func (warningStore) Bind(context.Context, checkpoint.Deployment) error { return nil }

type awaySink struct {
	sink.Sink
	asked int
}

func (s *awaySink) Check(context.Context) ([]sink.Finding, error) {
	if s.asked++; s.asked < 3 {
		return nil, errors.New("connection refused")
	}
	return nil, nil
}

func TestWarningsAreLoggedOnce(t *testing.T) {
	r := newRig(t, emulator.Config{})
	d := r.daemon("", "")
	s := services{store: warningStore{}, sink: &awaySink{}}
	for range 3 {
		_, _ = d.inspect(t.Context(), s) // fails until the sink answers
	}
	if n := r.log.count("no persistence"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, r.log)
	}
}

func TestNotReadyBeforeTheStart(t *testing.T) {
	if err := newRig(t, emulator.Config{}).daemon("", "").gate.check(t.Context()); err == nil {
		t.Error("ready although nothing was looked at")
	}
}
