package command_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/command"
	"o365-kafka-connector/internal/control"
)

// logins remembers what it is told.
type logins struct {
	begun     map[string]command.Login
	forgotten []string
}

func (l *logins) Begin(_ context.Context, tenant string, login command.Login) error {
	l.begun[tenant] = login
	return nil
}

func (l *logins) Forget(_ context.Context, tenant string) error {
	l.forgotten = append(l.forgotten, tenant)
	return nil
}

// signIn is an executor that can do nothing but sign in: everything else would panic.
func signIn(t *testing.T, tenant string) (*rig, *logins) {
	t.Helper()
	cfg, err := config.Parse([]byte("tenants:\n  - {id: " + contoso + ", name: contoso, " + tenant + "}\n"))
	if err != nil {
		t.Fatal(err)
	}
	l := &logins{begun: map[string]command.Login{}}
	return &rig{t: t, executor: command.New(command.Options{Config: cfg, Logins: l})}, l
}

func TestLoginURL(t *testing.T) {
	for cloud, want := range map[string]struct{ authority, scope string }{
		"enterprise": {"https://login.microsoftonline.com", "https://manage.office.com/.default offline_access"},
		"gcc":        {"https://login.microsoftonline.com", "https://manage-gcc.office.com/.default offline_access"},
		"gcc-high":   {"https://login.microsoftonline.us", "https://manage.office365.us/.default offline_access"},
		"dod":        {"https://login.microsoftonline.us", "https://manage.protection.apps.mil/.default offline_access"},
		"china":      {"https://login.partner.microsoftonline.cn", "https://manage.office365.cn/.default offline_access"},
	} {
		t.Run(cloud, func(t *testing.T) {
			r, l := signIn(t, "cloud: "+cloud+", auth: {client_id: client_id, client_secret: hush, redirect_uri: 'https://here.example/a b?c=d'}")
			got := r.do("!ms-management-activity-generate-login-url")
			if got.err != nil {
				t.Fatal(got.err)
			}
			_, rest, _ := strings.Cut(got.text, "(")
			link, _, _ := strings.Cut(rest, ")")
			u, err := url.Parse(link)
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			if u.Scheme+"://"+u.Host+u.Path != want.authority+"/"+contoso+"/oauth2/v2.0/authorize" {
				t.Errorf("address %s", u)
			}
			if diff := cmp.Diff(url.Values{
				"client_id": {"client_id"}, "response_type": {"code"}, "response_mode": {"query"}, "scope": {want.scope},
				"redirect_uri": {"https://here.example/a b?c=d"}, "state": q["state"], "code_challenge": q["code_challenge"],
				"code_challenge_method": {"S256"},
			}, q); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			login := l.begun[contoso]
			if login.State != q.Get("state") || len(login.State) < 43 || len(login.Verifier) < 43 || login.Begun.IsZero() {
				t.Errorf("remembered %+v, in the link %s", login, q.Get("state"))
			}
			if strings.Contains(got.text+got.context, login.Verifier) || strings.Contains(got.text+got.context, "hush") {
				t.Error("a secret is in the reply")
			}
			golden(t, "login.md", strings.ReplaceAll(got.text, link, "LINK"))
		})
	}
}

func TestLoginURLIsAnotherEachTime(t *testing.T) {
	r, _ := signIn(t, "auth: {client_id: client_id, client_secret: hush, redirect_uri: 'https://here.example/'}")
	first := r.do("!generate-login-url").text
	if r.do("!generate-login-url").text == first {
		t.Error("twice the same link")
	}
}

func TestLoginURLNeedsSomewhereToReturnTo(t *testing.T) {
	r, _ := signIn(t, "auth: {client_id: client_id, client_secret: hush}")
	r.do("!generate-login-url").refused(t, control.OutcomeRefused, "auth.redirect_uri")
	r, _ = signIn(t, "auth: {method: static, token: hush}")
	r.do("!generate-login-url").refused(t, control.OutcomeRefused, "auth.client_id")
}

func TestAuthResetNeedsNoToken(t *testing.T) {
	r, l := signIn(t, "auth: {client_id: client_id, client_secret: wrong}")
	got := r.do("!ms-management-activity-auth-reset")
	golden(t, "auth_reset.md", got.text+"\n")
	if got.err != nil || got.context != `{"MicrosoftManagement":{}}` {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff([]string{contoso}, l.forgotten); diff != "" {
		t.Error(diff)
	}
}
