package transform

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// List is a list of names in the configuration, written as a YAML list or as one text with commas between the names.
type List []string

// ParseList takes a text with commas apart. Names are trimmed; a blank text is an empty list.
func ParseList(s string) List {
	if strings.TrimSpace(s) == "" {
		return List{}
	}
	list := List(strings.Split(s, ","))
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// IsZero reports whether there is no list, not even an empty one: then it is left out where the configuration is printed.
func (l List) IsZero() bool { return l == nil }

// UnmarshalYAML reads a list in one of its two forms.
func (l *List) UnmarshalYAML(node *yaml.Node) error {
	switch node.Kind {
	case yaml.ScalarNode:
		*l = ParseList(node.Value)
		return nil
	case yaml.SequenceNode:
		var names []string
		if err := node.Decode(&names); err != nil {
			return err
		}
		*l = names
		return nil
	default:
		return fmt.Errorf("line %d: write a list, as [A, B], or a text with commas", node.Line)
	}
}
