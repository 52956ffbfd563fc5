package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/testbed"
)

// partitions of the topic that is written to.
const partitions = 12

// services are what the measured processes talk to.
type services struct {
	kafka     *testbed.Broker
	redis     *testbed.Server
	conn      *broker.Conn
	emulators map[backlog]*offering
	topics    int
}

// offering is an emulator that runs.
type offering struct {
	*process

	address string
	records int // that it offers
}

func startServices(ctx context.Context) (s *services, err error) {
	s = &services{emulators: map[backlog]*offering{}}
	s.kafka, err = testbed.StartKafka(ctx, testbed.KafkaOptions{
		Throughput: true, Properties: map[string]string{"log.segment.delete.delay.ms": "500"},
	})
	if err != nil {
		return nil, fmt.Errorf("start Kafka: %w", err)
	}
	if s.redis, err = testbed.StartRedis(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start Redis: %w", err), s.close())
	}
	if s.conn, err = broker.New(broker.Config{Brokers: s.kafka.Addresses()}, "bench"); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *services) close() error {
	var errs []error
	for _, e := range s.emulators {
		_, err := e.end()
		errs = append(errs, err)
	}
	if s.conn != nil {
		s.conn.Close()
	}
	if s.redis != nil {
		errs = append(errs, s.redis.Close())
	}
	return errors.Join(append(errs, s.kafka.Close())...)
}

// emulator returns the emulator of a backlog, started once.
func (s *services) emulator(ctx context.Context, b backlog) (*offering, error) {
	if e, ok := s.emulators[b]; ok {
		return e, nil
	}
	// It lives until close tells it to end.
	p, err := start(context.WithoutCancel(ctx), roleEmulator, task{Backlog: b})
	if err != nil {
		return nil, err
	}
	e := &offering{process: p}
	if e.address, err = p.line(); err != nil {
		return nil, err
	}
	p.watch()
	s.emulators[b] = e
	if e.records, err = newFeed(task{API: e.address, Workers: 1}).offered(ctx); err != nil {
		return nil, fmt.Errorf("ask emulator: %w", err)
	}
	return e, nil
}

// withTopic calls use with the name of a fresh topic, which is removed afterwards.
func (s *services) withTopic(ctx context.Context, use func(topic string) error) error {
	s.topics++
	topic := fmt.Sprintf("bench-%d", s.topics)
	cctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	err := s.conn.CreateTopic(cctx, broker.NewTopic{Name: topic, Partitions: partitions, Replication: 1})
	if err == nil {
		err = s.awaitLeaders(cctx, topic)
	}
	cancel()
	if err != nil {
		return err
	}
	err = use(topic)
	dctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	if _, derr := s.conn.Client.DeleteTopics(dctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}}); derr != nil {
		err = errors.Join(err, fmt.Errorf("delete topic %s: %w", topic, derr))
	}
	return err
}

// awaitLeaders waits until every partition of a fresh topic answers.
func (s *services) awaitLeaders(ctx context.Context, topic string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := s.written(ctx, topic)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// written returns how many records the topic holds, and marks of transactions.
func (s *services) written(ctx context.Context, topic string) (int, error) {
	ends, err := s.ends(ctx, topic)
	sum := 0
	for _, end := range ends {
		sum += int(end)
	}
	return sum, err
}

// ends returns the offset after the last record of each partition.
func (s *services) ends(ctx context.Context, topic string) (map[int]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ask := make([]kafka.OffsetRequest, partitions)
	for i := range ask {
		ask[i] = kafka.LastOffsetOf(i)
	}
	res, err := s.conn.Client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: ask}})
	if err != nil {
		return nil, fmt.Errorf("ask for offsets: %w", err)
	}
	ends := map[int]int64{}
	for _, p := range res.Topics[topic] {
		if p.Error != nil {
			return nil, fmt.Errorf("ask for offsets: %w", p.Error)
		}
		ends[p.Partition] = p.LastOffset
	}
	return ends, nil
}
