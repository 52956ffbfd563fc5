package auth

import (
	"fmt"
	"os"
)

// maxSecretFile is more than any file of a key or certificate holds.
const maxSecretFile = 1 << 20

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
