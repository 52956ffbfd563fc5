package sink_test

import (
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/sink"
	"o365-kafka-connector/internal/testbed"
)

// A gap that could not be told is told when the status topic works, in both ways of delivery. Other messages are not.
func TestGapsThatCouldNotBeToldAreToldLater(t *testing.T) {
	t.Parallel()
	b := testbed.Kafka(t)
	for _, delivery := range []string{sink.ExactlyOnce, sink.AtLeastOnce} {
		t.Run(delivery, func(t *testing.T) {
			t.Parallel()
			topic, change := topics(t, func(k *sink.KafkaConfig) { k.CreateTopics, k.Delivery = false, delivery })
			for _, name := range []string{topic, topic + ".dead", "journal." + topic} {
				createTopic(t, b.Addresses(), broker.NewTopic{Name: name, Partitions: 12, Replication: 1})
			}
			p, tr, _ := open(t, b.Addresses(), change)
			at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			message := func(kind string, second int) audit.StatusMessage {
				m := audit.StatusMessage{Stream: stream, Kind: kind, Time: at, Cause: audit.CauseAge}
				if kind == "gap" {
					m.From, m.To = at.Add(time.Duration(second)*time.Second), at.Add(time.Hour)
				}
				return m
			}
			publish(t, p, audit.Commit{
				Batches: []*audit.Batch{batch(t, topic, "a", 10)},
				Status:  []audit.StatusMessage{message("gap", 1), message("started", 0), message("gap", 2)},
			})
			if got := consume(t, b.Addresses(), topic, 10); len(got) != 10 {
				t.Errorf("%d events, want 10", len(got))
			}
			if !strings.Contains(tr.hints(), "--create --topic "+topic+".status") {
				t.Errorf("troubles: %s", tr.hints())
			}
			createTopic(t, b.Addresses(), broker.NewTopic{Name: topic + ".status", Partitions: 1, Replication: 1})
			publish(t, p, audit.Commit{Status: []audit.StatusMessage{message("released", 0)}})
			var keys []string
			for _, r := range consume(t, b.Addresses(), topic+".status", 3) {
				keys = append(keys, string(r.Key))
			}
			want := "/gap/2026-01-02T03:04:06Z …/gap/2026-01-02T03:04:07Z …/released"
			if got := strings.ReplaceAll(strings.Join(keys, " "), stream.Key(), "…"); got != "…"+want {
				t.Errorf("told %s, want …%s", got, want)
			}
		})
	}
}
