package auth

import (
	"errors"
	"fmt"
	"net/url"
)

// delegatedChoices are the keys of method authorization_code. The application proves itself by a secret or, as the
// original integration does, by a certificate; a public client has neither.
func (c Config) delegatedChoices() []choice {
	list := []choice{
		one("client_id"), one("redirect_uri"), perhaps("authorization_code", "authorization_code_file"),
		perhaps("token_store.key", "token_store.key_file"),
	}
	if c.CertificateFile != "" || c.CertificateThumbprint != "" {
		return append(list, c.certificateChoices()...)
	}
	return append(list, perhaps("client_secret", "client_secret_file"), perhaps("client_secret_expires"))
}

// checkSignIn finds what is wrong with the keys of method authorization_code beyond their presence.
func (c Config) checkSignIn() []error {
	var errs []error
	if u, err := url.Parse(c.RedirectURI); c.RedirectURI != "" && (err != nil || u.Scheme == "" || u.Fragment != "") {
		errs = append(errs, fmt.Errorf("redirect_uri: %q is no address: write it as in the app registration, e.g. http://localhost:8400/", c.RedirectURI))
	}
	if c.AuthorizationCode != "" {
		if _, err := parseRedirected(c.AuthorizationCode); err != nil {
			errs = append(errs, fmt.Errorf("authorization_code: %w", err))
		}
	}
	key := c.TokenStore.Key
	switch {
	case key != "":
		if _, err := parseKeyring(key); err != nil {
			errs = append(errs, fmt.Errorf("token_store.key: %w", err))
		}
	case c.TokenStore.KeyFile == "" && c.ClientSecret == "" && c.ClientSecretFile == "":
		errs = append(errs, errors.New("token_store.key_file: must be set where there is no client secret: "+keyAdvice))
	}
	return errs
}
