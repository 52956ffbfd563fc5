package auth

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"o365-kafka-connector/internal/secret"
)

// defaultTimeout bounds a round trip if the options do not.
const defaultTimeout = 15 * time.Second

// Options says for which tenant a token is, who issues it and how the issuer is reached.
type Options struct {
	TenantID     string   // GUID or domain
	Authority    string   // login host with its scheme, as https://login.microsoftonline.com
	Resource     string   // what the token is for: the base URL of the API, as https://manage.office.com
	ContentTypes []string // what will be read with it; empty: not known yet
	Foreign      bool     // it is for somebody else's API, so that what it says of itself is not looked at

	Timeout  time.Duration // of one round trip; 0: 15 s
	Proxy    bool          // use the system's proxy settings, but never for a managed identity
	Insecure bool          // trust any certificate, and plain http to any host
	CAFile   string        // PEM file with authorities to trust besides the system's

	Documents Documents    // keep the sign-in of method authorization_code; it needs them
	Log       *slog.Logger // nil: discards
}

var discard = slog.New(slog.DiscardHandler)

// New returns the source of a tenant's tokens. It sends no request and reads no credential.
func New(c Config, o Options) (*TokenSource, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.fromEnvironment()
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Log == nil {
		o.Log = discard
	}
	made, err := c.source(o)
	if err != nil {
		return nil, err
	}
	made.within = 2 * o.Timeout
	made.demands = &demands{
		tenant: o.TenantID, resource: o.Resource, contentTypes: o.ContentTypes, foreign: o.Foreign, log: o.Log,
		hintGrant: hintGrant, hintSame: hintSame,
	}
	switch c.Method {
	case MethodStatic:
		made.demands.hintSame = hintSameStatic
	case MethodAuthorizationCode:
		made.demands.hintGrant = hintGrantDelegated
	}
	return made, nil
}

// source makes the source of the method.
func (c Config) source(o Options) (*TokenSource, error) {
	switch c.Method {
	case MethodStatic:
		return newTokenSource(static(secret.NewSource("auth.token", c.Token, c.TokenFile))), nil
	case MethodManagedIdentity:
		issue, err := managedIdentity(c, o)
		return newTokenSource(issue), err
	case MethodAuthorizationCode:
		d, err := NewDelegated(c, o)
		if err != nil {
			return nil, err
		}
		return d.source(), nil
	}
	entra, err := newEntra(c.ClientID, o)
	if err != nil {
		return nil, err
	}
	switch c.Method {
	case MethodCertificate:
		certificate, err := newCertificate(c, o.Log)
		if err != nil {
			return nil, err
		}
		made := newTokenSource(certificate.issuer(entra))
		made.expiring = append(made.expiring, certificate.credential)
		return made, nil
	case MethodWorkloadIdentity:
		return newTokenSource(federated(entra, c.FederatedTokenFile)), nil
	default:
		made := newTokenSource(clientSecret(entra, secret.NewSource("auth.client_secret", c.ClientSecret, c.ClientSecretFile)))
		made.expiring = append(made.expiring, c.secretCredential)
		return made, nil
	}
}

// parseAuthority checks the authority and returns it as https, the only scheme that azidentity accepts, and whether
// it is plain http in truth.
func parseAuthority(o Options) (authority string, plain bool, err error) {
	u, err := url.Parse(strings.TrimRight(o.Authority, "/"))
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || u.RawQuery != "" || u.Path != "" {
		return "", false, fmt.Errorf("authority %q is no login host: write scheme and host, as https://login.microsoftonline.com", o.Authority)
	}
	plain = u.Scheme == "http"
	if plain && !o.Insecure && !loopback(u.Hostname()) {
		return "", false, fmt.Errorf("authority %s would send credentials and tokens unencrypted: use https, or set source.insecure for a test", o.Authority)
	}
	u.Scheme = "https"
	return u.String(), plain, nil
}
