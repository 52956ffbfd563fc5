package daemon

import (
	"fmt"
	"maps"
	"slices"

	"o365-kafka-connector/internal/audit"
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

// eventTopic says what keeps events from a topic that no setting names.
func (t *tenant) eventTopic(name string) error {
	if key, ok := t.reserved[name]; ok {
		return fmt.Errorf("topic %s is %s", name, key)
	}
	template, err := transform.ParseTopic(name)
	if err != nil {
		return err
	}
	if only, ok := template.For(audit.Stream{Tenant: t.config.Audit()}); !ok || only != name {
		return fmt.Errorf("topic %q is a template", name)
	}
	return nil
}
