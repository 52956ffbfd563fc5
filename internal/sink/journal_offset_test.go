package sink_test

import (
	"errors"
	"testing"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/sink"
	"o365-kafka-connector/internal/testbed"
)

// What a newer version writes beside the offset is refused before anything is written, in both modes; an offset that a
// person has set, beside which stands nothing, is taken as it is.
func TestOffsetsOfANewerVersionAreRefused(t *testing.T) {
	t.Parallel()
	b := testbed.Kafka(t)
	for _, delivery := range []string{sink.ExactlyOnce, sink.AtLeastOnce} {
		t.Run(delivery, func(t *testing.T) {
			topic, change := topics(t, func(k *sink.KafkaConfig) { k.Delivery = delivery })
			s, _ := sinkOf(t, b.Addresses(), change, 1)
			p := take(t, s)
			publish(t, p, audit.Commit{Entry: entryOf(1)})
			before := journalOf(t, p, -1)
			set := func(metadata string) {
				t.Helper()
				transport := &kafka.Transport{}
				defer transport.CloseIdleConnections()
				client := &kafka.Client{Addr: kafka.TCP(b.Addresses()...), Transport: transport}
				journal := "journal." + topic
				res, err := client.OffsetCommit(bounded(t), &kafka.OffsetCommitRequest{
					GroupID: "g." + topic + "." + stream.Tenant.ID + "." + string(stream.ContentType), GenerationID: -1,
					Topics: map[string][]kafka.OffsetCommit{journal: {{Offset: 1, Metadata: metadata}}},
				})
				if err != nil || res.Topics[journal][0].Error != nil {
					t.Fatal(err, res)
				}
			}
			set("2 epoch=7")
			if _, err := s.Open(bounded(t), stream, 8); !errors.Is(err, sink.ErrNewerJournal) {
				t.Errorf("error %v", err)
			}
			if after := journalOf(t, p, -1); len(after) != len(before) {
				t.Errorf("the journal had %v, and has %v", numbers(before), numbers(after))
			}
			set("")
			if got, _ := take(t, s).Standing(); got.N != 1 || got.Epoch != 0 {
				t.Errorf("the stream stands at %+v", got)
			}
		})
	}
}
