package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// count reads a topic to its end and returns how many records it holds: committed ones, without the marks of
// transactions. The client is of another make than the connector's.
func (s *services) count(ctx context.Context, topic string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	ends, err := s.ends(ctx, topic)
	if err != nil {
		return 0, err
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(s.kafka.Addresses()...), kgo.ConsumeTopics(topic), kgo.KeepControlRecords(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return 0, fmt.Errorf("read topic %s: %w", topic, err)
	}
	defer client.Close()
	records := 0
	for partition, end := range ends {
		if end == 0 {
			delete(ends, partition)
		}
	}
	for len(ends) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return 0, fmt.Errorf("read topic %s: %w", topic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				records++
			}
			if r.Offset+1 >= ends[int(r.Partition)] {
				delete(ends, int(r.Partition))
			}
		})
	}
	return records, nil
}
