package sink

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// appendFile is a file of lines that grows by commits. The caller sees to it that one goroutine at a time uses it.
type appendFile struct {
	path   string
	file   *os.File
	whole  bool  // it ends with a whole line
	before int64 // size before the commit; negative if it is no regular file
}

// begin makes the file ready for a commit.
func (f *appendFile) begin() error {
	if err := f.current(); err != nil {
		return err
	}
	if !f.whole {
		if err := dropCutLine(f.file); err != nil {
			return fmt.Errorf("prepare sink.path: %w", err)
		}
		f.whole = true
	}
	info, err := f.file.Stat()
	if err != nil {
		return fmt.Errorf("look at sink.path: %w", err)
	}
	f.before = -1
	if info.Mode().IsRegular() {
		f.before = info.Size()
	}
	return nil
}

// append writes lines that are on disk when it returns nil.
func (f *appendFile) append(lines func(io.Writer) error) error {
	err := lines(f.file)
	if err == nil && f.before >= 0 {
		err = f.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("append to sink.path: %w", err)
	}
	return nil
}

// undo takes the commit out again. What it could not take out may end with half a line.
func (f *appendFile) undo() error {
	if f.before < 0 {
		return nil
	}
	f.whole = false
	return f.file.Truncate(f.before)
}

func (f *appendFile) close() error {
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

// current makes sure that the open file is the one at the path.
func (f *appendFile) current() error {
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

func (f *appendFile) reopen() error {
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

// try tells whether a file can be written if it exists.
func (f *appendFile) try() error {
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open a file beside sink.path: %w", err)
	}
	return file.Close()
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
