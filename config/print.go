package config

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Print writes the settings that count, those of each tenant among them, as YAML that can be
// read again. Secrets are masked, and have to be put back before.
func (c *Config) Print(w io.Writer) error {
	var all yaml.Node
	if err := all.Encode(c); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	c.leaveOutUnsaid(&all)
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

// leaveOutUnsaid takes out what may not be said: settings of the process in a tenant, and the short form beside outputs.
func (c *Config) leaveOutUnsaid(all *yaml.Node) {
	if len(c.Outputs) > 0 {
		remove(all, shortForm...)
	}
	tenants := child(all.Content, "tenants")
	for i, t := range c.Tenants {
		for _, key := range shared {
			remove(tenants.Content[i], "source."+key)
		}
		if len(t.Outputs) > 0 {
			remove(tenants.Content[i], shortForm...)
		}
	}
}

// remove takes keys, some of them of a section within, out of a section.
func remove(section *yaml.Node, keys ...string) {
	for _, key := range keys {
		within, key, ok := strings.Cut(key, ".")
		switch inner := child(section.Content, within); {
		case !ok:
			section.Content = without(section.Content, within)
		case inner != nil:
			inner.Content = without(inner.Content, key)
		}
	}
}

// without leaves a key out of the content of a section.
func without(content []*yaml.Node, key string) []*yaml.Node {
	var out []*yaml.Node
	for i := 0; i+1 < len(content); i += 2 {
		if content[i].Value != key {
			out = append(out, content[i], content[i+1])
		}
	}
	return out
}
