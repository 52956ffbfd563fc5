package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

const (
	// metadataHost is where each Azure virtual machine finds the service that describes it.
	metadataHost = "169.254.169.254"
	// metadataVariable moves that service, for clusters that answer in its place.
	metadataVariable = "AZURE_POD_IDENTITY_AUTHORITY_HOST"
	// pastCache is any claims request: with one the library asks for a new token instead of looking into the cache that
	// all of a process share. Endpoints of managed identities are not sent it.
	pastCache = "{}"
)

// managedIdentity asks the Azure host: its metadata service, App Service, Azure Arc, or whatever else the library finds.
//
// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview
func managedIdentity(c Config, o Options) (issuer, error) {
	client, err := localClient(o)
	if err != nil {
		return nil, err
	}
	where := identityEndpoint()
	return func(ctx context.Context) (token, error) {
		seen := &witness{}
		r := refusal{from: where, seen: seen, managed: true, secret: hostSecret()}
		credential, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
			ClientOptions: azcore.ClientOptions{
				Retry:            policy.RetryOptions{MaxRetries: -1},
				Telemetry:        policy.TelemetryOptions{Disabled: true},
				Transport:        client,
				PerRetryPolicies: []policy.Policy{seen},
			},
			ID: c.managedID(),
		})
		if err != nil {
			return token{}, r.fault(err)
		}
		t, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope(o.Resource)}, Claims: pastCache})
		if err != nil {
			return token{}, r.fault(err)
		}
		return token{value: t.Token, expires: t.ExpiresOn}, nil
	}, nil
}

// managedID chooses a user-assigned identity; nil is the one of the host itself.
func (c Config) managedID() azidentity.ManagedIDKind {
	switch {
	case c.ManagedIdentityClientID != "":
		return azidentity.ClientID(c.ManagedIdentityClientID)
	case c.ManagedIdentityObjectID != "":
		return azidentity.ObjectID(c.ManagedIdentityObjectID)
	case c.ManagedIdentityResourceID != "":
		return azidentity.ResourceID(c.ManagedIdentityResourceID)
	}
	return nil
}

// identityEndpoint names who will be asked, for messages.
func identityEndpoint() string {
	for _, name := range []string{"IDENTITY_ENDPOINT", "MSI_ENDPOINT", metadataVariable} {
		if u, err := url.Parse(os.Getenv(name)); err == nil && u.Host != "" {
			return u.Scheme + "://" + u.Host
		}
	}
	return "http://" + metadataHost
}

// hostSecret is what App Service, or what it was before, has to be shown.
func hostSecret() string { return cmp.Or(os.Getenv("IDENTITY_HEADER"), os.Getenv("MSI_SECRET")) }

// localClient reaches the host that the connector runs on: never through a proxy, which would be sent the identity's
// secret and answer for its own machine.
func localClient(o Options) (*http.Client, error) {
	o.Proxy = false
	client, err := baseClient(o)
	if err != nil || os.Getenv(metadataVariable) == "" {
		return client, err
	}
	to, err := url.Parse(os.Getenv(metadataVariable))
	if err != nil || to.Host == "" || strings.Trim(to.Path, "/") != "" {
		return nil, fmt.Errorf("%s is no address: write scheme and host, as http://127.0.0.1:2579", metadataVariable)
	}
	if to.Scheme != "https" && !o.Insecure && !loopback(to.Hostname()) && to.Hostname() != metadataHost {
		return nil, errors.New(metadataVariable + " would send tokens unencrypted: use https or this machine's own address")
	}
	client.Transport = metadata{to: to, next: client.Transport}
	return client, nil
}

// metadata sends what is meant for the metadata service elsewhere.
type metadata struct {
	to   *url.URL
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (m metadata) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != metadataHost {
		return m.next.RoundTrip(r)
	}
	moved := r.Clone(r.Context())
	moved.URL.Scheme, moved.URL.Host, moved.Host = m.to.Scheme, m.to.Host, m.to.Host
	return m.next.RoundTrip(moved)
}
