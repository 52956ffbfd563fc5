package config

import (
	"bytes"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// Print writes the settings that count, those of each tenant among them, as YAML. Secrets are masked.
func (c *Config) Print(w io.Writer) error {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(c); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	if err := encoder.Close(); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	_, err := w.Write(out.Bytes())
	return err
}
