package stage

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Read hands over every committed record of a topic, from its beginning until the test ends, from one goroutine. The
// topic, by its full name, may not be there yet. The client is of another make than the connector's.
func (s *Stage) Read(topic string, take func(*kgo.Record)) {
	s.t.Helper()
	client := s.Client(
		kgo.ConsumeTopics(topic), kgo.UnknownTopicRetries(-1), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(200*time.Millisecond))
	ctx, cancel := context.WithCancel(context.Background())
	var reading sync.WaitGroup
	reading.Go(func() {
		for ctx.Err() == nil {
			client.PollFetches(ctx).EachRecord(take)
		}
	})
	s.t.Cleanup(func() {
		cancel()
		reading.Wait()
	})
}

// Client connects to the stage's Kafka until the test ends.
func (s *Stage) Client(options ...kgo.Opt) *kgo.Client {
	s.t.Helper()
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(s.Brokers...))...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(client.Close)
	return client
}

// Header is the value of a record's header; empty if there is none.
func Header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}
