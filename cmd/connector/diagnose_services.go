package main

import (
	"context"
	"fmt"
	"time"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/sink"
)

const serviceDeadline = 20 * time.Second

// kafka connects, asks who is there, and looks at the topics. It returns what checkpoints would belong to; false if
// that cannot be known.
func (d *diagnosis) kafka(ctx context.Context, cfg *config.Config) (checkpoint.Deployment, bool) {
	deployment := checkpoint.Deployment{GroupID: cfg.Control.GroupID}
	if cfg.Sink.Kind != sink.KindKafka && !cfg.Control.Enabled {
		return deployment, d.sink(ctx, cfg)
	}
	ok := d.try(ctx, finding{Check: "kafka"}, serviceDeadline, func(ctx context.Context) (string, error) {
		conn, err := broker.New(cfg.Kafka.Config, clientID)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		deployment.KafkaClusterID, err = conn.ClusterID(ctx)
		if err != nil {
			return "", conn.Explain(err, broker.About{})
		}
		return "connected to cluster " + deployment.KafkaClusterID, nil
	})
	if !ok {
		return deployment, false
	}
	good := d.sink(ctx, cfg)
	return deployment, d.control(ctx, cfg) && good
}

// control looks at the topics of commands and replies, and at the group.
func (d *diagnosis) control(ctx context.Context, cfg *config.Config) bool {
	if !cfg.Control.Enabled {
		return true
	}
	return d.try(ctx, finding{Check: "control", Hint: "correct the section control, or the topics that it names"}, serviceDeadline, func(ctx context.Context) (string, error) {
		conn, err := broker.New(cfg.Kafka.Config, clientID)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		return control.Look(ctx, cfg.Control, conn, cfg.Kafka.CreateTopics)
	})
}

// sink looks at topics, or at the file.
func (d *diagnosis) sink(ctx context.Context, cfg *config.Config) bool {
	check := "sink"
	if cfg.Sink.Kind == sink.KindKafka {
		check = "topics"
	}
	var findings []sink.Finding
	f := finding{Check: check, Hint: "check sink.path: the directory must exist and be writable"}
	ctx, cancel := context.WithTimeout(ctx, serviceDeadline)
	defer cancel()
	out, err := sink.Open(cfg.SinkSettings(), sink.Options{ClientID: clientID})
	if err == nil {
		findings, err = out.Check(ctx)
		_ = out.Close() // nothing was written
	}
	if err != nil {
		f.Status, f.Message, f.Hint = failed, err.Error(), firstOf(hintOf(err), f.Hint)
		d.add(f)
		return false
	}
	if len(findings) == 0 {
		d.add(finding{Check: check, Status: fine, Message: "as they should be"})
	}
	good := true
	for _, found := range findings {
		f := finding{Check: check, Status: doubtful, Message: found.Text, Hint: found.Hint}
		if found.Topic != "" {
			f.Message = found.Topic + " " + found.Text
		}
		switch {
		case found.Note:
			f.Status = fine
		case found.Fatal:
			f.Status, good = failed, false
		}
		d.add(f)
	}
	return good
}

// checkpoints asks the store, and at last whom its checkpoints belong to.
func (d *diagnosis) checkpoints(ctx context.Context, cfg *config.Config, deployment checkpoint.Deployment, known bool) {
	store, err := checkpoint.Open(ctx, cfg.Checkpoint)
	if err != nil {
		d.add(finding{
			Check: "checkpoint", Status: failed, Message: err.Error(),
			Hint: firstOf(hintOf(err), "stop the other process, or check checkpoint.path: the directory must be writable"),
		})
		return
	}
	defer func() { _ = store.Close() }() // nothing is lost with it
	answers := d.try(ctx, finding{Check: storeName(cfg)}, serviceDeadline, func(ctx context.Context) (string, error) {
		return "answers", store.Ping(ctx)
	})
	if !answers || !d.judgeStore(ctx, cfg, store) {
		return
	}
	if !known {
		d.add(finding{
			Check: "checkpoint owner", Status: doubtful, Message: "not checked, since the checks of the sink failed",
			Hint: "repair what failed above and diagnose again",
		})
		return
	}
	d.try(ctx, finding{Check: "checkpoint owner"}, serviceDeadline, func(ctx context.Context) (string, error) {
		bound, err := store.Bound(ctx, deployment)
		if !bound {
			return "no checkpoints yet: the first start makes them belong to " + deployment.String(), err
		}
		return "the checkpoints belong to this deployment: " + deployment.String(), err
	})
}

func storeName(cfg *config.Config) string {
	if cfg.Checkpoint.Kind == checkpoint.KindRedis {
		return "redis"
	}
	return "checkpoint"
}

// judgeStore reports whether a start would be accepted.
func (d *diagnosis) judgeStore(ctx context.Context, cfg *config.Config, store checkpoint.Store) bool {
	ctx, cancel := context.WithTimeout(ctx, serviceDeadline)
	defer cancel()
	found, err := store.Check(ctx)
	if err != nil {
		d.add(finding{Check: storeName(cfg), Status: failed, Message: err.Error(), Hint: hintOf(err)})
		return false
	}
	good := true
	for _, one := range found {
		f := finding{Check: storeName(cfg), Message: one.Text, Hint: one.Hint}
		switch one.Level {
		case checkpoint.Note:
			f.Status = fine
		case checkpoint.Warning:
			f.Status = doubtful
		case checkpoint.Refuse:
			f.Status, good = failed, false
		default:
			panic(fmt.Sprintf("unknown level %q", one.Level))
		}
		d.add(f)
	}
	return good
}
