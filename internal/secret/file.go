package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
)

// maxFile is the size of the largest file that is taken for a secret, in bytes: a private key with its chain fits.
const maxFile = 64 << 10

// files are all secret files by name: who uses the same one shares its last good content and the log lines about it.
var files sync.Map

func fileAt(name string) *kept[String] {
	made := &kept[String]{
		load: func() (String, error) { return load(name) },
		same: func(a, b String) bool { return a == b },
		log:  []any{slog.String("file", name)},
	}
	f, _ := files.LoadOrStore(name, made)
	return f.(*kept[String])
}

// load reads a file without the line end that editors leave.
func load(name string) (String, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", err
	}
	text = bytes.TrimRight(bytes.TrimPrefix(text, []byte("\uFEFF")), "\r\n")
	switch {
	case len(text) == 0:
		return "", fmt.Errorf("%s is empty", name)
	case len(text) > maxFile:
		return "", fmt.Errorf("%s holds more than %d bytes: it is no secret", name, maxFile)
	case bytes.IndexByte(text, 0) >= 0:
		return "", errors.New(name + " holds zero bytes: save it as UTF-8 text")
	}
	return String(text), nil
}
