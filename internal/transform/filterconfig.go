package transform

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"o365-kafka-connector/internal/audit"
)

// Match names records by three properties. Names are compared without regard to letter case and to spaces around them;
// in those of workloads and operations a * stands for any text.
type Match struct {
	RecordTypes List `yaml:"record_types,omitempty"` // numbers or Microsoft's names
	Workloads   List `yaml:"workloads,omitempty"`
	Operations  List `yaml:"operations,omitempty"`
}

// FilterConfig is the section filter: what is published. A record must match every list that is not empty, in one
// entry each, and nothing of Not.
type FilterConfig struct {
	Match        `yaml:",inline"`
	Not          Match                    `yaml:"not"`
	ContentTypes map[string]ContentFilter `yaml:"content_types"` // by content type, in any letter case
}

// ContentFilter is what counts for one content type. A list that is nil is the section's own; an empty one lets
// everything pass.
type ContentFilter struct {
	Match `yaml:",inline"`
	Not   Match `yaml:"not"`
}

// SetDefaults leaves the filter empty: everything is published.
func (c *FilterConfig) SetDefaults() {
	none := Match{RecordTypes: List{}, Workloads: List{}, Operations: List{}}
	*c = FilterConfig{Match: none, Not: none, ContentTypes: map[string]ContentFilter{}}
}

// Validate reports blank entries, record types that nobody knows, and content types that do not exist.
func (c FilterConfig) Validate() error {
	_, err := NewFilter(c)
	errs := []error{err}
	seen := map[audit.ContentType]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.ContentTypes)) {
		key := "content_types." + name
		ct, err := audit.ParseContentType(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
			continue
		}
		if seen[ct] {
			errs = append(errs, fmt.Errorf("%s: is given twice, in other letters: keep one", key))
		}
		seen[ct] = true
		own := c.ContentTypes[name]
		_, err = NewFilter(FilterConfig{Match: own.Match, Not: own.Not})
		errs = append(errs, within(key, err))
	}
	return errors.Join(errs...)
}

// For returns what counts for one content type: its own lists in the place of the general ones.
func (c FilterConfig) For(ct audit.ContentType) FilterConfig {
	out := FilterConfig{Match: c.Match, Not: c.Not}
	for name, own := range c.ContentTypes {
		if parsed, err := audit.ParseContentType(name); err == nil && parsed == ct {
			out.replace(own.Match)
			out.Not.replace(own.Not)
		}
	}
	return out
}

func (m *Match) replace(own Match) {
	for _, list := range []struct{ general, own *List }{
		{&m.RecordTypes, &own.RecordTypes}, {&m.Workloads, &own.Workloads}, {&m.Operations, &own.Operations},
	} {
		if *list.own != nil {
			*list.general = *list.own
		}
	}
}
