package auth

import (
	"errors"
	"fmt"

	"o365-kafka-connector/internal/secret"
)

// The methods that exist.
const (
	// MethodClientSecret asks Entra ID for a token with the application's id and secret.
	MethodClientSecret = "client_secret"
	// MethodStatic sends a token that somebody else obtained. It cannot be renewed: for tests.
	MethodStatic = "static"
)

// Config says how a tenant's access token is obtained.
type Config struct {
	Method                  string        `yaml:"method"`
	ClientID                string        `yaml:"client_id"`
	ClientSecret            secret.String `yaml:"client_secret"`
	CertificateFile         string        `yaml:"certificate_file"`
	CertificateThumbprint   string        `yaml:"certificate_thumbprint"`
	PrivateKey              secret.String `yaml:"private_key"`
	PrivateKeyFile          string        `yaml:"private_key_file"`
	RedirectURI             string        `yaml:"redirect_uri"`
	AuthorizationCode       secret.String `yaml:"authorization_code"`
	ManagedIdentityClientID string        `yaml:"managed_identity_client_id"`
	Token                   secret.String `yaml:"token"`
}

// SetDefaults fills in what a configuration may leave out.
func (c *Config) SetDefaults() { c.Method = MethodClientSecret }

// Validate reports every problem, each with the key it is about.
func (c Config) Validate() error {
	needs, ok := needed[c.Method]
	if !ok {
		return fmt.Errorf("method: %q does not exist yet; use %s or %s", c.Method, MethodClientSecret, MethodStatic)
	}
	var errs []error
	for _, f := range c.fields() {
		switch {
		case needs[f.key] && f.value == "":
			errs = append(errs, fmt.Errorf("%s: must be set for method %s", f.key, c.Method))
		case !needs[f.key] && !optional[c.Method][f.key] && f.value != "":
			errs = append(errs, fmt.Errorf("%s: means nothing to method %s; leave it out or change the method", f.key, c.Method))
		}
	}
	return errors.Join(errs...)
}

// needed tells which keys a method needs; it has no use for the others.
var needed = map[string]map[string]bool{
	MethodClientSecret: {"client_id": true, "client_secret": true},
	MethodStatic:       {"token": true},
}

// optional tells which keys a method may have besides.
var optional = map[string]map[string]bool{
	MethodClientSecret: {"redirect_uri": true}, // where generate-login-url leads to
}

type field struct{ key, value string }

func (c Config) fields() []field {
	return []field{
		{"client_id", c.ClientID},
		{"client_secret", c.ClientSecret.Reveal()},
		{"certificate_file", c.CertificateFile},
		{"certificate_thumbprint", c.CertificateThumbprint},
		{"private_key", c.PrivateKey.Reveal()},
		{"private_key_file", c.PrivateKeyFile},
		{"redirect_uri", c.RedirectURI},
		{"authorization_code", c.AuthorizationCode.Reveal()},
		{"managed_identity_client_id", c.ManagedIdentityClientID},
		{"token", c.Token.Reveal()},
	}
}
