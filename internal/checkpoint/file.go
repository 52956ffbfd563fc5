package checkpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
)

// fileStore is the Store in a directory: a lock, the deployment, and a log per stream, named
// <tenant GUID>/<content type>.log. Beside it stands the wish, <content type>.desired.json; answers of commands are in
// the directory answers.
type fileStore struct {
	fileDocuments

	directory string
	lock      *os.File

	mu      sync.Mutex // guards the following
	streams map[string]*fileStream
	lines   map[string]statusLine
	claims  map[string]claim
	swept   time.Time  // when old answers were last looked for
	desire  sync.Mutex // held while a wish changes
}

func openFile(directory string) (*fileStore, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fileFault("open checkpoint directory", err)
	}
	lock, err := lockFile(filepath.Join(directory, "lock"))
	if err != nil {
		return nil, fault(fmt.Errorf("open checkpoint directory: %w", err),
			"another process uses "+directory+": stop it, or give this one its own directory, tenants and streams")
	}
	return &fileStore{
		fileDocuments: fileDocuments{directory}, directory: directory, lock: lock,
		streams: map[string]*fileStream{}, lines: map[string]statusLine{}, claims: map[string]claim{},
	}, nil
}

func fileFault(what string, err error) error { return fault(fmt.Errorf("%s: %w", what, err), hintDisk) }

// Acquire raises the stream's epoch.
func (f *fileStore) Acquire(ctx context.Context, s audit.Stream) (Handle, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	stream := f.stream(s)
	epoch, err := stream.acquire()
	if err != nil {
		return nil, fmt.Errorf("acquire checkpoint of %s: %w", s, err)
	}
	h := &fileHandle{file: stream, stream: s}
	h.epoch.Store(epoch)
	return h, nil
}

func (f *fileStore) stream(s audit.Stream) *fileStream {
	f.mu.Lock()
	defer f.mu.Unlock()
	stream, ok := f.streams[s.Key()]
	if !ok {
		stream = &fileStream{path: f.path(s, ".log")}
		f.streams[s.Key()] = stream
	}
	return stream
}

func (f *fileStore) path(s audit.Stream, suffix string) string {
	return filepath.Join(f.directory, filepath.Base(s.Tenant.ID), filepath.Base(string(s.ContentType))+suffix)
}

// Check reports what the directory is.
func (f *fileStore) Check(ctx context.Context) ([]Finding, error) {
	if err := f.Ping(ctx); err != nil {
		return nil, err
	}
	return []Finding{{Level: Note, Text: "checkpoints are kept in " + f.directory + ", for this instance only"}}, nil
}

// Ping reports whether the directory takes files.
func (f *fileStore) Ping(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	probe, err := os.CreateTemp(f.directory, "probe")
	if err != nil {
		return fileFault("write to checkpoint directory", err)
	}
	_ = probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		return fileFault("write to checkpoint directory", err)
	}
	return nil
}

// Bind remembers the deployment in a file.
func (f *fileStore) Bind(ctx context.Context, d Deployment) error {
	bound, err := f.Bound(ctx, d)
	if bound || err != nil {
		return err
	}
	return f.writeDeployment(f.deploymentPath(), d)
}

func (f *fileStore) deploymentPath() string { return filepath.Join(f.directory, "deployment.json") }

// Bound looks whom the directory belongs to.
func (f *fileStore) Bound(_ context.Context, d Deployment) (bool, error) {
	path := f.deploymentPath()
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fileFault("bind checkpoint", err)
	}
	var bound Deployment
	if err := json.Unmarshal(text, &bound); err != nil {
		return false, fault(fmt.Errorf("bind checkpoint: read %s: %w", path, err),
			"delete the file if the directory's checkpoints belong to this deployment")
	}
	if bound == d {
		return true, nil
	}
	return true, &BoundError{Bound: bound, Wanted: d, Fix: "set checkpoint.path to another directory, or forget what was " +
		"delivered: stop the instance and delete " + f.directory}
}

func (f *fileStore) writeDeployment(path string, d Deployment) error {
	text, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("bind checkpoint: %w", err)
	}
	if err := replaceFile(path, func(w *os.File) error { _, err := w.Write(append(text, '\n')); return err }); err != nil {
		return fileFault("bind checkpoint", err)
	}
	return nil
}

// replaceFile puts a new file in the place of an old one, as a whole or not at all.
func replaceFile(path string, write func(*os.File) error) error {
	next, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(write(next), next.Sync(), next.Close()); err != nil {
		return err
	}
	if err := os.Rename(next.Name(), path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

// Close closes the logs and gives the lock back.
func (f *fileStore) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, s := range f.streams {
		errs = append(errs, s.close())
	}
	f.streams = map[string]*fileStream{}
	return errors.Join(append(errs, f.lock.Close())...)
}
