package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"o365-kafka-connector/internal/audit"
)

// Documents keeps small opaque texts of tenants for all instances. Calls may be repeated and concurrent.
type Documents interface {
	// Document returns what is stored; empty if nothing is.
	Document(ctx context.Context, tenant, kind string) ([]byte, error)
	// SwapDocument changes a document if it is what the change expects, and reports whether it is now as wanted. An error
	// leaves open whether it was changed.
	SwapDocument(ctx context.Context, s audit.DocumentSwap) (bool, error)
}

// DocumentStore is Documents by itself.
type DocumentStore interface {
	Documents
	// Close gives connections back.
	Close() error
}

// OpenDocuments returns the documents of the store that the configuration describes. Other than Open it takes no lock
// on a directory: they can be used beside the process that owns the checkpoints. It does not connect.
func OpenDocuments(c Config) (DocumentStore, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Kind == KindFile {
		return fileDocuments{c.Path}, nil
	}
	return openRedis(c)
}

// maxDocument bounds a document, in bytes.
const maxDocument = 256 << 10

var documentName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]*$`)

func checkDocument(tenant, kind string) error {
	if !documentName.MatchString(tenant) || !documentName.MatchString(kind) {
		return fmt.Errorf("find document: %q of tenant %q is no name", kind, tenant)
	}
	return nil
}

func checkSwap(s audit.DocumentSwap) error {
	err := checkDocument(s.Tenant, s.Kind)
	if s.Keep < 0 || s.Keep > 0 && s.Keep < time.Millisecond {
		err = errors.Join(err, fmt.Errorf("change document: it would be kept for %s", s.Keep))
	}
	if len(s.New) > maxDocument {
		err = errors.Join(err, fmt.Errorf("change document: it has %d bytes, at most %d are kept", len(s.New), maxDocument))
	}
	return err
}
