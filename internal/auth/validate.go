package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// choice is a set of keys of which a configuration may have one.
type choice struct {
	keys   []string
	needed bool // exactly one
}

func one(keys ...string) choice     { return choice{keys, true} }
func perhaps(keys ...string) choice { return choice{keys, false} }

// choices tells which keys a method has a use for. It has none for the others.
func (c Config) choices() ([]choice, bool) {
	switch c.Method {
	case MethodClientSecret:
		return []choice{
			one("client_id"), one("client_secret", "client_secret_file"), perhaps("client_secret_expires"),
			perhaps("redirect_uri"), // where generate-login-url leads to
		}, true
	case MethodCertificate:
		return append(c.certificateChoices(), one("client_id"), perhaps("redirect_uri")), true
	case MethodManagedIdentity:
		return []choice{perhaps("managed_identity_client_id", "managed_identity_object_id", "managed_identity_resource_id")}, true
	case MethodWorkloadIdentity:
		return []choice{one("client_id"), one("federated_token_file"), perhaps("redirect_uri")}, true
	case MethodAuthorizationCode:
		return c.delegatedChoices(), true
	case MethodStatic:
		return []choice{one("token", "token_file")}, true
	}
	return nil, false
}

// certificateChoices are those of a certificate with its key, or of a key with the certificate's thumbprint.
func (c Config) certificateChoices() []choice {
	key := []string{"private_key", "private_key_file"} // of a certificate that stands alone in its file
	password := perhaps("certificate_password", "certificate_password_file")
	if c.CertificateThumbprint != "" && c.CertificateFile == "" {
		return []choice{one("certificate_thumbprint"), one(key...), password}
	}
	return []choice{one("certificate_file", "certificate_thumbprint"), perhaps(key...), password}
}

// methods are those that there are.
var methods = []string{MethodClientSecret, MethodCertificate, MethodManagedIdentity, MethodWorkloadIdentity, MethodAuthorizationCode, MethodStatic}

// Validate reports every problem, each with the key it is about.
func (c Config) Validate() error {
	c = c.fromEnvironment()
	choices, ok := c.choices()
	if !ok {
		return fmt.Errorf("method: %q is none: name the one to use, nothing is guessed or tried in turn: %s", c.Method, alternatives(methods))
	}
	set := map[string]bool{}
	for _, f := range c.fields() {
		set[f.key] = f.value != ""
	}
	var errs []error
	useful := map[string]bool{}
	for _, one := range choices {
		for _, key := range one.keys {
			useful[key] = true
		}
		errs = append(errs, one.check(set, c.Method))
	}
	for _, f := range c.fields() {
		if set[f.key] && !useful[f.key] {
			errs = append(errs, fmt.Errorf("%s: means nothing to method %s; leave it out or change the method", f.key, c.Method))
		}
	}
	if _, err := c.clientSecretEnd(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(append(errs, c.checkValues()...)...)
}

// checkValues looks at what stands in the configuration itself. Files are read when they are needed.
func (c Config) checkValues() []error {
	var errs []error
	switch c.Method {
	case MethodCertificate:
	case MethodAuthorizationCode:
		return c.checkSignIn()
	default:
		return nil
	}
	if c.CertificateThumbprint != "" {
		if _, err := parseThumbprint(c.CertificateThumbprint); err != nil {
			errs = append(errs, fmt.Errorf("certificate_thumbprint: %w", err))
		}
	}
	if c.PrivateKey != "" && c.CertificatePasswordFile == "" {
		if _, err := parsePrivateKey(c.PrivateKey.Reveal(), c.CertificatePassword.Reveal()); err != nil {
			errs = append(errs, fmt.Errorf("private_key: %w", err))
		}
	}
	return errs
}

func (c choice) check(set map[string]bool, method string) error {
	given := slices.DeleteFunc(slices.Clone(c.keys), func(key string) bool { return !set[key] })
	switch {
	case len(given) > 1:
		return fmt.Errorf("%s: stands beside %s: keep one of them", given[0], given[1])
	case len(given) == 0 && c.needed && len(c.keys) > 1:
		return fmt.Errorf("%s: must be set for method %s, or %s", c.keys[0], method, alternatives(c.keys[1:]))
	case len(given) == 0 && c.needed:
		return fmt.Errorf("%s: must be set for method %s", c.keys[0], method)
	}
	return nil
}

// alternatives writes a, b or c.
func alternatives(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
