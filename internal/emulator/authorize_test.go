package emulator_test

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/emulator"
)

const (
	verifier = "a-verifier-of-the-length-that-the-rules-ask-for-1"
	back     = "http://localhost:8400/back"
)

// browse goes to the login page and returns where the browser is sent, and what is shown if it is not.
func (r *rig) browse(change url.Values) (url.Values, string) {
	r.t.Helper()
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"client_id": {emulator.DefaultClientID}, "response_type": {"code"}, "redirect_uri": {back}, "state": {"abc"},
		"scope":          {r.url + "/.default offline_access"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	for k, v := range change {
		q[k] = v
	}
	client := &http.Client{Transport: r.client.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(r.url + "/" + tenant + "/oauth2/v2.0/authorize?" + q.Encode())
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	to, err := res.Location()
	if err != nil {
		return nil, string(body)
	}
	if !strings.HasPrefix(to.String(), back+"?") {
		r.t.Errorf("sent to %s", to)
	}
	return to.Query(), ""
}

func (r *rig) redeem(code string, change url.Values) (int, map[string]any) {
	r.t.Helper()
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {back}, "code_verifier": {verifier},
		"scope": {r.url + "/.default offline_access"},
	}
	for k, v := range change {
		form[k] = v
	}
	return r.login(v2, form)
}

func (r *rig) renew(token any) (int, map[string]any) {
	r.t.Helper()
	text, _ := token.(string)
	return r.login(v2, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {text}, "scope": {r.url + "/.default offline_access"}})
}

func wantRefused(t *testing.T, status int, answer map[string]any, aadsts string) {
	t.Helper()
	text, _ := answer["error_description"].(string)
	if status/100 != 4 || !strings.HasPrefix(text, "AADSTS"+aadsts+":") {
		t.Errorf("%d %v, want AADSTS%s", status, answer, aadsts)
	}
}

func TestSignInOpensTheFeed(t *testing.T) {
	r := newRig(t, emulator.Config{TokenLifetime: 20 * time.Second})
	answer, page := r.browse(nil)
	if answer.Get("state") != "abc" || answer.Get("code") == "" || answer.Get("session_state") == "" {
		t.Fatalf("sent back with %v, %s", answer, page)
	}
	status, tokens := r.redeem(answer.Get("code"), nil)
	if status != http.StatusOK || tokens["expires_in"] != float64(20) {
		t.Fatalf("%d %v", status, tokens)
	}
	list := withPublisher(r.root() + "/subscriptions/list")
	for range 3 {
		access, _ := tokens["access_token"].(string)
		if a := r.do(http.MethodGet, list, access); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		r.pass(20 * time.Second)
		if a := r.do(http.MethodGet, list, access); a.status != http.StatusUnauthorized {
			t.Errorf("expired token: %d", a.status)
		}
		if status, tokens = r.renew(tokens["refresh_token"]); status != http.StatusOK {
			t.Fatalf("%d %v", status, tokens)
		}
	}
	if got := r.SignIns(tenant); got != (emulator.SignIns{Begun: 1, Redeemed: 1, Refreshed: 3}) {
		t.Errorf("%+v", got)
	}
}

func TestCodeIsCheckedInFull(t *testing.T) {
	for name, test := range map[string]struct {
		change url.Values
		aadsts string
	}{
		"other code":        {url.Values{"code": {"x"}}, "70000"},
		"other address":     {url.Values{"redirect_uri": {back + "/"}}, "500112"},
		"other verifier":    {url.Values{"code_verifier": {strings.ToUpper(verifier)}}, "501481"},
		"no verifier":       {url.Values{"code_verifier": {""}}, "501481"},
		"other resource":    {url.Values{"scope": {"https://graph.microsoft.com/.default"}}, "28000"},
		"other secret":      {url.Values{"client_secret": {"x"}}, "7000215"},
		"no secret":         {url.Values{"client_secret": nil}, "7000218"},
		"other application": {url.Values{"client_id": {"x"}}, "700016"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, emulator.Config{})
			answer, _ := r.browse(nil)
			status, refusal := r.redeem(answer.Get("code"), test.change)
			wantRefused(t, status, refusal, test.aadsts)
			if status, tokens := r.redeem(answer.Get("code"), nil); status != http.StatusOK {
				t.Errorf("the code is lost: %v", tokens)
			}
			status, refusal = r.redeem(answer.Get("code"), nil)
			wantRefused(t, status, refusal, "54005")
		})
	}
	r := newRig(t, emulator.Config{})
	answer, _ := r.browse(nil)
	r.pass(11 * time.Minute)
	status, refusal := r.redeem(answer.Get("code"), nil)
	wantRefused(t, status, refusal, "70008")
}

func TestRefreshTokenWorksOnce(t *testing.T) {
	r := newRig(t, emulator.Config{RefreshLifetime: time.Hour})
	answer, _ := r.browse(nil)
	_, first := r.redeem(answer.Get("code"), nil)
	if first["refresh_token_expires_in"] != float64(3600) {
		t.Errorf("%v", first)
	}
	text, _ := first["refresh_token"].(string)
	status, refusal := r.login(v2, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {text}, "scope": {"https://graph.microsoft.com/.default"}})
	wantRefused(t, status, refusal, "65001")
	_, second := r.renew(first["refresh_token"])
	status, refusal = r.renew(first["refresh_token"])
	wantRefused(t, status, refusal, "70000")
	status, refusal = r.renew(second["refresh_token"])
	wantRefused(t, status, refusal, "70000")
	if got := r.SignIns(tenant).Reused; got != 1 {
		t.Errorf("reused %d times", got)
	}

	answer, _ = r.browse(nil)
	_, tokens := r.redeem(answer.Get("code"), nil)
	r.RevokeSignIns(tenant)
	status, refusal = r.renew(tokens["refresh_token"])
	wantRefused(t, status, refusal, "50173")

	answer, _ = r.browse(nil)
	_, tokens = r.redeem(answer.Get("code"), nil)
	r.pass(2 * time.Hour)
	status, refusal = r.renew(tokens["refresh_token"])
	wantRefused(t, status, refusal, "700082")

	answer, _ = r.browse(url.Values{"scope": {r.url + "/.default"}})
	if _, tokens = r.redeem(answer.Get("code"), nil); tokens["refresh_token"] != nil {
		t.Error("a refresh token that nobody asked for")
	}
}

func TestLoginPageRefuses(t *testing.T) {
	r := newRig(t, emulator.Config{Tenants: []emulator.Tenant{{ID: tenant, RedirectURIs: []string{back}}}})
	for aadsts, change := range map[string]url.Values{
		"50011":  {"redirect_uri": {"http://localhost:8400/other"}},
		"700016": {"client_id": {"x"}},
	} {
		if sent, page := r.browse(change); sent != nil || !strings.Contains(page, "AADSTS"+aadsts+":") {
			t.Errorf("sent back with %v, %s", sent, page)
		}
	}
	for code, change := range map[string]url.Values{
		"unsupported_response_type": {"response_type": {"token"}},
		"invalid_scope":             {"scope": {"openid"}},
		"invalid_request":           {"code_challenge_method": {"plain"}},
	} {
		if sent, _ := r.browse(change); sent.Get("error") != code || sent.Get("state") != "abc" || sent.Has("code") {
			t.Errorf("%v, want %s", sent, code)
		}
	}
	r.fault(emulator.Fault{Kind: emulator.SignInDeclined})
	if sent, _ := r.browse(nil); sent.Get("error") != "access_denied" {
		t.Errorf("%v", sent)
	}
}

func TestPublicClientHasNoSecret(t *testing.T) {
	r := newRig(t, emulator.Config{Tenants: []emulator.Tenant{{ID: tenant, Public: true}}})
	answer, _ := r.browse(nil)
	status, refusal := r.redeem(answer.Get("code"), nil)
	wantRefused(t, status, refusal, "700025")
	if status, tokens := r.redeem(answer.Get("code"), url.Values{"client_secret": nil}); status != http.StatusOK {
		t.Errorf("%v", tokens)
	}
}

// TestLostAnswer is a code that is used up although its answer did not arrive.
func TestLostAnswer(t *testing.T) {
	r := newRig(t, emulator.Config{})
	r.fault(emulator.Fault{Kind: emulator.TokenLost, First: 1})
	answer, _ := r.browse(nil)
	form := url.Values{
		"grant_type": {"authorization_code"}, "client_id": {emulator.DefaultClientID}, "client_secret": {emulator.DefaultClientSecret},
		"code": {answer.Get("code")}, "redirect_uri": {back}, "code_verifier": {verifier}, "scope": {r.url + "/.default"},
	}
	if res, err := r.client.PostForm(r.url+v2, form); err == nil {
		res.Body.Close()
		t.Errorf("answered %d", res.StatusCode)
	}
	status, refusal := r.redeem(answer.Get("code"), nil)
	wantRefused(t, status, refusal, "54005")
}
