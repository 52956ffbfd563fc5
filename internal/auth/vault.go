package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/secret"
)

// Documents keeps what all instances share of a tenant's sign-in, encrypted. Calls may be repeated and concurrent.
type Documents interface {
	// Document returns what is stored; empty if nothing is.
	Document(ctx context.Context, tenant, kind string) ([]byte, error)
	// SwapDocument changes a document if it is what the change expects, and reports whether it is now as wanted. An error
	// leaves open whether it was changed.
	SwapDocument(ctx context.Context, s audit.DocumentSwap) (bool, error)
}

// The kinds of documents.
const (
	kindSignIn = "signin"      // the sign-in with its tokens
	kindBegun  = "login"       // sign-ins that were begun: state and verifier
	kindTurn   = "signin-turn" // who talks to the login host at the moment
)

// DocumentKinds are the kinds of documents that are kept of a tenant.
func DocumentKinds() []string { return []string{kindSignIn, kindBegun, kindTurn} }

// keeping says how long a document is kept; for good if it is not here.
var keeping = map[string]time.Duration{kindBegun: begunLife}

// vault keeps a tenant's documents encrypted.
type vault struct {
	documents Documents
	tenant    string // GUID
	keys      func() (keyring, error)
	left      *leftTurns
}

func newVault(c Config, o Options, clientSecret secret.Source) vault {
	v := vault{documents: o.Documents, tenant: strings.ToLower(o.TenantID), left: &leftTurns{}}
	store := secret.NewSource("auth.token_store.key", c.TokenStore.Key, c.TokenStore.KeyFile)
	if store.Set() {
		v.keys = func() (keyring, error) { return readKeyring(store) }
		return v
	}
	derived := &derivedKeys{clientSecret: clientSecret, tenant: v.tenant, clientID: c.ClientID}
	v.keys = derived.ring
	return v
}

// readKeyring reads the keys anew, so that a changed file counts.
func readKeyring(from secret.Source) (keyring, error) {
	text, err := from.Reveal()
	if err != nil {
		return keyring{}, noKey{err}
	}
	ring, err := parseKeyring(secret.String(text))
	if err != nil {
		return keyring{}, noKey{fmt.Errorf("read auth.token_store.key: %w", err)}
	}
	return ring, nil
}

// derivedKeys makes the key of the client secret. When that changes while the process runs, the old key still opens what
// it has sealed.
type derivedKeys struct {
	clientSecret     secret.Source
	tenant, clientID string

	mu   sync.Mutex // guards the following
	ever keyring    // the newest first
}

func (d *derivedKeys) ring() (keyring, error) {
	value, err := d.clientSecret.Reveal()
	if err != nil {
		return keyring{}, noKey{err}
	}
	ring, err := deriveKeyring(secret.String(value), d.tenant, d.clientID)
	if err != nil {
		return keyring{}, noKey{err}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.ever.keys) == 0 || d.ever.keys[0].id != ring.keys[0].id {
		ring.keys = append(ring.keys, d.ever.keys...)
		d.ever = ring
	}
	return d.ever, nil
}

// noKey is a key that cannot be had.
type noKey struct{ error }

// Unwrap returns the reason.
func (n noKey) Unwrap() error { return n.error }

// unlocked reports whether there is no key to encrypt with.
func unlocked(err error) bool {
	_, ok := errors.AsType[noKey](err)
	return ok
}

// ring returns the keys; an error is a fault.
func (v vault) ring() (keyring, error) {
	if v.documents == nil {
		return keyring{}, errNoDocuments
	}
	ring, err := v.keys()
	if err != nil {
		return ring, &audit.Fault{
			Cause: audit.CauseCredentials, Scope: audit.OfTenant, Err: err,
			Hint: "put one key of 32 bytes in base64 on each line of auth.token_store.key_file, and make it readable for the connector",
		}
	}
	return ring, nil
}

// load reads a document, and returns it as it is stored, too; empty if there is none. What an old key has sealed is
// sealed anew.
func (v vault) load(ctx context.Context, kind string, into any) (stored []byte, err error) {
	if v.documents == nil {
		return nil, errNoDocuments
	}
	stored, err = v.documents.Document(ctx, v.tenant, kind)
	if err != nil || len(stored) == 0 {
		return nil, err
	}
	ring, err := v.ring()
	if err != nil {
		return stored, err
	}
	plain, newest, err := ring.open(stored, v.name(kind))
	if err != nil {
		return stored, err
	}
	if json.Unmarshal(plain, into) != nil {
		return stored, errSealed // of another version: as good as unreadable
	}
	if newest {
		return stored, nil
	}
	anew := ring.seal(plain, v.name(kind))
	swapped, err := v.documents.SwapDocument(ctx, audit.DocumentSwap{
		Tenant: v.tenant, Kind: kind, Old: stored, New: anew, Keep: keeping[kind],
	})
	if err == nil && swapped {
		stored = anew
	}
	return stored, nil // else the next one to read it tries again
}

// change is a document that takes the place of what was stored.
type change struct {
	over     []byte
	document any
}

// swap encrypts a document and stores it, and reports whether what it takes the place of was still there.
func (v vault) swap(ctx context.Context, kind string, c change) (bool, error) {
	ring, err := v.ring()
	if err != nil {
		return false, err
	}
	plain, err := json.Marshal(c.document)
	if err != nil {
		return false, fmt.Errorf("encode %s: %w", kind, err)
	}
	return v.documents.SwapDocument(ctx, audit.DocumentSwap{
		Tenant: v.tenant, Kind: kind, Old: c.over, New: ring.seal(plain, v.name(kind)), Keep: keeping[kind],
	})
}

// name binds a document to its place: it does not open elsewhere.
func (v vault) name(kind string) string { return v.tenant + "/" + kind }

var errNoDocuments = errors.New("there is no store for sign-ins yet")
