// Package secret keeps passwords, keys and tokens out of logs, errors and dumps.
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

// mask stands for a secret wherever one would be printed.
const mask = "***"

// String is a text that prints as "***". Reveal is the only way to its value. It belongs into exported fields only: fmt
// prints others without asking their type; keep a Source there.
type String string

// Reveal returns the secret itself, for the one place that has to send it.
func (s String) Reveal() string { return string(s) }

// String returns the mask, or nothing for an empty secret.
func (s String) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// Format masks the secret for every verb, also those that suit no text: fmt would print the value to explain itself.
func (s String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// GoString masks %#v.
func (s String) GoString() string { return s.String() }

// LogValue masks the secret in slog.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText masks the secret in JSON, YAML and everything else that encodes text.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
