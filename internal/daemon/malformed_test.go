package daemon

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/emulator"
)

// TestMalformedRecordSaysSo lets elements arrive that are no records: each has a header with the reason, and only those.
func TestMalformedRecordSaysSo(t *testing.T) {
	for _, format := range []string{"raw", "incident"} {
		t.Run(format, func(t *testing.T) {
			r := newRig(t, emulator.Config{
				ContentTypes: []string{emulator.Exchange, emulator.General}, RecordsPerBlob: 20,
				BacklogRecords: 200, Backlog: 30 * time.Minute,
			})
			if err := r.api.SetFaults(emulator.Fault{Kind: emulator.BadRecord, First: 2}); err != nil {
				t.Fatal(err)
			}
			d := r.daemon(", content_types: [Audit.Exchange, Audit.General]", "output: {format: "+format+"}")
			end := r.start(d)
			const bad = 8 // two elements in two blobs of two streams
			r.await(d, func(streams []audit.StreamStatus) bool { return records(streams) == 200+bad })
			reasons := map[string]int{}
			for _, record := range r.consume("o365.incidents", 200+bad) {
				headers := map[string]string{}
				for _, h := range record.Headers {
					headers[h.Key] = string(h.Value)
				}
				reason, told := headers["malformed"]
				if told {
					reasons[reason]++
				}
				if told != (headers["record_id"] == "") || headers["content_id"] == "" {
					t.Errorf("headers %v", headers)
				}
			}
			if reasons["not an object"] != bad/2 || reasons["no Id"] != bad/2 {
				t.Errorf("reasons %v", reasons)
			}
			if err := end(); err != nil {
				t.Error(err)
			}
		})
	}
}

// consume returns the first n records of a topic.
func (r *rig) consume(topic string, n int) []*kgo.Record {
	r.t.Helper()
	return r.consumeWith(n, kgo.ConsumeTopics(topic))
}

// consumeWith returns the first n records that a consumer gets.
func (r *rig) consumeWith(n int, options ...kgo.Opt) []*kgo.Record {
	r.t.Helper()
	c, err := kgo.NewClient(append(options, kgo.SeedBrokers(r.kafka.ListenAddrs()...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	var all []*kgo.Record
	for len(all) < n {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			r.t.Fatalf("%d of %d records: %v", len(all), n, err)
		}
		all = append(all, fetches.Records()...)
	}
	return all
}
