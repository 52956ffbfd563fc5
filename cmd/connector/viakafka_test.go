package main

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/command"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/source"
)

// serve does commands over Kafka until the test ends, and returns the configuration.
func (r *rig) serve(tenants string) *config.Config {
	r.t.Helper()
	cfg, err := config.Load(r.config(tenants, ""))
	if err != nil {
		r.t.Fatal(err)
	}
	cfg.Control.Partitions = 3
	ctx, cancel := context.WithCancel(r.t.Context())
	s := newSession(cfg)
	store, err := s.openStore(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	conn, err := broker.New(cfg.Kafka.Config, clientID)
	if err != nil {
		r.t.Fatal(err)
	}
	var all []audit.Tenant
	var streams []audit.Stream
	for _, t := range cfg.Tenants {
		all, streams = append(all, t.Audit()), append(streams, t.Streams()...)
	}
	executor := command.New(command.Options{
		Config: cfg, Client: func(t config.Tenant) (*source.Client, error) { return s.client(ctx, t) }, Store: func() (checkpoint.Operator, error) { return store, nil },
	})
	group, err := control.NewGroup(cfg.Control, control.Options{
		Conn: conn, Instance: "one", Tenants: all, Streams: func() []audit.Stream { return streams },
		Run: func(ctx context.Context, _ audit.Stream) { <-ctx.Done() }, Handle: executor.Do, Answers: store,
		Log: slog.New(slog.DiscardHandler), CreateTopics: true, Replication: 1,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- group.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		<-done
		conn.Close()
		s.close()
	})
	return cfg
}

// ask sends a command over Kafka and returns what is printed.
func ask(t *testing.T, cfg *config.Config, json bool, name string, arguments map[string]any) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd, err := control.New(name, "", arguments, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	p := &printer{env: &environment{stdout: &out, stderr: &errs}, json: json, quiet: true}
	for {
		err = viaKafka(ctx, cfg, cmd, p)
		if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "topic") {
			break // else the group has not made its topics yet
		}
		time.Sleep(50 * time.Millisecond)
	}
	if finished := p.finish(); finished != nil {
		t.Error(finished)
	}
	return out.String(), errs.String(), err
}

func TestCommandsViaKafka(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 9000, Backlog: 20 * time.Hour})
	cfg := r.serve(r.tenant())
	out, _, err := ask(t, cfg, false, "!ms-management-activity-stop-subscription", map[string]any{"content_type": "dlp.all"})
	if err != nil || !strings.HasPrefix(out, "Successfully stopped subscription to content type: dlp.all\n") {
		t.Errorf("stop: %q, %v", out, err)
	}
	out, _, err = ask(t, cfg, true, "list-content", map[string]any{"content_type": "Audit.Exchange"})
	if err != nil {
		t.Fatal(err)
	}
	ids := records(t, out)
	for b := range r.api.Truth(emulator.DefaultTenantID, emulator.Exchange) {
		for _, id := range b.Records {
			if ids[id] == 0 {
				t.Fatalf("record %s is missing", id)
			}
		}
	}
	out, _, err = ask(t, cfg, true, "status", nil)
	if err != nil || strings.Count(out, `"content_type"`) != 5 {
		t.Errorf("status: %s, %v", out, err)
	}
	_, _, err = ask(t, cfg, false, "auth-reset", nil)
	if err == nil || status(err) != exitFailed || !strings.Contains(explain(err), "auth-reset is not allowed over Kafka\n  what to do: control.allow") {
		t.Errorf("auth-reset: %v", err)
	}
}
