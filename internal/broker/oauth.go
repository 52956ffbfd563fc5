package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"regexp"
	"strings"

	"o365-kafka-connector/internal/auth"
)

// defaultAuthority is the login host of the commercial cloud.
const defaultAuthority = "https://login.microsoftonline.com"

// OAuth says how the tokens for mechanism oauthbearer are obtained: by an application of Entra ID, as for a tenant, or
// from a file that somebody else keeps fresh.
type OAuth struct {
	TenantID   string            `yaml:"tenant_id"`  // where the application is registered: GUID or domain
	Authority  string            `yaml:"authority"`  // login host; empty: the commercial cloud's
	Resource   string            `yaml:"resource"`   // what the token is for, as https://NAMESPACE.servicebus.windows.net
	Auth       auth.Config       `yaml:"auth"`       // with the keys of a tenant's auth
	Extensions map[string]string `yaml:"extensions"` // sent beside the token (KIP-342), as logicalCluster
	CAFile     string            `yaml:"ca_file"`    // PEM file with authorities to trust at the login host besides the system's
	Proxy      bool              `yaml:"proxy"`      // use the system's proxy settings for the login host
}

// SetDefaults fills in what a configuration may leave out.
func (o *OAuth) SetDefaults() {
	o.Auth.SetDefaults()
	o.Proxy = true
}

// IsZero reports whether nothing was set.
func (o OAuth) IsZero() bool {
	var none OAuth
	none.SetDefaults()
	if len(o.Extensions) == 0 {
		o.Extensions = nil
	}
	return reflect.DeepEqual(o, none) || reflect.DeepEqual(o, OAuth{})
}

// extensionName and extensionValue are what RFC 7628 takes; the token itself is an extension of the name auth.
var (
	extensionName  = regexp.MustCompile(`^[A-Za-z]+$`)
	extensionValue = regexp.MustCompile(`^[\x20-\x7e\t\r\n]+$`)
)

func (o OAuth) validate() error {
	var problems []error
	report := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	switch o.Auth.Method {
	case auth.MethodAuthorizationCode:
		report("sasl.oauth.auth.method: a person's sign-in is for tenants only: use client_secret, certificate or an identity")
		return errors.Join(problems...)
	case auth.MethodClientSecret, auth.MethodCertificate, auth.MethodWorkloadIdentity:
		if o.TenantID == "" {
			report("sasl.oauth.tenant_id: must be the tenant of the application, as a GUID or domain")
		}
	}
	if o.Resource == "" && o.Auth.Method != auth.MethodStatic {
		report("sasl.oauth.resource: must say what the token is for, as https://NAMESPACE.servicebus.windows.net")
	}
	for name, value := range o.Extensions {
		if !extensionName.MatchString(name) || strings.EqualFold(name, "auth") || !extensionValue.MatchString(value) {
			report("sasl.oauth.extensions: %q must have a name of letters other than auth, and a value in ASCII", name)
		}
	}
	return errors.Join(append(problems, beneath("sasl.oauth.auth.", o.Auth.Validate()))...)
}

// beneath puts a prefix before the key that each of joined errors begins with.
func beneath(prefix string, err error) error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error }) //nolint:errorlint // only what errors.Join made is taken apart
	if !ok {
		return fmt.Errorf("%s%w", prefix, err)
	}
	var errs []error
	for _, one := range joined.Unwrap() {
		errs = append(errs, beneath(prefix, one))
	}
	return errors.Join(errs...)
}

// exposed reports whether a token would travel unencrypted to another machine.
func (c Config) exposed() bool {
	if c.SASL.Mechanism != OAuthBearer || c.TLS.Enabled {
		return false
	}
	for _, b := range c.Brokers {
		host, _, _ := net.SplitHostPort(b)
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return true
		}
	}
	return false
}

// tokens returns the source of the tokens. It sends no request.
func (o OAuth) tokens() (*auth.TokenSource, error) {
	authority := o.Authority
	if authority == "" {
		authority = defaultAuthority
	}
	tokens, err := auth.New(o.Auth, auth.Options{
		TenantID: o.TenantID, Authority: authority, Resource: strings.TrimSuffix(o.Resource, "/.default"), Foreign: true,
		Proxy: o.Proxy, CAFile: o.CAFile, Log: slog.Default(),
	})
	if err != nil {
		return nil, fmt.Errorf("kafka.sasl.oauth: %w", err)
	}
	return tokens, nil
}
