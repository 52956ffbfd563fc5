package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"o365-kafka-connector/internal/daemon"
	"o365-kafka-connector/internal/emulator"
)

// stage is the connector with its audience: a consumer of its topic.
type stage struct {
	*services
	connector *daemon.Daemon
	consumer  *kgo.Client
	screen    *screen
	tally     *emulator.Tally
	out       io.Writer
}

func newStage(s *services, log *slog.Logger, out io.Writer) (*stage, error) {
	connector, err := daemon.New(s.config, daemon.Options{Log: log, Version: "demo"})
	if err != nil {
		return nil, fmt.Errorf("make connector: %w", err)
	}
	consumer, err := kgo.NewClient(
		kgo.SeedBrokers(s.kafka.ListenAddrs()...), kgo.ConsumeTopics(s.config.Kafka.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(100*time.Millisecond),
		kgo.UnknownTopicRetries(-1))
	if err != nil {
		return nil, fmt.Errorf("make consumer: %w", err)
	}
	return &stage{
		services: s, connector: connector, consumer: consumer, screen: newScreen(out), tally: emulator.NewTally(), out: out,
	}, nil
}

// play runs the connector for a while or until ctx ends, then lets it finish what was offered, and sums up.
func (s *stage) play(ctx context.Context, length time.Duration) error {
	defer s.consumer.Close()
	fmt.Fprintf(s.out, "an emulated tenant, Kafka at %s (topic %s), Redis at %s, status page http://%s\n\n%s\n",
		s.kafka.ListenAddrs()[0], s.config.Kafka.Topic, s.redis.Addr(), s.page, heading())
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	group, gctx := errgroup.WithContext(running)
	group.Go(func() error { return s.connector.Run(gctx) })
	group.Go(func() error { return s.watch(gctx) })
	group.Go(func() error { return s.refresh(gctx) })

	began := time.Now()
	if length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, length)
		defer cancel()
	}
	select {
	case <-ctx.Done():
	case <-gctx.Done():
	}
	s.api.StopOffering()
	verdict := s.drain(gctx)
	offering := time.Since(began)
	end()
	err := group.Wait()
	s.screen.clear()
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return s.sumUp(verdict, offering)
}

// watch prints what arrives on Kafka.
func (s *stage) watch(ctx context.Context) error {
	for ctx.Err() == nil {
		fetches := s.consumer.PollFetches(ctx)
		fetches.EachRecord(func(r *kgo.Record) {
			i := readIncident(r)
			s.tally.Add(i.contentID, i.recordID)
			s.screen.line(i.String())
		})
	}
	return ctx.Err()
}

func (s *stage) refresh(ctx context.Context) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.screen.show(s.connector.Status())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drain waits until nothing is owed any more, but no longer than drainFor.
func (s *stage) drain(ctx context.Context) emulator.Verdict {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	end := time.After(drainFor)
	for {
		v := s.tally.Compare(s.api.Truth("", ""), s.connector.Pending())
		if v.Lost+v.Pending == 0 {
			return v
		}
		select {
		case <-tick.C:
		case <-end:
			return v
		case <-ctx.Done():
			return v
		}
	}
}

func (s *stage) sumUp(v emulator.Verdict, took time.Duration) error {
	fmt.Fprintf(s.out, "\nafter %s: offered %d, delivered %d, lost %d, repeated %d", took.Round(100*time.Millisecond),
		v.Offered, v.Delivered, v.Lost, v.Repeated)
	if v.Pending > 0 {
		fmt.Fprintf(s.out, ", pending %d (in blobs that fail and are tried again)", v.Pending)
	}
	if v.Foreign > 0 {
		fmt.Fprintf(s.out, ", never offered %d", v.Foreign)
	}
	fmt.Fprintln(s.out)
	if v.Lost > 0 {
		fmt.Fprintf(s.out, "lost, as contentId/recordId: %q\n", v.LostIDs)
		return errLost
	}
	return nil
}
