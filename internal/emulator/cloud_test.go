package emulator_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"o365-kafka-connector/internal/emulator"
)

// By Microsoft's own names the emulator keeps the clouds apart as Microsoft does.
func TestCloudsAreKeptApart(t *testing.T) {
	e := emulator.New(emulator.Config{})
	ask := func(method, link, token string, form url.Values) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, link, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", token)
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		return w
	}
	form := func(resource string) url.Values {
		return url.Values{
			"grant_type": {"client_credentials"}, "client_id": {emulator.DefaultClientID},
			"client_secret": {emulator.DefaultClientSecret}, "scope": {resource + "/.default"},
		}
	}
	const usLogin, usAPI = "https://login.microsoftonline.us", "https://manage.office365.us"
	if w := ask(http.MethodPost, usLogin+"/"+tenant+"/oauth2/v2.0/token", "", form("https://manage.office.com")); !strings.Contains(w.Body.String(), "AADSTS900382") {
		t.Errorf("token of another cloud: %s", w.Body)
	}
	signIn := url.Values{
		"client_id": {emulator.DefaultClientID}, "response_type": {"code"}, "redirect_uri": {back}, "scope": {"https://manage.office.com/.default"},
	}
	page := ask(http.MethodGet, usLogin+"/"+tenant+"/oauth2/v2.0/authorize?"+signIn.Encode(), "", nil)
	if to := page.Header().Get("Location"); !strings.Contains(to, "AADSTS500011") || strings.Contains(to, "code=") {
		t.Errorf("sign-in for another cloud: sent to %s", to)
	}
	w := ask(http.MethodPost, usLogin+"/"+tenant+"/oauth2/v2.0/token", "", form(usAPI))
	_, token, _ := strings.Cut(w.Body.String(), `"access_token":"`)
	token, _, _ = strings.Cut(token, `"`)
	for host, want := range map[string]int{usAPI: 200, "https://manage.office.com": 401, "https://localhost": 200} {
		link := withPublisher(host + "/api/v1.0/" + tenant + "/activity/feed/subscriptions/list")
		if w := ask(http.MethodGet, link, "Bearer "+token, nil); w.Code != want {
			t.Errorf("%s: %d %s, want %d", host, w.Code, w.Body, want)
		}
	}
}
