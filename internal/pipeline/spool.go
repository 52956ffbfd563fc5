package pipeline

import (
	"fmt"
	"os"
	"sync/atomic"

	"o365-kafka-connector/internal/audit"
)

// Spool supplies the temporary files of large blobs and bounds what they take together.
type Spool struct {
	dir  string
	max  int64
	used atomic.Int64
}

// NewSpool keeps files in dir (the system's directory for temporary files if empty), together at most max bytes.
func NewSpool(dir string, limit int64) *Spool { return &Spool{dir: dir, max: limit} }

// File returns an empty file that has no name any more: it is gone with the process.
func (s *Spool) File() (audit.File, error) {
	f, err := os.CreateTemp(s.dir, "o365-blob-")
	if err != nil {
		return nil, spoolFault(fmt.Errorf("create temporary file: %w", err))
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, spoolFault(fmt.Errorf("unlink temporary file: %w", err))
	}
	return &spoolFile{File: f, spool: s}, nil
}

func spoolFault(err error) error {
	return &audit.Fault{
		Cause: audit.CauseSpool, Scope: audit.OfStream, Err: err,
		Hint: "make room in the directory that source.spool names (default: the system's temporary directory), or raise source.spool_max",
	}
}

type spoolFile struct {
	*os.File
	spool *Spool
	size  int64
}

func (f *spoolFile) Write(p []byte) (int, error) {
	n := int64(len(p))
	if f.size+n > f.spool.max {
		return 0, &audit.Fault{
			Cause: audit.CauseSpool, Scope: audit.OfBlob,
			Err:  fmt.Errorf("the blob alone exceeds source.spool_max (%d bytes)", f.spool.max),
			Hint: "raise source.spool_max above the size of the largest blob's events",
		}
	}
	if f.spool.used.Add(n) > f.spool.max {
		f.spool.used.Add(-n)
		return 0, spoolFault(fmt.Errorf("temporary files exceed source.spool_max (%d bytes)", f.spool.max))
	}
	f.size += n
	written, err := f.File.Write(p)
	if err != nil {
		return written, spoolFault(err)
	}
	return written, nil
}

func (f *spoolFile) Close() error {
	f.spool.used.Add(-f.size)
	f.size = 0
	return f.File.Close()
}
