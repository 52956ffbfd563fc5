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

// file is a file that holds a secret. It is read at each use and never watched: uses are rare, a mounted file is changed
// by swapping a link somewhere above it, and a change must never be missed.
type file struct {
	name string

	mu   sync.Mutex // guards the following, also while the file is read
	good String     // its last good content
	bad  bool       // it could not be used the last time
}

func fileAt(name string) *file {
	f, _ := files.LoadOrStore(name, &file{name: name})
	return f.(*file)
}

func (f *file) read() (String, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	value, err := load(f.name)
	log := slog.With(slog.String("file", f.name))
	switch {
	case err == nil:
		if f.good != "" && f.good != value {
			log.Info("secret file has changed: its new content counts from now on")
		} else if f.bad && f.good != "" {
			log.Info("secret file can be read again")
		}
		f.good, f.bad = value, false
	case f.good == "":
		return "", err
	case !f.bad:
		f.bad = true
		log.Warn("secret file cannot be used: its last good content still counts", slog.Any("error", err))
	}
	return f.good, nil
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
