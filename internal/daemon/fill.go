package daemon

import (
	"fmt"
	"slices"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/pipeline"
	"o365-kafka-connector/internal/transform"
)

// backfill is the transform of one of a stream's back-fills. A list that it names takes the place of the filter's; what
// is filtered out by filter.not stays out.
func (t *tenant) backfill(s audit.Stream, b audit.Backfill) (func() pipeline.Transform, error) {
	o := transform.OutputsOptions{Stream: s, Filter: t.config.Filter.For(s.ContentType), Outputs: t.outputs, Topics: t.topics}
	if b.Topic != "" {
		var err error
		if o.Outputs, err = redirected(t.outputs, b.Topic); err != nil {
			return nil, fmt.Errorf("set up back-fill: %w", err)
		}
	}
	for _, list := range []struct {
		own   *transform.List
		asked []string
	}{
		{&o.Filter.RecordTypes, b.Filters.RecordTypes},
		{&o.Filter.Workloads, b.Filters.Workloads},
		{&o.Filter.Operations, b.Filters.Operations},
	} {
		if len(list.asked) > 0 {
			*list.own = list.asked
		}
	}
	build, err := transform.NewOutputs(o)
	if err != nil {
		return nil, fmt.Errorf("set up back-fill: %w", err)
	}
	return func() pipeline.Transform { return build() }, nil
}

// redirected leads all outputs to a topic; those of several formats to one each, which ends in the format's name.
func redirected(outputs []transform.Output, topic string) ([]transform.Output, error) {
	outputs = slices.Clone(outputs)
	several := slices.ContainsFunc(outputs, func(o transform.Output) bool { return o.Format != outputs[0].Format })
	for i := range outputs {
		outputs[i].Topic = topic
		if several {
			outputs[i].Topic += "." + outputs[i].Format
		}
	}
	if err := transform.ValidateOutputs(outputs); err != nil {
		return nil, fmt.Errorf("%w: leave the topic out", err)
	}
	return outputs, nil
}
