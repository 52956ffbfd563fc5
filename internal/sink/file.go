package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"o365-kafka-connector/internal/audit"
)

// FileSink appends each event as a line of JSON to a file. A commit is on disk before it is acknowledged, and taken
// out again if it was written in part. When the file is moved away, the next commit begins a new one.
type FileSink struct {
	path    string
	options Options

	mu    sync.Mutex // guards the following
	file  *os.File
	whole bool // the file ends with a whole line
}

// NewFile opens the file, creating it if need be. The first commit removes a line that a crash cut off: nobody
// acknowledged it. Until then nothing is changed, since another process may be writing.
func NewFile(path string, o Options) (*FileSink, error) {
	f := &FileSink{path: path, options: o.withDefaults()}
	if err := f.reopen(); err != nil {
		return nil, err
	}
	return f, nil
}

// Open returns the publisher of a stream.
func (f *FileSink) Open(_ context.Context, s audit.Stream) (Publisher, error) {
	return &linePublisher{stream: s, options: f.options, write: f.commit}, nil
}

// Check tells whether the file can be written.
func (f *FileSink) Check(context.Context) ([]Finding, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.current(); err != nil {
		return []Finding{{Fatal: true, Text: err.Error(), Hint: "let sink.path name a file in a directory that exists and that the connector may write to"}}, nil
	}
	return nil, nil
}

// Close closes the file.
func (f *FileSink) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	if err != nil {
		return fmt.Errorf("close sink.path: %w", err)
	}
	return nil
}

func (f *FileSink) commit(c audit.Commit) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.current(); err != nil {
		return err
	}
	if !f.whole {
		if err := dropCutLine(f.file); err != nil {
			return fmt.Errorf("prepare sink.path: %w", err)
		}
		f.whole = true
	}
	before, err := f.file.Stat()
	if err != nil {
		return fmt.Errorf("look at sink.path: %w", err)
	}
	regular := before.Mode().IsRegular()
	if err = writeCommit(f.file, c, f.options); err == nil && regular {
		err = f.file.Sync()
	}
	if err == nil {
		return nil
	}
	if regular {
		err = errors.Join(err, f.file.Truncate(before.Size()))
	}
	return fmt.Errorf("append to sink.path: %w", err)
}

// current makes sure that the open file is the one at the path.
func (f *FileSink) current() error {
	if f.file == nil {
		return f.reopen()
	}
	at, err := os.Stat(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look at sink.path: %w", err)
	}
	open, statErr := f.file.Stat()
	if err == nil && statErr == nil && os.SameFile(at, open) {
		return nil
	}
	old := f.file
	f.file = nil
	return errors.Join(old.Close(), f.reopen())
}

func (f *FileSink) reopen() error {
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open sink.path: %w", err)
	}
	if err := syncDirectory(f.path); err != nil {
		return errors.Join(fmt.Errorf("prepare sink.path: %w", err), file.Close())
	}
	f.file, f.whole = file, false
	return nil
}

// syncDirectory makes a new file's name durable.
func syncDirectory(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// dropCutLine cuts off what follows the last newline.
func dropCutLine(file *os.File) error {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	buf := make([]byte, chunk)
	for end := info.Size(); end > 0; {
		start := max(0, end-int64(len(buf)))
		part := buf[:end-start]
		if _, err := file.ReadAt(part, start); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return cutTo(file, info.Size(), start+int64(i)+1)
		}
		end = start
	}
	return cutTo(file, info.Size(), 0)
}

func cutTo(file *os.File, size, keep int64) error {
	if size == keep {
		return nil
	}
	return file.Truncate(keep)
}
