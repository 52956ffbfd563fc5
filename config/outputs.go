package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"o365-kafka-connector/internal/sink"
	"o365-kafka-connector/internal/transform"
)

// OutputsOf returns in which forms the tenant's records are published: the list outputs, or what its short form says.
func (c *Config) OutputsOf(t Tenant) []transform.Output {
	if len(t.Outputs) > 0 {
		return t.Outputs
	}
	return []transform.Output{{
		OutputConfig: t.Output, Topic: t.Kafka.Topic, Key: transform.Key(c.Kafka.Key), Redact: t.Redact,
	}}
}

// SinkSettings returns what the sink has to know.
func (c *Config) SinkSettings() sink.Settings {
	s := sink.Settings{Sink: c.Sink, Kafka: c.Kafka, Group: c.Control.GroupID, Shards: c.Control.Partitions, Topics: []string{}}
	for _, t := range c.Tenants {
		s.Streams = append(s.Streams, t.PossibleStreams()...)
		for _, o := range c.OutputsOf(t) {
			if !strings.Contains(o.Topic, "{") && !slices.Contains(s.Topics, o.Topic) {
				s.Topics = append(s.Topics, o.Topic)
			}
		}
	}
	return s
}

// ReservedTopics returns the topics that serve something else than events, each with its key.
func (c *Config) ReservedTopics() map[string]string {
	reserved := map[string]string{
		c.Kafka.DeadLetterTopic: "kafka.dead_letter_topic", c.Kafka.StatusTopic: "kafka.status_topic", c.Kafka.JournalTopic: "kafka.journal_topic",
	}
	if c.Control.Enabled {
		reserved[c.Control.Topic], reserved[c.Control.ReplyTopic] = "control.topic", "control.reply_topic"
	}
	return reserved
}

// decodeOutputs reads a list of outputs. What an entry does not say of redaction is taken over.
func (l *loader) decodeOutputs(path string, n *yaml.Node, redact transform.RedactConfig) []transform.Output {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		l.add(n.Line, path, "must be a list: begin each output with a dash")
		return nil
	}
	var outputs []transform.Output
	for i, item := range n.Content {
		var o transform.Output
		o.SetDefaults()
		o.Redact = redact
		l.decode(fmt.Sprintf("%s[%d]", path, i), item, reflect.ValueOf(&o).Elem())
		outputs = append(outputs, o)
	}
	return outputs
}

// silent returns a loader for what was read before: its problems are known.
func (l *loader) silent() *loader {
	return &loader{written: l.written, lines: map[string]int{}, failed: map[string]bool{}}
}

// normalizeOutputs names the topics of events that go to no topic: only there one may be left out.
func (c *Config) normalizeOutputs() {
	if c.Sink.Kind == sink.KindKafka {
		return
	}
	lists := [][]transform.Output{c.Outputs}
	for _, t := range c.Tenants {
		lists = append(lists, t.Outputs)
	}
	for _, outputs := range lists {
		for i := range outputs {
			if o := &outputs[i]; o.Topic == "" {
				o.Topic = "o365." + o.Format
			}
		}
	}
}

var errNoHeaders = errors.New("only messages in Kafka have headers: leave it out, or set sink.kind: kafka")

// validateOutput returns what is wrong with the short form, besides what it says itself.
func (c *Config) validateOutput() error {
	if c.Output.CloudEvents && c.Sink.Kind != sink.KindKafka {
		return fmt.Errorf("output.cloudevents: %w", errNoHeaders)
	}
	return nil
}

// validateOutputs returns what is wrong with a list of outputs, each text beginning with its key.
func (c *Config) validateOutputs(outputs []transform.Output) error {
	errs := []error{transform.ValidateOutputs(outputs)}
	reserved := c.ReservedTopics()
	for i, o := range outputs {
		if o.CloudEvents && c.Sink.Kind != sink.KindKafka {
			errs = append(errs, fmt.Errorf("outputs[%d].cloudevents: %w", i, errNoHeaders))
		}
		if key, ok := reserved[o.Topic]; ok {
			errs = append(errs, fmt.Errorf("outputs[%d].topic: %s is %s already: choose another", i, o.Topic, key))
		}
	}
	return errors.Join(errs...)
}

// shortForm are the keys that say the same as a list of outputs with one entry.
var shortForm = []string{"output", "kafka.topic", "kafka.key"}

// refuseBoth reports keys of the short form beside a list of outputs.
func (l *loader) refuseBoth(c *Config) {
	if key := l.short(""); len(c.Outputs) > 0 && key != "" {
		l.add(l.lines[key], key, "counts only without outputs: move it into the entries of outputs, or leave outputs out")
	}
	for i, t := range c.Tenants {
		path := fmt.Sprintf("tenants[%d]", i)
		key := l.short(path)
		_, own := l.lines[path+".outputs"]
		switch {
		case len(t.Outputs) == 0 || key == "":
		case own:
			l.add(l.lines[key], key, "counts only without the tenant's outputs: move it into their entries, or leave them out")
		default:
			l.add(l.lines[key], key, "counts only without outputs: give this tenant outputs of its own; an empty list returns to the short form")
		}
	}
}

// short returns the first key of the short form that the section has, empty if it has none.
func (l *loader) short(path string) string {
	i := slices.IndexFunc(shortForm, func(key string) bool {
		_, written := l.lines[join(path, key)]
		return written
	})
	if i < 0 {
		return ""
	}
	return join(path, shortForm[i])
}
