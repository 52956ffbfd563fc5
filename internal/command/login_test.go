package command_test

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/command"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/daemon"
	"o365-kafka-connector/internal/secret"
)

// logins remembers what it is told.
type logins struct {
	daemon.SignIns
	redeemed  []string
	forgotten []string
}

func (l *logins) Redeem(_ context.Context, t config.Tenant, answer secret.String) error {
	l.redeemed = append(l.redeemed, t.Name+" "+answer.Reveal())
	return nil
}

func (l *logins) Forget(_ context.Context, t config.Tenant) error {
	l.forgotten = append(l.forgotten, t.ID)
	return nil
}

// signIn is an executor that can do nothing but sign in: everything else would panic.
func signIn(t *testing.T, tenant string) (*rig, *logins) {
	t.Helper()
	cfg, err := config.Parse([]byte("tenants:\n  - {id: " + contoso + ", name: contoso, " + tenant + "}\n"))
	if err != nil {
		t.Fatal(err)
	}
	l := &logins{}
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
			r, _ := signIn(t, "cloud: "+cloud+", auth: {client_id: client_id, client_secret: hush, redirect_uri: 'https://here.example/a b?c=d'}")
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
			if len(q.Get("state")) < 43 || len(q.Get("code_challenge")) != 43 {
				t.Errorf("link %s", link)
			}
			if strings.Contains(got.text+got.context, "hush") {
				t.Error("a secret is in the reply")
			}
			golden(t, "login.md", strings.ReplaceAll(got.text, link, "LINK"))
		})
	}
}

// TestLoginURLThatCanBeRedeemed is of a method that has a use for the code.
func TestLoginURLThatCanBeRedeemed(t *testing.T) {
	r, l := signIn(t, "auth: {method: authorization_code, client_id: client_id, client_secret: hush, redirect_uri: 'https://here.example/'}")
	var c checkpoint.Config
	c.SetDefaults()
	c.Kind, c.Path = checkpoint.KindFile, t.TempDir()
	documents := daemon.NewDocuments(c)
	l.Documents = documents
	got := r.do("!generate-login-url")
	if got.err != nil {
		t.Fatal(got.err)
	}
	_, rest, _ := strings.Cut(got.text, "(")
	link, _, _ := strings.Cut(rest, ")")
	golden(t, "login_code.md", strings.ReplaceAll(got.text, link, "LINK"))
	if stored, err := documents.Document(t.Context(), contoso, "login"); err != nil || len(stored) == 0 {
		t.Errorf("nothing is remembered: %v", err)
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

// TestLoginByFile never has the code in the message, and reads nothing that could be another secret.
func TestLoginByFile(t *testing.T) {
	r, l := signIn(t, "auth: {client_id: client_id, client_secret: hush, redirect_uri: 'https://here.example/'}")
	dir := t.TempDir()
	file := filepath.Join(dir, "code")
	if err := os.WriteFile(file, []byte("https://here.example/?code=abc&state=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := r.do("!login code_file=" + file)
	if got.err != nil || got.context != `{"login":{"signed_in":true,"tenant":"`+contoso+`"}}` || !strings.Contains(got.text, "contoso") {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff([]string{"contoso https://here.example/?code=abc&state=x\n"}, l.redeemed); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(file, make([]byte, 20<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	r.do("!login code_file="+file).refused(t, control.OutcomeRefused, "16 KiB")
	r.do("!login code_file="+dir).refused(t, control.OutcomeRefused, "no file")
	r.do("!login code_file="+file+".gone").refused(t, control.OutcomeRefused, "code_file")
	r.do("!login").refused(t, control.OutcomeRefused, "connector login")
	if len(l.redeemed) != 1 {
		t.Errorf("redeemed %q", l.redeemed)
	}
}
