package control

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"sync"

	"o365-kafka-connector/internal/secret"
)

const minKey = 16 // bytes

// Signer proves who a command is from by an HMAC-SHA-256 over its value. The nil signer signs nothing and accepts
// everything.
type Signer struct {
	source secret.Source

	mu    sync.Mutex // guards the following
	key   []byte     // the last one that was long enough
	short bool       // the file holds one that is not
}

// NewSigner reads the key from a file, without the line end that editors leave; an empty name is the nil signer. A key
// that changes counts from the next command on.
func NewSigner(file string) (*Signer, error) {
	if file == "" {
		return nil, nil
	}
	s := &Signer{source: secret.NewSource("hmac_key", "", file)}
	key, err := s.source.Reveal()
	if err != nil {
		return nil, err
	}
	if len(key) < minKey {
		return nil, fmt.Errorf("read hmac_key_file: the key in %s has %d bytes, at least %d are needed, e.g. openssl rand -hex 32", file, len(key), minKey)
	}
	s.key = []byte(key)
	return s, nil
}

// current returns the key as it is now. One that is too short to be meant leaves the last one in force.
func (s *Signer) current() []byte {
	key, err := s.source.Reveal()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
	case len(key) >= minKey:
		s.key, s.short = []byte(key), false
	case !s.short:
		s.short = true
		slog.Warn("key of commands is too short: the last one still counts", slog.Int("bytes", len(key)), slog.Int("needed", minKey))
	}
	return s.key
}

// Sign returns the content of the header signature, in hexadecimal; it is empty for the nil signer.
func (s *Signer) Sign(value []byte) string {
	if s == nil {
		return ""
	}
	return hex.EncodeToString(s.sum(value))
}

func (s *Signer) sum(value []byte) []byte {
	mac := hmac.New(sha256.New, s.current())
	mac.Write(value)
	return mac.Sum(nil)
}

// Verify refuses a value whose signature is missing or wrong.
func (s *Signer) Verify(value []byte, signature string) error {
	if s == nil {
		return nil
	}
	if signature == "" {
		return refused("unsigned", "the command is not signed", "add the header signature: HMAC-SHA-256 of the value in hexadecimal, by the key of control.hmac_key_file")
	}
	got, err := hex.DecodeString(signature)
	if err != nil || !hmac.Equal(got, s.sum(value)) {
		return refused("bad_signature", "the command's signature is wrong", "sign exactly the bytes that are sent, with the key of control.hmac_key_file")
	}
	return nil
}

func refused(code, message, hint string) error {
	return &Refusal{Outcome: OutcomeRefused, Code: code, Message: message, Hint: hint}
}
