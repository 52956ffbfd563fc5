package daemon

import (
	"context"
	"sync"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/checkpoint"
)

// Documents keeps the sign-ins of tenants in the store that a configuration describes. It opens the store when a sign-in
// is asked for: most tenants have none. Calls may be concurrent.
type Documents struct {
	config checkpoint.Config

	mu    sync.Mutex // guards the following
	store checkpoint.DocumentStore
}

// NewDocuments returns the documents of a store. It opens nothing.
func NewDocuments(c checkpoint.Config) *Documents { return &Documents{config: c} }

func (d *Documents) open() (checkpoint.DocumentStore, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.store == nil {
		store, err := checkpoint.OpenDocuments(d.config)
		if err != nil {
			return nil, err
		}
		d.store = store
	}
	return d.store, nil
}

// Document returns what is stored; empty if nothing is.
func (d *Documents) Document(ctx context.Context, tenant, kind string) ([]byte, error) {
	store, err := d.open()
	if err != nil {
		return nil, err
	}
	return store.Document(ctx, tenant, kind)
}

// SwapDocument changes a document if it is what the change expects.
func (d *Documents) SwapDocument(ctx context.Context, s audit.DocumentSwap) (bool, error) {
	store, err := d.open()
	if err != nil {
		return false, err
	}
	return store.SwapDocument(ctx, s)
}

// Close gives connections back.
func (d *Documents) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.store == nil {
		return nil
	}
	store := d.store
	d.store = nil
	return store.Close()
}
