package auth

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/secret"
)

// maxFile is more than any file of keys, certificates or tokens holds.
const maxFile = 1 << 20

// readFile reads the file that a key of the section auth names.
func readFile(key, name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read auth.%s: %w", key, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read auth.%s: %w", key, err)
	case len(bytes.TrimSpace(data)) == 0:
		return nil, fmt.Errorf("read auth.%s: %s is empty", key, name)
	case len(data) > maxFile:
		return nil, fmt.Errorf("read auth.%s: %s holds more than 1 MiB: it is another file", key, name)
	}
	return data, nil
}

// certificate is the application's certificate, or its thumbprint, with the private key. Files are read for each token,
// so that a new certificate counts without a restart.
type certificate struct {
	file       string
	thumbprint []byte // instead of the file
	password   secret.Source
	key        secret.Source
	log        *slog.Logger

	mu     sync.Mutex        // guards the following
	read   [sha256.Size]byte // of what loaded was made of
	loaded *identity
	bad    bool // the files cannot be used, and loaded is of the time before
}

func newCertificate(c Config, log *slog.Logger) (*certificate, error) {
	made := &certificate{
		file:     c.CertificateFile,
		password: secret.NewSource("auth.certificate_password", c.CertificatePassword, c.CertificatePasswordFile),
		key:      secret.NewSource("auth.private_key", c.PrivateKey, c.PrivateKeyFile),
		log:      log,
	}
	if c.CertificateThumbprint != "" {
		var err error
		made.thumbprint, err = parseThumbprint(c.CertificateThumbprint)
		if err != nil {
			return nil, fmt.Errorf("certificate_thumbprint: %w", err)
		}
	}
	return made, nil
}

func (c *certificate) issuer(e *entra) issuer {
	return func(ctx context.Context) (token, error) {
		id, err := c.identity()
		if err != nil {
			return token{}, unreadable(err)
		}
		return e.assert(ctx, func(now time.Time) (string, error) { return id.sign(e.clientID, e.endpoint(), now) })
	}
}

// identity returns what the files hold now. While they cannot be used, as in the midst of a rotation, what they held
// before still counts.
func (c *certificate) identity() (*identity, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh, err := c.load()
	switch {
	case err == nil:
		if c.loaded != nil && c.loaded != fresh {
			c.log.Info("certificate has changed: the new one counts from now on", "file", c.file, "expires", fresh.expires())
		}
		c.loaded, c.bad = fresh, false
	case c.loaded == nil:
		return nil, err
	case !c.bad:
		c.bad = true
		c.log.Warn("certificate cannot be used: the one before still counts", "error", err)
	}
	return c.loaded, nil
}

// load is called with mu held.
func (c *certificate) load() (*identity, error) {
	var data []byte
	if c.file != "" {
		var err error
		if data, err = readFile("certificate_file", c.file); err != nil {
			return nil, err
		}
	}
	password, err := c.password.Reveal()
	if err != nil {
		return nil, err
	}
	keyText, err := c.key.Reveal()
	if err != nil {
		return nil, err
	}
	read := sha256.Sum256(fmt.Appendf(nil, "%d/%d/%s%s%s", len(data), len(password), data, password, keyText))
	if c.loaded != nil && read == c.read {
		return c.loaded, nil
	}
	made, err := c.parse(data, password, keyText)
	if err == nil {
		c.read = read
	}
	return made, err
}

func (c *certificate) parse(data []byte, password, keyText string) (*identity, error) {
	var key *rsa.PrivateKey
	if keyText != "" {
		var err error
		if key, err = parsePrivateKey(keyText, password); err != nil {
			return nil, fmt.Errorf("read auth.private_key: %w", err)
		}
	}
	if c.file == "" {
		return &identity{key: key, thumbprint: c.thumbprint}, nil
	}
	id, err := parseIdentity(data, password, key)
	if err != nil {
		return nil, fmt.Errorf("read auth.certificate_file %s: %w", c.file, err)
	}
	return id, nil
}

// expires is the end of the certificate's validity; zero if it is not there.
func (id *identity) expires() time.Time {
	if len(id.chain) == 0 {
		return time.Time{}
	}
	return id.chain[0].NotAfter.UTC()
}

// credential tells when the certificate in use ends.
func (c *certificate) credential() audit.Credential {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loaded == nil {
		return audit.Credential{}
	}
	return audit.Credential{
		Kind: "certificate", Expires: c.loaded.expires(),
		Hint: "add a new certificate to the app registration, then put it with its key into auth.certificate_file; no restart is needed",
	}
}
