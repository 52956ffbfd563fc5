package auth

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"o365-kafka-connector/internal/secret"
)

const (
	keySize   = 32 // AES-256
	keyIDSize = 8
	// sealedMark begins everything that is sealed in this form: mark, key id, nonce, and what AES-256-GCM makes.
	sealedMark = "o365-1:"
)

// errSealed means that something was sealed with none of the keys, or changed since.
var errSealed = errors.New("it was encrypted with another key, or changed")

// keyring encrypts what is stored with its first key, and decrypts with any.
type keyring struct {
	keys []sealingKey
}

// sealingKey is a key that is ready for use.
type sealingKey struct {
	id   [keyIDSize]byte
	aead cipher.AEAD
}

const keyAdvice = "make one with openssl rand -base64 32"

// parseKeyring reads one key or several, separated by white space or commas: each is 32 bytes in base64 or hex. The
// first is for new documents; older ones behind it still open what was sealed with them.
func parseKeyring(text secret.String) (keyring, error) {
	var ring keyring
	words := strings.FieldsFunc(text.Reveal(), func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
	for i, word := range words {
		raw := decodeSealingKey(word)
		if len(raw) != keySize {
			return keyring{}, fmt.Errorf("key %d of %d is not 32 bytes in base64 or hex: %s", i+1, len(words), keyAdvice)
		}
		if err := ring.add(raw); err != nil {
			return keyring{}, err
		}
	}
	if len(ring.keys) == 0 {
		return keyring{}, errors.New("it holds no key: " + keyAdvice)
	}
	return ring, nil
}

func decodeSealingKey(word string) []byte {
	if raw, err := hex.DecodeString(word); err == nil && len(raw) == keySize {
		return raw
	}
	word = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(word), "=")
	raw, err := base64.RawStdEncoding.DecodeString(word)
	if err != nil {
		return nil
	}
	return raw
}

// deriveKeyring makes a key of the application's secret, which is as random, for deployments that have no other.
func deriveKeyring(clientSecret secret.String, tenantID, clientID string) (keyring, error) {
	raw, err := hkdf.Key(sha256.New, []byte(clientSecret.Reveal()), []byte(tenantID), "token store of "+clientID, keySize)
	if err != nil {
		return keyring{}, fmt.Errorf("derive key: %w", err)
	}
	var ring keyring
	return ring, ring.add(raw)
}

func (k *keyring) add(raw []byte) error {
	block, err := aes.NewCipher(raw)
	if err != nil {
		return fmt.Errorf("use key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return fmt.Errorf("use key: %w", err)
	}
	sum := sha256.Sum256(append([]byte("key id "), raw...))
	k.keys = append(k.keys, sealingKey{id: [keyIDSize]byte(sum[:keyIDSize]), aead: aead})
	return nil
}

// seal encrypts a document with the first key. It opens under the same name only.
func (k keyring) seal(plain []byte, name string) []byte {
	key := k.keys[0]
	out := append([]byte(sealedMark), key.id[:]...)
	nonce := make([]byte, key.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return key.aead.Seal(append(out, nonce...), nonce, plain, []byte(name))
}

// open decrypts a document, and tells whether it was sealed with the first key. Its error is errSealed.
func (k keyring) open(sealed []byte, name string) (plain []byte, newest bool, err error) {
	rest, ok := bytes.CutPrefix(sealed, []byte(sealedMark))
	if !ok || len(rest) < keyIDSize {
		return nil, false, errSealed
	}
	for i, key := range k.keys {
		size := key.aead.NonceSize()
		if !bytes.Equal(rest[:keyIDSize], key.id[:]) || len(rest) < keyIDSize+size {
			continue
		}
		body := rest[keyIDSize:]
		plain, err := key.aead.Open(nil, body[:size], body[size:], []byte(name))
		if err == nil {
			return plain, i == 0, nil
		}
	}
	return nil, false, errSealed
}
