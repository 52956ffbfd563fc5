package pipeline

import (
	"context"
	"iter"
	"log/slog"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/model"
)

// modelRuns is how many runs of each protocol's model are made.
const modelRuns = 1000

// TestTakingHoldsInTheModel has the runner take streams in the model of the protocol, between all of its faults.
func TestTakingHoldsInTheModel(t *testing.T) {
	t.Parallel()
	for name, delivery := range map[string]model.Delivery{"exactly-once": model.ExactlyOnce, "at-least-once": model.AtLeastOnce} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range modelRuns {
				if err := model.Try(seed, delivery, takeModelled); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func takeModelled(ctx context.Context, taking *model.Taking) error {
	m, log := modelled{taking: taking}, slog.New(slog.DiscardHandler)
	r := &Runner{Sink: m, Checkpoints: m, Meter: noMeter{}, Board: NewBoard(log, ""), Log: log}
	s := Settings{Stream: testStream, Source: modelSource{taking: taking}}
	return r.takeOnce(ctx, s, audit.Checkpoint{}, &taken{})
}

// modelled is checkpoint, handle, sink and publisher of the model, as far as it takes to take a stream.
type modelled struct {
	Handle
	Publisher

	taking *model.Taking
}

func (m modelled) Acquire(context.Context, audit.Stream) (Handle, error) {
	return m, m.taking.Acquire()
}

func (m modelled) Open(context.Context, audit.Stream, int64) (Publisher, error) {
	return m, m.taking.Open()
}

func (m modelled) Epoch() int64 { return m.taking.Epoch() }

func (m modelled) Load(_ context.Context, kafkaEpoch int64) (audit.Checkpoint, bool, error) {
	return m.taking.Load(kafkaEpoch)
}

func (m modelled) Reset(_ context.Context, c audit.Checkpoint) error { return m.taking.Reset(c) }

func (m modelled) Replay(_ context.Context, entries []audit.Logged) error {
	return m.taking.Replay(entries)
}

func (m modelled) Standing() (audit.Standing, bool) {
	n, epoch, token := m.taking.Standing()
	return audit.Standing{N: n, Epoch: epoch, Token: token}, true
}

func (m modelled) Entries(_ context.Context, from int64) iter.Seq2[audit.Logged, error] {
	return m.taking.Entries(from)
}

type modelSource struct {
	Source

	taking *model.Taking
}

func (s modelSource) Subscribed(context.Context, audit.Stream) (bool, error) { return true, nil }
func (s modelSource) Now() time.Time                                         { return s.taking.Now() }
