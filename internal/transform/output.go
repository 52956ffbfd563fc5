package transform

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Output is one entry of the list outputs: one form in which records are published, and where to. The sections output
// and kafka.topic are the short form of a list with one entry.
type Output struct {
	OutputConfig `yaml:",inline"`
	Topic        string       `yaml:"topic"` // template, see ParseTopic
	Key          Key          `yaml:"key"`
	Filter       FilterConfig `yaml:"filter"` // of what passes the section filter
	Redact       RedactConfig `yaml:"redact"` // in the place of the section redact
}

// SetDefaults chooses incidents by record id. There is no default for the topic.
func (o *Output) SetDefaults() {
	o.OutputConfig.SetDefaults()
	o.Key = KeyRecordID
	o.Filter.SetDefaults()
	o.Redact.SetDefaults()
}

// Validate returns every problem, each starting with its key.
func (o Output) Validate() error {
	errs := []error{o.OutputConfig.Validate()}
	if _, err := ParseTopic(o.Topic); err != nil {
		errs = append(errs, fmt.Errorf("topic: %w", err))
	}
	if _, err := ParseKey(string(o.Key)); err != nil {
		errs = append(errs, fmt.Errorf("key: %w", err))
	}
	return errors.Join(append(errs, within("filter", o.Filter.Validate()), within("redact", o.Redact.Validate()))...)
}

// ValidateOutputs returns every problem of a list of outputs, each starting with its key.
func ValidateOutputs(outputs []Output) error {
	var errs []error
	for i, o := range outputs {
		errs = append(errs, within(fmt.Sprintf("outputs[%d]", i), o.Validate()))
		twin := slices.IndexFunc(outputs[:i], func(other Output) bool { return other.Topic == o.Topic })
		if twin >= 0 && !outputs[twin].like(o) {
			errs = append(errs, fmt.Errorf("outputs[%d].topic: outputs[%d] has the same, in another form: only the filters of two outputs to one topic may differ", i, twin))
		}
	}
	return errors.Join(errs...)
}

// like reports whether a record has the same event in both.
func (o Output) like(other Output) bool {
	o.Filter, other.Filter = FilterConfig{}, FilterConfig{}
	return reflect.DeepEqual(o, other)
}

// within puts a key before each problem of a section.
func within(key string, err error) error {
	if err == nil {
		return nil
	}
	var errs []error
	for line := range strings.SplitSeq(err.Error(), "\n") {
		errs = append(errs, errors.New(key+"."+line))
	}
	return errors.Join(errs...)
}
