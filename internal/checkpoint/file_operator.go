package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"o365-kafka-connector/internal/audit"
)

// statusLine is a stream's status line in memory.
type statusLine struct {
	text  []byte
	until time.Time
}

// Peek reads the stream's log.
func (f *fileStore) Peek(ctx context.Context, s audit.Stream) (audit.Checkpoint, bool, error) {
	if err := ctx.Err(); err != nil {
		return audit.Checkpoint{}, false, err
	}
	c, ok, err := f.stream(s).peek()
	if err != nil {
		return c, ok, fmt.Errorf("read checkpoint of %s: %w", s, err)
	}
	return c, ok, nil
}

// Wish reads the stream's file.
func (f *fileStore) Wish(ctx context.Context, s audit.Stream) (audit.Wish, error) {
	w, err := readWish(f.wishes(ctx, s))
	if err != nil {
		return audit.Wish{}, fmt.Errorf("read wish for %s: %w", s, err)
	}
	return w, nil
}

// ChangeWish replaces the stream's file; changes wait for one another.
func (f *fileStore) ChangeWish(ctx context.Context, s audit.Stream, change func(*audit.Wish)) error {
	f.desire.Lock()
	defer f.desire.Unlock()
	if err := changeWish(f.wishes(ctx, s), change); err != nil {
		return fmt.Errorf("change wish for %s: %w", s, err)
	}
	return nil
}

func (f *fileStore) wishes(ctx context.Context, s audit.Stream) wishes {
	path := f.path(s, ".desired.json")
	return wishes{
		read: func() (string, error) {
			if err := ctx.Err(); err != nil {
				return "", err
			}
			text, err := readIfThere(path)
			return string(text), err
		},
		swap: func(_, next string) error { return writeFileAt(path, []byte(next)) },
	}
}

// readIfThere returns nothing of a file that does not exist.
func readIfThere(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fileFault("read "+filepath.Base(path), err)
	}
	return text, nil
}

// writeFileAt replaces a file, in a directory that may have to be made.
func writeFileAt(path string, text []byte) error {
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = replaceFile(path, func(w *os.File) error { _, err := w.Write(text); return err })
	}
	if err != nil {
		return fileFault("write "+filepath.Base(path), err)
	}
	return nil
}

// PutStatus keeps the line in memory; a time of 0 or less takes it away.
func (f *fileStore) PutStatus(ctx context.Context, s audit.Stream, status audit.StreamStatus, ttl time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	text, err := encodeStatus(status)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines[s.Key()] = statusLine{text: text, until: time.Now().Add(ttl)}
	return nil
}

// Statuses reads the lines, and the checkpoints of streams without one.
func (f *fileStore) Statuses(ctx context.Context, streams []audit.Stream) ([]audit.StreamStatus, error) {
	return statuses(streams, func(i int) (audit.StreamStatus, error) {
		f.mu.Lock()
		line := f.lines[streams[i].Key()]
		f.mu.Unlock()
		if time.Now().Before(line.until) {
			return decodeStatus(line.text, streams[i])
		}
		return peekStatus(ctx, f, streams[i])
	})
}
