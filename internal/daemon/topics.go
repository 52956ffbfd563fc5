package daemon

import (
	"maps"
	"slices"

	"o365-kafka-connector/internal/sink"
	"o365-kafka-connector/internal/transform"
)

// newTopicBound limits the topics that templates lead to. There is nothing to limit where events go to no topic.
func (d *Daemon) newTopicBound() *transform.TopicBound {
	if d.config.Sink.Kind != sink.KindKafka {
		return nil
	}
	reserved := slices.Collect(maps.Keys(d.config.ReservedTopics()))
	return transform.NewTopicBound(d.config.Kafka.MaxTopics, reserved, func(other string) {
		d.log.Warn("a template leads to more topics than kafka.max_topics allows; what is beyond goes to one topic",
			"topic", other, "max_topics", d.config.Kafka.MaxTopics)
	})
}
