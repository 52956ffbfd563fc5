package audit

import (
	"crypto/sha256"
	"time"
)

// Identity names a record wherever it turns up: Microsoft delivers the same one in several blobs. The zero value stands
// for a record without Id, which has none.
type Identity struct {
	Hash [12]byte // the first 96 bits of the SHA-256 of the record's Id
	Hour uint32   // of its CreationTime, in hours since 1970; 0 if unknown
}

// IdentityOf returns the record's identity.
func IdentityOf(r *Record) Identity {
	id := r.Text(FieldID)
	if len(id) == 0 {
		return Identity{}
	}
	sum := sha256.Sum256(id)
	i := Identity{Hash: [12]byte(sum[:12])}
	if hours := r.Created.Unix() / int64(time.Hour/time.Second); hours > 0 {
		i.Hour = uint32(hours) //nolint:gosec // years have four digits at most
	}
	return i
}

// IsZero reports whether there is no identity.
func (i Identity) IsZero() bool { return i == Identity{} }

// Claim says which record of which blob is about to be published.
type Claim struct {
	Record  Identity
	Blob    Hash
	Ordinal int // of the record in its blob
}

// Claims are those of one commit, or a part of them. Nobody else commits under the same epoch.
type Claims struct {
	Epoch int64
	Time  time.Time // of the commit's entry: whoever finds the blob marked with it knows that this commit took place
	List  []Claim
}

// Verdict is what becomes of a claimed record.
type Verdict byte

// The verdicts.
const (
	Publish   Verdict = iota // nobody else has published it
	Undecided                // another blob holds it that is not known to be done: it is published, perhaps twice
	Duplicate                // it stands in this commit already, or a blob that is done has published it
)
