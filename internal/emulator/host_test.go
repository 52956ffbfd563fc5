package emulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"

	"o365-kafka-connector/internal/emulator"
)

func TestHostGivesOutTokensOfManagedIdentities(t *testing.T) {
	const (
		client   = "33333333-3333-3333-3333-333333333333"
		resource = "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
	)
	r := newRig(t, emulator.Config{IdentityHeader: "header", Tenants: []emulator.Tenant{{
		ID: tenant, Identities: []emulator.ManagedIdentity{{}, {ClientID: client, ObjectID: "o", ResourceID: resource}},
	}}})
	metadata, service := http.Header{"Metadata": {"true"}}, http.Header{"X-Identity-Header": {"header"}}
	for name, test := range map[string]struct {
		path, version string
		header        http.Header
		query         url.Values
		status        int
		client        string
	}{
		"its own":              {"/metadata/identity/oauth2/token", "2018-02-01", metadata, nil, 200, emulator.DefaultClientID},
		"by client id":         {"/metadata/identity/oauth2/token", "2018-02-01", metadata, url.Values{"client_id": {client}}, 200, client},
		"by object id":         {"/metadata/identity/oauth2/token", "2018-02-01", metadata, url.Values{"object_id": {"o"}}, 200, emulator.DefaultClientID},
		"by resource id":       {"/metadata/identity/oauth2/token", "2018-02-01", metadata, url.Values{"msi_res_id": {resource}}, 200, emulator.DefaultClientID},
		"unknown":              {"/metadata/identity/oauth2/token", "2018-02-01", metadata, url.Values{"client_id": {"x"}}, 400, ""},
		"without the header":   {"/metadata/identity/oauth2/token", "2018-02-01", nil, nil, 400, ""},
		"through a proxy":      {"/metadata/identity/oauth2/token", "2018-02-01", http.Header{"Metadata": {"true"}, "X-Forwarded-For": {"::1"}}, nil, 400, ""},
		"another version":      {"/metadata/identity/oauth2/token", "2017-01-01", metadata, nil, 400, ""},
		"another resource":     {"/metadata/identity/oauth2/token", "2018-02-01", metadata, url.Values{"resource": {"graph"}}, 400, ""},
		"App Service":          {"/msi/token", "2019-08-01", service, url.Values{"client_id": {client}}, 200, client},
		"App Service, stolen":  {"/msi/token", "2019-08-01", http.Header{"X-Identity-Header": {"x"}}, nil, 400, ""},
		"App Service, unknown": {"/msi/token", "2019-08-01", service, url.Values{"mi_res_id": {"x"}}, 400, ""},
	} {
		query := url.Values{"api-version": {test.version}, "resource": {r.url}}
		for k, v := range test.query {
			query[k] = v
		}
		status, answer := r.ask(test.path+"?"+query.Encode(), test.header)
		token, _ := answer["access_token"].(string)
		if got, _ := answer["client_id"].(string); status != test.status || got != test.client || (token == "") != (status != 200) {
			t.Errorf("%s: %d %v", name, status, answer)
		}
		if token == "" {
			continue
		}
		if a := r.do(http.MethodGet, withPublisher(r.root()+"/subscriptions/list"), token); a.status != http.StatusOK {
			t.Errorf("%s: the token is refused: %d %s", name, a.status, a.body)
		}
	}
}

func (r *rig) ask(path string, header http.Header) (int, map[string]any) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.url+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(body, &answer); err != nil {
		r.t.Fatalf("%s: %v", body, err)
	}
	return res.StatusCode, answer
}
