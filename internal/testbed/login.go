package testbed

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// Login is a login host that gives the tokens of an issuer to whoever knows ClientSecret.
type Login struct {
	*httptest.Server

	ClientSecret string

	issuer *TokenIssuer

	mu     sync.Mutex // guards the following
	terms  LoginTerms
	scopes []string
	tokens []string
}

// LoginTerms are what a login host gives.
type LoginTerms struct {
	Subject  string
	Lifetime time.Duration
	Claims   map[string]any // instead of what brokers expect
	Refuse   bool
}

// NewLogin starts a login host for a test.
func NewLogin(tb testing.TB, issuer *TokenIssuer, clientSecret string, terms LoginTerms) *Login {
	tb.Helper()
	l := &Login{ClientSecret: clientSecret, issuer: issuer, terms: terms}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		base := l.URL + "/" + r.PathValue("tenant")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": base + "/v2.0", "token_endpoint": base + "/oauth2/v2.0/token", "authorization_endpoint": base + "/oauth2/v2.0/authorize",
		})
	})
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", l.serveToken)
	l.Server = httptest.NewServer(mux)
	tb.Cleanup(l.Close)
	return l
}

func (l *Login) serveToken(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.scopes = append(l.scopes, r.FormValue("scope"))
	if l.terms.Refuse || r.FormValue("client_secret") != l.ClientSecret {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error":"invalid_client","error_description":%q}`, "AADSTS7000215: Invalid client secret provided: "+r.Form.Encode())
		return
	}
	token, err := l.issuer.Token(l.terms.Subject, l.terms.Lifetime, l.terms.Claims)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	l.tokens = append(l.tokens, token)
	_ = json.NewEncoder(w).Encode(map[string]any{"token_type": "Bearer", "expires_in": int(l.terms.Lifetime.Seconds()), "access_token": token})
}

// Set changes what is given from now on.
func (l *Login) Set(change func(*LoginTerms)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.terms)
}

// Scopes are those of all requests so far.
func (l *Login) Scopes() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.scopes)
}

// Tokens are all that were given so far.
func (l *Login) Tokens() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.tokens)
}
