package secret

import (
	"fmt"
	"io"
	"log/slog"
)

// Source is a secret setting: its value in the configuration, or the file that holds it. The zero Source is a secret
// that is not set.
type Source struct {
	// A function, since fmt would print the value of a field that is not exported, also from deep inside of others.
	reveal func() (string, error)
}

// NewSource returns the source of a setting, named by its whole key as kafka.sasl.password, from its value or, if file
// is not empty, from the file that the key with _file behind it names. It reads nothing.
func NewSource(setting string, value String, file string) Source {
	if file == "" {
		if value == "" {
			return Source{}
		}
		return Source{reveal: func() (string, error) { return value.Reveal(), nil }}
	}
	f := fileAt(file)
	return Source{reveal: func() (string, error) {
		content, err := f.read()
		if err != nil {
			return "", &UnreadableError{Setting: setting + "_file", Err: err}
		}
		return content.Reveal(), nil
	}}
}

// Set reports whether the setting or its file is given.
func (s Source) Set() bool { return s.reveal != nil }

// Reveal returns the secret as it is now, for the one place that has to send it: ask for it at each use. A file is read
// each time, so that a changed one counts without a restart. While it cannot be read, or is empty, its last good
// content counts, and the log says so; only a file that never had one is an error. Calls may be concurrent.
func (s Source) Reveal() (string, error) {
	if s.reveal == nil {
		return "", nil
	}
	return s.reveal()
}

// String returns the mask, or nothing for a secret that is not set.
func (s Source) String() string {
	if !s.Set() {
		return ""
	}
	return mask
}

// Format masks the secret for every verb.
func (s Source) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue masks the secret in slog.
func (s Source) LogValue() slog.Value { return slog.StringValue(s.String()) }

// UnreadableError means that a file has never held a secret since the process began.
type UnreadableError struct {
	Setting string // that names the file
	Err     error
}

// Error names the setting, the file and the cause.
func (e *UnreadableError) Error() string { return "read " + e.Setting + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *UnreadableError) Unwrap() error { return e.Err }

// OneOf returns an error, beginning with the key, if a secret is given by value and by file.
func OneOf(key string, value String, file string) error {
	if value == "" || file == "" {
		return nil
	}
	return fmt.Errorf("%s_file: %s is set as well, and only one of them can count: keep one", key, key)
}
