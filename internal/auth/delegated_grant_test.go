package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/auth"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/secret"
)

// TestSignInWithACertificate has the application prove itself without a secret.
func TestSignInWithACertificate(t *testing.T) {
	c := clientCertificates()[0]
	p := newPeople(t, emulator.Config{Tenants: registered(c), TokenLifetime: time.Second})
	proof, _ := certificateOf(t, c)
	p.config.ClientSecret, p.config.CertificateFile = "", proof.CertificateFile
	p.signedIn()
	s := p.source()
	p.token(s)
	time.Sleep(1100 * time.Millisecond)
	p.token(s)
	p.wantSignIns(emulator.SignIns{Begun: 1, Redeemed: 1, Refreshed: 1})
	if known := s.Credentials(); len(known) != 2 {
		t.Errorf("credentials %+v", known)
	}
}

// TestPublicClient has no secret at all, and needs a key of its own.
func TestPublicClient(t *testing.T) {
	p := newPeople(t, emulator.Config{Tenants: []emulator.Tenant{{ID: emulator.DefaultTenantID, Public: true}}})
	p.config.ClientSecret = ""
	p.signedIn()
	p.token(p.source())
}

// TestKeyMadeOfTheClientSecret rotates the secret under a running instance, which seals anew what it has.
func TestKeyMadeOfTheClientSecret(t *testing.T) {
	p := newPeople(t, emulator.Config{TokenLifetime: time.Second})
	file := filepath.Join(t.TempDir(), "secret")
	p.config.TokenStore, p.config.ClientSecret, p.config.ClientSecretFile = auth.TokenStore{}, "", file
	write(t, file, emulator.DefaultClientSecret)
	d := p.signedIn()
	s := p.source()
	p.token(s)
	write(t, file, "another-secret")
	p.refusedWith(p.source(), "encrypted with another key", "old client secret") // a process that never knew the old one
	p.SetCredentials(emulator.DefaultTenantID, emulator.Credentials{ClientSecret: "another-secret"})
	time.Sleep(1100 * time.Millisecond)
	p.token(s)
	p.token(p.source())
	if err := d.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// grants plays a token endpoint that answers as it is told, one text after the other.
func grants(t *testing.T, answers ...string) (*people, *[]url.Values) {
	t.Helper()
	var forms []url.Values
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		forms = append(forms, r.PostForm)
		answer := answers[min(len(forms), len(answers))-1]
		if strings.Contains(answer, "error") {
			w.WriteHeader(http.StatusBadRequest)
		}
		fmt.Fprint(w, strings.ReplaceAll(answer, "{echo}", r.PostForm.Encode()))
	}))
	t.Cleanup(server.Close)
	p := newPeople(t, emulator.Config{})
	p.url = server.URL
	return p, &forms
}

// TestRenewalWithoutARefreshToken keeps the one that it has.
func TestRenewalWithoutARefreshToken(t *testing.T) {
	p, forms := grants(t, `{"access_token":"a","expires_in":1,"refresh_token":"first"}`, `{"access_token":"b","expires_in":"1"}`, `{"access_token":"c","expires_in":1}`)
	p.config.AuthorizationCode = "a-code"
	s := p.source()
	for _, want := range []string{"a", "b", "c"} {
		if got := p.token(s); got != want {
			t.Errorf("token %s, want %s", got, want)
		}
		time.Sleep(1100 * time.Millisecond)
	}
	for _, form := range (*forms)[1:] {
		if form.Get("refresh_token") != "first" || form.Get("grant_type") != "refresh_token" {
			t.Errorf("sent %v", form)
		}
	}
	if first := (*forms)[0]; first.Has("code_verifier") || first.Get("redirect_uri") != back || !strings.Contains(first.Get("scope"), "/.default offline_access") {
		t.Errorf("sent %v", first)
	}
}

// TestPermissionOfAPerson is in the next token once it is granted, which is asked for although the one before still lives.
func TestPermissionOfAPerson(t *testing.T) {
	token := func(permission string) string {
		return `{"access_token":"` + unsigned(`{"scp":"`+permission+`"}`) + `","expires_in":3600,"refresh_token":"r"}`
	}
	p, forms := grants(t, token("User.Read"), token("ActivityFeed.Read"))
	p.config.AuthorizationCode = "a-code"
	s := p.source()
	p.refusedWith(s, "add the delegated permission ActivityFeed.Read")
	eventually(t, "a token with the permission", func() bool { _, err := s.Token(t.Context()); return err == nil })
	if len(*forms) != 2 {
		t.Errorf("%d requests, want 2", len(*forms))
	}
}

// TestSignInWithoutARefreshToken is used as long as it lasts, and its end is announced.
func TestSignInWithoutARefreshToken(t *testing.T) {
	p, _ := grants(t, `{"access_token":"a","expires_in":2}`, `{"error":"invalid_grant"}`)
	p.config.AuthorizationCode = "a-code"
	s := p.source()
	p.token(s)
	if known := s.Credentials(); len(known) != 1 || time.Until(known[0].Expires) > 2*time.Second {
		t.Errorf("credentials %+v", known)
	}
	time.Sleep(1700 * time.Millisecond) // due for renewal, which cannot be
	p.token(s)
	time.Sleep(500 * time.Millisecond)
	p.refusedWith(s, "no refresh token", "offline_access")
}

// TestEchoedSecretsAreMasked is a test service, or a proxy, that answers with what it was sent.
func TestEchoedSecretsAreMasked(t *testing.T) {
	p, _ := grants(t, `{"error":"invalid_request","error_description":"{echo}"}`)
	p.config.AuthorizationCode = "0.code-hush~+"
	_, err := p.source().Token(t.Context())
	if err == nil || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), emulator.DefaultClientSecret) || !strings.Contains(err.Error(), "***") {
		t.Errorf("error %v", err)
	}
}

func TestRubbishIsNoGrant(t *testing.T) {
	for _, answer := range []string{"<html>", "{}", `{"access_token":"hush","expires_in":"soon"}`} {
		p, _ := grants(t, answer)
		wantFault(t, p.instance().Redeem(t.Context(), secret.String("a-code")), "may be used up", "connector login")
	}
}

func TestListenRedirect(t *testing.T) {
	for _, elsewhere := range []string{"https://localhost/", "http://here.example/", "nonsense", ""} {
		if _, err := auth.ListenRedirect(t.Context(), elsewhere); !errors.Is(err, auth.ErrNotLocal) {
			t.Errorf("%s: %v", elsewhere, err)
		}
	}
	r, err := auth.ListenRedirect(t.Context(), "http://localhost/back")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	u, err := url.Parse(r.URI())
	if err != nil || u.Port() == "" || u.Hostname() != "localhost" || u.Path != "/back" {
		t.Errorf("listens at %s", r.URI())
	}
	if _, err := auth.ListenRedirect(t.Context(), r.URI()); err == nil || !strings.Contains(err.Error(), "end what uses the port") {
		t.Errorf("listens twice: %v", err)
	}
	if conn, err := net.Dial("tcp", u.Host); err != nil {
		t.Errorf("nobody listens: %v", err)
	} else {
		_ = conn.Close()
	}
}

// TestShutdownWhileRenewing does not lose the refresh token that comes a moment after the caller has left.
func TestShutdownWhileRenewing(t *testing.T) {
	p := newPeople(t, emulator.Config{TokenLifetime: 2 * time.Second})
	p.signedIn()
	time.Sleep(2100 * time.Millisecond)
	p.fault(emulator.Fault{Kind: emulator.Slow, Operation: "token", Delay: 500 * time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := p.source().Token(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cut off: %v", err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("ended after %s", took)
	}
	p.fault()
	want := emulator.SignIns{Begun: 1, Redeemed: 1, Refreshed: 1}
	p.wantSignIns(want)
	p.token(p.source()) // what came is stored
	p.wantSignIns(want)
}
