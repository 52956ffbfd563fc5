package checkpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"o365-kafka-connector/internal/audit"
)

// fileDocuments keeps each document in a file of its own, documents/<tenant>.<kind>.json. A lock is held for the moment
// of a change only, so that a command can sign in beside the running connector.
type fileDocuments struct{ directory string }

// documentFile is a document in its file.
type documentFile struct {
	Until time.Time `json:"until,omitzero"` // zero: it stays
	Value []byte    `json:"value"`
}

// Document reads the document's file. What stands in a damaged one counts for the document, so that whoever cannot make
// sense of it may change it.
func (f fileDocuments) Document(ctx context.Context, tenant, kind string) ([]byte, error) {
	value, _, err := f.read(ctx, tenant, kind)
	return value, err
}

func (f fileDocuments) read(ctx context.Context, tenant, kind string) (value []byte, damaged bool, err error) {
	if err := errors.Join(ctx.Err(), checkDocument(tenant, kind)); err != nil {
		return nil, false, err
	}
	text, err := readIfThere(f.path(tenant, kind))
	if err != nil || len(text) == 0 {
		return nil, false, err
	}
	d, err := decodeDocument(text)
	damaged = err != nil
	switch {
	case damaged:
		return text, true, nil //nolint:nilerr // The caller is told that it is damaged.
	case !d.Until.IsZero() && !time.Now().Before(d.Until):
		return nil, false, nil
	}
	return d.Value, false, nil
}

func decodeDocument(text []byte) (d documentFile, err error) {
	err = json.Unmarshal(text, &d)
	return d, err
}

// SwapDocument changes the document's file, alone among all processes.
func (f fileDocuments) SwapDocument(ctx context.Context, s audit.DocumentSwap) (bool, error) {
	if err := checkSwap(s); err != nil {
		return false, err
	}
	unlock, err := f.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	stored, damaged, err := f.read(ctx, s.Tenant, s.Kind)
	if err != nil {
		return false, err
	}
	switch {
	case damaged && len(s.Old) == 0 && s.Keep > 0: // nobody knows when it would have ended
	case bytes.Equal(stored, s.New):
		return true, nil
	case !bytes.Equal(stored, s.Old):
		return false, nil
	}
	return true, f.write(s)
}

func (f fileDocuments) write(s audit.DocumentSwap) error {
	path := f.path(s.Tenant, s.Kind)
	if len(s.New) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fileFault("change "+s.Kind, err)
		}
		return nil
	}
	d := documentFile{Value: s.New}
	if s.Keep > 0 {
		d.Until = time.Now().Add(s.Keep).UTC()
	}
	text, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode %s: %w", s.Kind, err)
	}
	return writeFileAt(path, text)
}

// lock waits until no other process changes a document.
func (f fileDocuments) lock(ctx context.Context) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	directory := filepath.Join(f.directory, "documents")
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fileFault("open directory of documents", err)
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		held, err := lockFile(filepath.Join(directory, "lock"))
		if err == nil {
			return func() { _ = held.Close() }, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, fileFault("lock directory of documents", errors.Join(ctx.Err(), err))
		}
	}
}

func (f fileDocuments) path(tenant, kind string) string {
	return filepath.Join(f.directory, "documents", tenant+"."+kind+".json")
}

// Close has nothing to give back.
func (fileDocuments) Close() error { return nil }
