package emulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"o365-kafka-connector/internal/emulator"
)

// login asks for a token and returns the answer's members.
func (r *rig) login(path string, change url.Values) (int, map[string]any) {
	r.t.Helper()
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {emulator.DefaultClientID},
		"client_secret": {emulator.DefaultClientSecret}, "resource": {r.url}, "scope": {r.url + "/.default"},
	}
	for k, v := range change {
		form[k] = v
	}
	res, err := r.client.PostForm(r.url+path, form)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	answer := map[string]any{}
	if err := json.Unmarshal(body, &answer); err != nil {
		r.t.Fatalf("%s: %v", body, err)
	}
	return res.StatusCode, answer
}

const (
	v1 = "/" + tenant + "/oauth2/token?api-version=1.0"
	v2 = "/" + tenant + "/oauth2/v2.0/token"
)

func TestTokenOpensTheFeed(t *testing.T) {
	r := newRig(t, emulator.Config{TokenLifetime: 20 * time.Second})
	list := withPublisher(r.root() + "/subscriptions/list")
	for _, path := range []string{v1, v2} {
		_, answer := r.login(path, nil)
		token, _ := answer["access_token"].(string)
		if a := r.do(http.MethodGet, list, token); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		r.pass(20 * time.Second)
		a := r.do(http.MethodGet, list, token)
		if a.status != http.StatusUnauthorized || a.body != `{"Message":"Authorization has been denied for this request."}` || a.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("expired token: %d %s", a.status, a.body)
		}
	}
	for _, token := range []string{"", "nonsense", "a.b.c"} {
		if a := r.do(http.MethodGet, list, token); a.status != http.StatusUnauthorized {
			t.Errorf("token %q: %d", token, a.status)
		}
	}
	if n := r.Stats().TokensIssued[tenant]; n != 2 {
		t.Errorf("%d tokens issued", n)
	}
}

func TestTokenNumbers(t *testing.T) {
	r := newRig(t, emulator.Config{})
	kinds := func(path string) string {
		_, answer := r.login(path, nil)
		if _, text := answer["expires_in"].(string); text {
			return "text"
		}
		return "number"
	}
	if kinds(v1) != "text" || kinds(v2) != "number" {
		t.Error("v1 has texts and v2 numbers")
	}
	r.fault(emulator.Fault{Kind: emulator.TokenNumbers})
	if kinds(v1) != "number" || kinds(v2) != "text" {
		t.Error("the switch turns them round")
	}
}

func TestTokenRefusals(t *testing.T) {
	r := newRig(t, emulator.Config{})
	for name, test := range map[string]struct {
		path   string
		change url.Values
		status int
		want   string
	}{
		"wrong secret":  {v1, url.Values{"client_secret": {"x"}}, 401, "invalid_client"},
		"wrong app":     {v2, url.Values{"client_id": {"x"}}, 400, "unauthorized_client"},
		"wrong tenant":  {"/nowhere.example/oauth2/token", nil, 400, "invalid_request"},
		"wrong grant":   {v1, url.Values{"grant_type": {"password"}}, 400, "unsupported_grant_type"},
		"no resource":   {v1, url.Values{"resource": {""}}, 400, "invalid_request"},
		"bad resource":  {v1, url.Values{"resource": {"graph"}}, 400, "invalid_resource"},
		"bad assertion": {v2, url.Values{"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {"a.b.c"}, "client_secret": {""}}, 401, "invalid_client"},
		"two proofs":    {v2, url.Values{"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {"a.b.c"}}, 400, "invalid_request"},
		"no proof":      {v2, url.Values{"client_secret": {""}}, 401, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := r.login(test.path, test.change)
			if status != test.status || answer["error"] != test.want {
				t.Errorf("%d %v", status, answer)
			}
		})
	}
}

func TestTokenOfOtherAudienceOrTenant(t *testing.T) {
	other := "99999999-9999-9999-9999-999999999999"
	r := newRig(t, emulator.Config{Tenants: []emulator.Tenant{{ID: tenant}, {ID: other}}})
	_, answer := r.login(v1, url.Values{"resource": {"https://graph.microsoft.com"}})
	if a := r.do(http.MethodGet, r.root()+"/subscriptions/list", answer["access_token"].(string)); a.status != http.StatusUnauthorized {
		t.Errorf("other audience: %d", a.status)
	}
	_, answer = r.login("/"+other+"/oauth2/token", nil)
	if a := r.do(http.MethodGet, r.root()+"/subscriptions/list", answer["access_token"].(string)); a.code() != "400 AF20010" {
		t.Errorf("other tenant: %s", a.code())
	}
}

func TestPermissions(t *testing.T) {
	for name, test := range map[string]struct {
		permissions []string
		general     string
		dlp         string
	}{
		"all":     {nil, "200 ", "200 "},
		"no DLP":  {[]string{emulator.PermissionRead}, "200 ", "401 AF10001"},
		"no read": {[]string{"ServiceHealth.Read"}, "401 AF10001", "401 AF10001"},
		"none":    {[]string{}, "401 ", "401 "},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, emulator.Config{Tenants: []emulator.Tenant{{ID: tenant, Permissions: test.permissions}}})
			_, answer := r.login(v2, nil)
			for ct, want := range map[string]string{emulator.General: test.general, emulator.DLP: test.dlp} {
				if a := r.do(http.MethodGet, r.content(ct, noon.Add(-time.Hour), noon), answer["access_token"].(string)); a.code() != want {
					t.Errorf("%s: %s, want %s", ct, a.code(), want)
				}
			}
		})
	}
}

func TestMicrosoftsLibraryGetsAToken(t *testing.T) {
	e := emulator.New(emulator.Config{})
	server := httptest.NewTLSServer(e)
	defer server.Close()
	credential, err := azidentity.NewClientSecretCredential(tenant, emulator.DefaultClientID, emulator.DefaultClientSecret,
		&azidentity.ClientSecretCredentialOptions{
			ClientOptions: azcore.ClientOptions{
				Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: server.URL},
				Transport: server.Client(),
			},
			DisableInstanceDiscovery: true,
		})
	if err != nil {
		t.Fatal(err)
	}
	token, err := credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{server.URL + "/.default"}})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/v1.0/"+tenant+"/activity/feed/subscriptions/list", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token.Token)
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("status %d", res.StatusCode)
	}
}
