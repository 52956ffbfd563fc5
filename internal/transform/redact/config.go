package redact

import (
	"errors"
	"fmt"
	"strings"

	"o365-kafka-connector/internal/secret"
)

// What becomes of the sensitive values of DLP records.
const (
	Keep   = "keep"
	Hash   = "hash"
	Remove = "remove"
)

// minKey is how long a key is at least, in bytes: hashes of addresses and names could be tried out with a short one.
const minKey = 16

// Config is the section redact: what is taken out of records before anything is made of them.
type Config struct {
	// Fields are paths, see the package's comment. One that begins with hash: or remove: says what becomes of the field;
	// any other is hashed if there is a key, and else removed.
	Fields  []string      `yaml:"fields"`
	DLP     string        `yaml:"dlp"` // keep, hash or remove the values that DLP rules have found
	Key     secret.String `yaml:"key"` // of the hashes
	KeyFile string        `yaml:"key_file"`
}

// SetDefaults takes nothing out.
func (c *Config) SetDefaults() { c.DLP = Keep }

// Validate returns every problem, each starting with its key.
func (c Config) Validate() error {
	var errs []error
	hashes := c.DLP == Hash
	for i, text := range c.Fields {
		f, err := c.field(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("fields[%d]: %w", i, err))
		}
		hashes = hashes || f.action == actionHash
	}
	switch c.DLP {
	case Keep, Hash, Remove:
	default:
		errs = append(errs, fmt.Errorf("dlp: %q is unknown: use keep, hash or remove", c.DLP))
	}
	switch {
	case c.Key != "" && c.KeyFile != "":
		errs = append(errs, errors.New("key: key_file is set, too: keep one of them"))
	case c.Key != "" && len(c.Key.Reveal()) < minKey:
		errs = append(errs, fmt.Errorf("key: %w", errShortKey))
	case hashes && c.Key == "" && c.KeyFile == "":
		errs = append(errs, errors.New("key: must be set for what is hashed, best as ${NAME}, or use key_file, or remove instead"))
	}
	return errors.Join(errs...)
}

var errShortKey = fmt.Errorf("must have at least %d characters, as those of openssl rand -hex 32", minKey)

// secret returns the key, nothing if none is set.
func (c Config) secret() ([]byte, error) {
	key, err := secret.NewSource("redact.key", c.Key, c.KeyFile).Reveal()
	if err == nil && c.KeyFile != "" && len(key) < minKey {
		err = fmt.Errorf("redact.key_file: the key %w", errShortKey)
	}
	return []byte(key), err
}

// field is an entry of Config.Fields.
type field struct {
	action   action
	anywhere bool
	path     []string // folded
}

func (c Config) field(text string) (f field, err error) {
	path := strings.TrimSpace(text)
	f.action = actionRemove
	if c.Key != "" || c.KeyFile != "" {
		f.action = actionHash
	}
	for prefix, a := range map[string]action{"hash:": actionHash, "remove:": actionRemove} {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			path, f.action = strings.TrimSpace(rest), a
			break
		}
	}
	path, f.anywhere = strings.CutPrefix(path, "**.")
	f.path, err = splitPath(path)
	if err == nil && f.anywhere && len(f.path) > 1 {
		err = errors.New("behind **. stands one name: a field of that name is meant, wherever it is")
	}
	if err != nil {
		return field{}, fmt.Errorf("%q: %w", text, err)
	}
	return f, nil
}

// splitPath cuts a path at its dots, but not at those behind a backslash.
func splitPath(path string) ([]string, error) {
	var names []string
	var name []byte
	for i := 0; i <= len(path); i++ {
		switch {
		case i == len(path) || path[i] == '.':
			folded := string(appendFolded(nil, name))
			if strings.TrimSpace(folded) == "" {
				return nil, errors.New("a name is missing: write a field, as UserId, or a path, as Actor.ID")
			}
			names, name = append(names, folded), nil
		case path[i] == '\\' && i+1 < len(path):
			i++
			name = append(name, path[i])
		default:
			name = append(name, path[i])
		}
	}
	return names, nil
}
