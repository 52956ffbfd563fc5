package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// Blob is a content blob as a listing returns it. Only ID is trusted; URI is checked by whoever fetches it.
type Blob struct {
	ID      string
	URI     string
	Created time.Time // contentCreated: when the blob became available
	Listed  string    // contentCreated as it was listed
	Expires time.Time // contentExpiration; zero if it was missing or unreadable
}

// Lifetime is how long Microsoft keeps a blob whose listing does not say when it expires.
const Lifetime = 7 * 24 * time.Hour

// Expired reports whether the blob is past its contentExpiration. One of which neither that nor contentCreated is known
// may still be there.
func (b Blob) Expired(now time.Time) bool {
	end := b.Expires
	if end.IsZero() && !b.Created.IsZero() {
		end = b.Created.Add(Lifetime)
	}
	return !end.IsZero() && !now.Before(end)
}

// Hash identifies the blob in the ledger.
func (b Blob) Hash() Hash { return HashOf(b.ID) }

// Hash is the first 80 bits of the SHA-256 of a content id.
type Hash [10]byte

// HashOf hashes a content id.
func HashOf(contentID string) Hash {
	sum := sha256.Sum256([]byte(contentID))
	return Hash(sum[:10])
}

// String returns the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes the hash in hexadecimal.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (h *Hash) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(h) {
		return fmt.Errorf("read blob hash: %d characters, want %d", len(text), hex.EncodedLen(len(h)))
	}
	if _, err := hex.Decode(h[:], text); err != nil {
		return fmt.Errorf("read blob hash: %w", err)
	}
	return nil
}
