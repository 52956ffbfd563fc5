package redact

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// hashPrefix begins every hash, hashSize is how many bytes of the HMAC follow, in hexadecimal.
const (
	hashPrefix = "hmac-sha256:"
	hashSize   = 16
)

// mac hashes values with the key.
type mac struct {
	h   hash.Hash
	sum [sha256.Size]byte
}

func newMAC(key []byte) *mac { return &mac{h: hmac.New(sha256.New, key)} }

func (m *mac) appendTo(dst, value []byte) []byte {
	m.h.Reset()
	_, _ = m.h.Write(value) // cannot fail
	sum := m.h.Sum(m.sum[:0])
	return hex.AppendEncode(append(dst, hashPrefix...), sum[:hashSize])
}

// isHash reports whether a value is what appendTo appends.
func isHash(value []byte) bool {
	digits, ok := bytes.CutPrefix(value, []byte(hashPrefix))
	if !ok || len(digits) != hex.EncodedLen(hashSize) {
		return false
	}
	for _, c := range digits {
		if c-'0' > 9 && c-'a' > 5 {
			return false
		}
	}
	return true
}
