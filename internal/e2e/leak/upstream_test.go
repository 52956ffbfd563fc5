package leak

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// upstream is the emulator behind a careless proxy: whatever it answers instead of the emulator repeats all that the
// request held.
type upstream struct {
	next  http.Handler
	shelf *shelf

	requests, echoes atomic.Int64

	mu      sync.Mutex     // guards the following
	signIns map[string]int // by path
}

// echoEvery is how many requests to the API there are for one that is answered by its own words.
const echoEvery = 7

func newUpstream(t *testing.T, next http.Handler, s *shelf) (*upstream, string) {
	t.Helper()
	u := &upstream{next: next, shelf: s, signIns: map[string]int{}}
	server := httptest.NewServer(u)
	t.Cleanup(server.Close)
	return u, server.URL
}

// ServeHTTP notes each token and assertion that passes.
func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		u.shelf.token("access token in use", token)
	}
	form, _ := url.ParseQuery(string(body))
	if assertion := form.Get("client_assertion"); assertion != "" {
		u.shelf.token("client assertion", assertion)
	}
	signIn := strings.HasSuffix(r.URL.Path, "/token")
	switch {
	case signIn && u.refused(r.URL.Path):
		u.echo(w, r, body, http.StatusUnauthorized)
		return
	case !signIn && strings.Contains(r.URL.Path, "/activity/feed/") && u.requests.Add(1)%echoEvery == 0:
		u.echo(w, r, body, []int{500, 400, 404, 502, 429}[int(u.requests.Load()/echoEvery)%5])
		return
	}
	if !signIn {
		u.next.ServeHTTP(w, r)
		return
	}
	answer := httptest.NewRecorder()
	u.next.ServeHTTP(answer, r)
	var issued struct {
		Token   string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		ID      string `json:"id_token"`
	}
	if json.Unmarshal(answer.Body.Bytes(), &issued) == nil && issued.Token != "" {
		u.shelf.token("access token as issued", issued.Token)
		u.shelf.token("refresh token", issued.Refresh)
		u.shelf.token("id token", issued.ID)
	}
	for key, values := range answer.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// refused reports whether a request for a token is: all of one tenant, and some of each other.
func (u *upstream) refused(path string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.signIns[path]++
	return strings.Contains(path, echoTenant) || u.signIns[path]%3 == 2
}

// echo answers with the request, once as the API's error and once as a page.
func (u *upstream) echo(w http.ResponseWriter, r *http.Request, body []byte, status int) {
	n := u.echoes.Add(1)
	signIn := strings.HasSuffix(r.URL.Path, "/token")
	said := fmt.Sprintf("cannot handle %s %s with %q", r.Method, r.URL, r.Header)
	if signIn { // what is secret comes first: texts of others are cut
		said = fmt.Sprintf("cannot handle %s %s of %s", body, r.Header.Get("X-Identity-Header"), r.URL)
	}
	w.Header().Set("X-Debug", r.Header.Get("Authorization"))
	w.Header().Set("Retry-After", "1")
	if n%2 == 0 && status >= 500 {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<html><title>%s</title>%s</html>", said, said)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	answer := map[string]any{"error": map[string]string{"code": "AF50000", "message": said}, "Message": said}
	if signIn {
		answer = map[string]any{"error": "invalid_client", "error_description": "AADSTS7000215: " + said}
	}
	_ = json.NewEncoder(w).Encode(answer)
}
