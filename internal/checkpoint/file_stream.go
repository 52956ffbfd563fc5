package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
)

// slack is how much a log may grow beyond twice its base before it is written anew.
const slack = 1 << 20

// fileStream is the log of one stream, and what it adds up to.
type fileStream struct {
	path string

	mu     sync.Mutex // guards the following
	state  *fileState // nil: the log has to be read
	log    *os.File
	size   int64 // bytes of the log
	based  int64 // bytes of its base
	newest int64 // epoch given last by this process
}

// acquire reads the log anew and raises the epoch.
func (f *fileStream) acquire() (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget()
	if err := f.read(); err != nil {
		return 0, err
	}
	if f.state.present && f.state.damage == nil && f.state.schema < schemaVersion {
		if err := f.rewrite(f.state); err != nil { // an older version would not know what we append
			return 0, err
		}
	}
	epoch := max(f.state.epoch+1, f.newest+1, time.Now().UnixMicro())
	return epoch, f.raise(epoch)
}

// raise gives an epoch.
func (f *fileStream) raise(epoch int64) error {
	if err := f.append(logLine{Epoch: epoch}, true); err != nil {
		return err
	}
	f.newest = epoch
	return nil
}

// enter locks the stream for a caller with this epoch. It stays unlocked after an error.
func (f *fileStream) enter(epoch int64) error {
	f.mu.Lock()
	if err := f.admit(epoch); err != nil {
		f.mu.Unlock()
		return err
	}
	return nil
}

func (f *fileStream) admit(epoch int64) error {
	if f.state != nil && !f.intact() {
		f.forget()
	}
	if f.state == nil {
		if err := f.read(); err != nil {
			return err
		}
	}
	switch {
	case f.state.epoch == epoch:
		return nil
	case f.state.epoch > epoch:
		return fmt.Errorf("%w: epoch %d", audit.ErrFenced, f.state.epoch)
	default:
		return fmt.Errorf("%w: the log holds the older epoch %d", audit.ErrLost, f.state.epoch)
	}
}

// intact reports whether the log on the disk is still the one that was read.
func (f *fileStream) intact() bool {
	there, err := os.Stat(f.path)
	if err != nil || there.Size() != f.size {
		return false
	}
	open, err := f.log.Stat()
	return err == nil && os.SameFile(there, open)
}

// read opens the log, folds it, and cuts off what a crash left unfinished.
func (f *fileStream) read() error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return fileFault("open checkpoint log", err)
	}
	_, err := os.Stat(f.path)
	fresh := errors.Is(err, fs.ErrNotExist)
	log, err := os.OpenFile(f.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fileFault("open checkpoint log", err)
	}
	state, good, err := readLog(log)
	if err == nil && state.damage == nil {
		err = cut(log, good)
	}
	if err == nil && fresh {
		err = syncDirectory(filepath.Dir(f.path))
	}
	if err != nil {
		_ = log.Close()
		return readFault(err)
	}
	end, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		_ = log.Close()
		return fileFault("read checkpoint log", err)
	}
	f.state, f.log, f.size, f.based = state, log, end, end
	return nil
}

func cut(log *os.File, size int64) error {
	if err := log.Truncate(size); err != nil {
		return err
	}
	return log.Sync()
}

// peek returns what is remembered, and changes nothing.
func (f *fileStream) peek() (audit.Checkpoint, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	state := f.state
	if state == nil || !f.intact() {
		log, err := os.Open(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			return audit.Checkpoint{}, false, nil
		}
		if err != nil {
			return audit.Checkpoint{}, false, fileFault("read checkpoint log", err)
		}
		defer func() { _ = log.Close() }()
		if state, _, err = readLog(log); err != nil {
			return audit.Checkpoint{}, false, readFault(err)
		}
	}
	return state.load()
}

// readFault keeps a fault that tells more.
func readFault(err error) error {
	if _, ok := errors.AsType[*audit.Fault](err); ok {
		return err
	}
	return fileFault("read checkpoint log", err)
}

// forget makes the next call read the log anew.
func (f *fileStream) forget() {
	if f.log != nil {
		_ = f.log.Close()
	}
	f.state, f.log = nil, nil
}

// append writes a line and folds it into the state. After an error nobody knows what stands in the log, so that it
// is read anew.
func (f *fileStream) append(l logLine, durable bool) error {
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encode checkpoint: %w", err)
	}
	n, err := f.log.Write(append(text, '\n'))
	if err == nil && durable {
		err = f.log.Sync()
	}
	if err != nil {
		f.forget()
		return fileFault("write checkpoint log", err)
	}
	f.size += int64(n)
	return f.state.fold(l)
}

// apply appends the entry that follows upon the last one.
func (f *fileStream) apply(d entryDocument) error {
	if err := f.state.usable(); err != nil {
		return err
	}
	hash, err := d.hash()
	if err != nil {
		return err
	}
	if d.N == f.state.n && hash == f.state.last {
		return nil
	}
	if d.N != f.state.n+1 {
		return fmt.Errorf("%w: it stands at %d, the entry is number %d", audit.ErrLost, f.state.n, d.N)
	}
	if f.size > 2*f.based+slack {
		if err := f.rewrite(f.state); err != nil {
			return err
		}
	}
	return f.append(logLine{Entry: &d}, true)
}

// replay appends entries, those up to the stored N taken as applied.
func (f *fileStream) replay(entries []audit.Logged) error {
	if err := f.state.usable(); err != nil {
		return err
	}
	for _, l := range entries {
		if l.Entry.N <= f.state.n {
			continue
		}
		if l.Entry.N != f.state.n+1 {
			return fmt.Errorf("%w: it stands at %d, the entry is number %d", audit.ErrLost, f.state.n, l.Entry.N)
		}
		d := storeLogged(l)
		if err := f.append(logLine{Entry: &d}, false); err != nil {
			return err
		}
	}
	if err := f.log.Sync(); err != nil {
		f.forget()
		return fileFault("write checkpoint log", err)
	}
	return nil
}

// reset starts a log with an empty ledger.
func (f *fileStream) reset(c audit.Checkpoint) error {
	fresh := newFileState()
	fresh.present, fresh.epoch, fresh.position, fresh.n = true, f.state.epoch, c.Position, c.N
	fresh.snapshot = micros(c.Snapshot)
	fresh.firstStart, fresh.progress = micros(c.FirstStart), *storeProgress(c.Progress)
	fresh.desired = desiredDocument{State: c.Desired.State, Since: c.Desired.Since.UTC()}
	fresh.moved = c.Moved
	d := storeEntry(audit.Entry{Pending: c.Pending, Gaps: c.Gaps, Backfills: c.Backfills}, c.Position)
	for _, p := range d.Pending {
		fresh.pending[audit.HashOf(p.ID)] = p
	}
	fresh.gaps, fresh.backfills = d.Gaps, d.Backfills
	return f.rewrite(fresh)
}

// rewrite replaces the log by one that starts with the state.
func (f *fileStream) rewrite(s *fileState) error {
	f.forget()
	s.schema = schemaVersion
	var size int64
	err := replaceFile(f.path, func(w *os.File) (err error) {
		size, err = writeBase(w, s)
		return err
	})
	if err != nil {
		return fileFault("rewrite checkpoint log", err)
	}
	log, err := os.OpenFile(f.path, os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return fileFault("rewrite checkpoint log", err)
	}
	f.state, f.log, f.size, f.based = s, log, size, size
	return nil
}

// release makes the epoch void, if it is still the newest.
func (f *fileStream) release(epoch int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.admit(epoch) != nil {
		return nil
	}
	return f.raise(epoch + 1)
}

func (f *fileStream) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.log == nil {
		return nil
	}
	err := f.log.Close()
	f.state, f.log = nil, nil
	return err
}
