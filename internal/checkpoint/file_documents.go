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

// Document reads the document's file.
func (f fileDocuments) Document(ctx context.Context, tenant, kind string) ([]byte, error) {
	if err := errors.Join(ctx.Err(), checkDocument(tenant, kind)); err != nil {
		return nil, err
	}
	path := f.path(tenant, kind)
	text, err := readIfThere(path)
	if err != nil || text == nil {
		return nil, err
	}
	d, err := decodeDocument(text)
	if err != nil {
		return nil, fault(fmt.Errorf("read %s: %w", path, err), "delete the file; if it is a sign-in, sign in anew")
	}
	if !d.Until.IsZero() && !time.Now().Before(d.Until) {
		return nil, nil
	}
	return d.Value, nil
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
	stored, err := f.Document(ctx, s.Tenant, s.Kind)
	if err != nil {
		return false, err
	}
	switch {
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
