package auth

import (
	"fmt"
	"os"
	"strings"

	"o365-kafka-connector/internal/secret"
)

// maxSecretFile is more than any file of a secret, key or certificate holds.
const maxSecretFile = 1 << 20

// setting is a secret that stands in the configuration or in a file.
type setting struct {
	key   string // in the configuration, for messages
	value secret.String
	file  string
}

// read returns the secret, read anew if it is in a file, without the line end that editors put behind it.
func (s setting) read() (secret.String, error) {
	if s.file == "" {
		return s.value, nil
	}
	data, err := readFile(s.key+"_file", s.file)
	if err != nil {
		return "", err
	}
	text := strings.TrimRight(string(data), "\r\n")
	if text == "" {
		return "", fmt.Errorf("read %s_file: %s is empty: write the secret into it", s.key, s.file)
	}
	return secret.String(text), nil
}

// readFile reads the file that a key names.
func readFile(key, file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxSecretFile {
		return nil, fmt.Errorf("read %s: %s is no file of less than 1 MiB", key, file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return data, nil
}
