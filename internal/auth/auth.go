package auth

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azcloud "github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"o365-kafka-connector/internal/secret"
)

// Options says for which tenant a token is, who issues it and how the issuer is reached.
type Options struct {
	TenantID  string // GUID or domain
	Authority string // login host with its scheme, as https://login.microsoftonline.com
	Resource  string // what the token is for: the base URL of the API, as https://manage.office.com
	Proxy     bool   // use the system's proxy settings
	Insecure  bool   // trust any certificate, and plain http to any host
	CAFile    string // PEM file with authorities to trust besides the system's
}

// New returns the source of a tenant's tokens. It sends no request.
func New(c Config, o Options) (*TokenSource, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Method == MethodStatic {
		return staticSource(secret.NewSource("auth.token", c.Token, c.TokenFile)), nil
	}
	authority, plain, err := parseAuthority(o)
	if err != nil {
		return nil, err
	}
	client, err := newHTTPClient(o, plain)
	if err != nil {
		return nil, err
	}
	issue := clientSecret(c, o, azcore.ClientOptions{
		Cloud:     azcloud.Configuration{ActiveDirectoryAuthorityHost: authority},
		Retry:     policy.RetryOptions{MaxRetries: -1}, // the caller decides when to try again
		Telemetry: policy.TelemetryOptions{Disabled: true},
		Transport: client,
	})
	s := newTokenSource(issue)
	s.expiring = append(s.expiring, c.secretCredential)
	return s, nil
}

// clientSecret makes a new credential for each token: one that is used again answers from its own cache, also after
// the API refused the token.
func clientSecret(c Config, o Options, client azcore.ClientOptions) issuer {
	authority := strings.TrimRight(o.Authority, "/")
	where := secret.NewSource("auth.client_secret", c.ClientSecret, c.ClientSecretFile)
	return func(ctx context.Context) (token, error) {
		value, err := where.Reveal()
		if err != nil {
			return token{}, unreadable(err)
		}
		credential, err := azidentity.NewClientSecretCredential(o.TenantID, c.ClientID, value,
			&azidentity.ClientSecretCredentialOptions{
				ClientOptions: client,
				// The authority comes from the operator or the table of clouds. Asking the commercial cloud whether
				// it is known would fail for private ones and tell a foreign cloud about sovereign ones.
				DisableInstanceDiscovery: true,
			})
		if err != nil {
			return token{}, refusal{authority, value}.fault(err)
		}
		t, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope(o.Resource)}})
		if err != nil {
			return token{}, refusal{authority, value}.fault(err)
		}
		return token{value: t.Token, expires: t.ExpiresOn}, nil
	}
}

// scope is the v2 scope that stands for all of the application's permissions on the resource.
func scope(resource string) string { return strings.TrimRight(resource, "/") + "/.default" }

// parseAuthority checks the authority and returns it as https, the only scheme that azidentity accepts, and whether
// it is plain http in truth.
func parseAuthority(o Options) (authority string, plain bool, err error) {
	u, err := url.Parse(strings.TrimRight(o.Authority, "/"))
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || u.RawQuery != "" || u.Path != "" {
		return "", false, fmt.Errorf("authority %q is no login host: write scheme and host, as https://login.microsoftonline.com", o.Authority)
	}
	plain = u.Scheme == "http"
	if plain && !o.Insecure && !loopback(u.Hostname()) {
		return "", false, fmt.Errorf("authority %s would send the client secret unencrypted: use https, or set source.insecure for a test", o.Authority)
	}
	u.Scheme = "https"
	return u.String(), plain, nil
}
