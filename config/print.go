package config

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Print writes the settings that count, those of each tenant among them, as YAML that can be
// read again. Secrets are masked.
func (c *Config) Print(w io.Writer) error {
	var all yaml.Node
	if err := all.Encode(c); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	leaveOutShared(&all)
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(&all); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	if err := encoder.Close(); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// leaveOutShared takes out of each tenant what it may not say.
func leaveOutShared(all *yaml.Node) {
	tenants := child(all.Content, "tenants")
	if tenants == nil {
		return
	}
	for _, t := range tenants.Content {
		if source := child(t.Content, "source"); source != nil {
			source.Content = without(source.Content, shared)
		}
	}
}

// without leaves keys out of the content of a section.
func without(content []*yaml.Node, keys []string) []*yaml.Node {
	var out []*yaml.Node
	for i := 0; i+1 < len(content); i += 2 {
		if !slices.Contains(keys, content[i].Value) {
			out = append(out, content[i], content[i+1])
		}
	}
	return out
}
