package auth

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azcloud "github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// entra is Entra ID's token endpoint, as one application asks it.
type entra struct {
	tenant, clientID string
	authority        string // as configured, without a slash at its end
	scope            string
	options          azcore.ClientOptions
}

func newEntra(clientID string, o Options) (*entra, error) {
	authority, plain, err := parseAuthority(o)
	if err != nil {
		return nil, err
	}
	client, err := newHTTPClient(o, plain)
	if err != nil {
		return nil, err
	}
	return &entra{
		tenant: o.TenantID, clientID: clientID, authority: strings.TrimRight(o.Authority, "/"), scope: scope(o.Resource),
		options: azcore.ClientOptions{
			Cloud:     azcloud.Configuration{ActiveDirectoryAuthorityHost: authority},
			Retry:     policy.RetryOptions{MaxRetries: -1}, // the caller decides when to try again
			Telemetry: policy.TelemetryOptions{Disabled: true},
			Transport: client,
		},
	}, nil
}

// scope is the v2 scope that stands for all of the application's permissions on the resource.
func scope(resource string) string { return strings.TrimRight(resource, "/") + "/.default" }

// endpoint is the address of the token endpoint, which an assertion is made for.
func (e *entra) endpoint() string { return e.authority + "/" + e.tenant + "/oauth2/v2.0/token" }

// credentialMaker makes one of azidentity's credentials.
type credentialMaker func(azcore.ClientOptions, *witness) (azcore.TokenCredential, error)

// ask makes a new credential for each token: one that is used again answers from its own cache, also after the API
// refused the token. Whatever is sent and must not be told stands in private.
func (e *entra) ask(ctx context.Context, private string, maker credentialMaker) (token, error) {
	seen := &witness{}
	options := e.options
	options.PerRetryPolicies = []policy.Policy{seen}
	r := refusal{from: e.authority, secret: private, seen: seen}
	credential, err := maker(options, seen)
	if err != nil {
		return token{}, r.fault(err)
	}
	t, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{e.scope}})
	if err != nil {
		return token{}, r.fault(err)
	}
	return token{value: t.Token, expires: t.ExpiresOn}, nil
}

// assert asks with an assertion, which is made for the time on the authority's clock.
func (e *entra) assert(ctx context.Context, assertion func(now time.Time) (string, error)) (token, error) {
	return e.ask(ctx, "", func(options azcore.ClientOptions, seen *witness) (azcore.TokenCredential, error) {
		return azidentity.NewClientAssertionCredential(e.tenant, e.clientID, func(context.Context) (string, error) {
			return assertion(seen.now())
		}, &azidentity.ClientAssertionCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: noDiscovery})
	})
}

// noDiscovery: the authority comes from the operator or the table of clouds. Asking the commercial cloud whether it is
// known would fail for private ones and tell a foreign cloud about sovereign ones.
const noDiscovery = true

// witness remembers the last answer, and how far the authority's clock is from ours.
type witness struct {
	last *http.Response // nil if the last request got none
	body []byte         // of last, unless it has a token in it
	err  error          // of the last request, in the transport's own words
	skew time.Duration
}

// minSkew is a difference between two clocks that matters to nobody.
const minSkew = 30 * time.Second

// Do implements policy.Policy. A credential sends one request after the other.
func (w *witness) Do(r *policy.Request) (*http.Response, error) {
	w.last = nil
	response, err := r.Next()
	w.err = err
	if err != nil {
		return nil, err
	}
	w.note(response)
	if response.StatusCode != http.StatusOK {
		w.body, _ = runtime.Payload(response) // can be read again
	}
	return response, nil
}

// note takes note of an answer, whose body is read by somebody else.
func (w *witness) note(response *http.Response) {
	w.last, w.body = response, nil
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		w.skew = time.Until(date)
	}
}

// now is the time on the authority's clock: ours unless they differ noticeably.
func (w *witness) now() time.Time {
	if w.skew.Abs() < minSkew {
		return time.Now()
	}
	return time.Now().Add(w.skew)
}
