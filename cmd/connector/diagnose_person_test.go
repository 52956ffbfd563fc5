package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

const (
	sealingKey      = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	otherSealingKey = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
)

// person is a rig whose tenant is read on behalf of somebody.
type person struct {
	*rig

	auth  string        // further keys of the section auth, as YAML in one line
	ahead *atomic.Int64 // by how much the login host's clock is
}

func (p *person) file() string {
	entry := fmt.Sprintf("  - {id: %s, name: contoso, base_url: %s, authority: %[2]s, content_types: [Audit.General], auth: {method: authorization_code, %s, client_secret: %s, redirect_uri: \"http://localhost/back\"%s}}\n",
		emulator.DefaultTenantID, p.url, app, emulator.DefaultClientSecret, p.auth)
	return p.config(entry, "")
}

// loginURL has the connector make a login URL.
func (p *person) loginURL() string {
	p.t.Helper()
	got := call(p.t, "generate-login-url", "--config", p.file(), "--output", "json")
	var answer struct{ MicrosoftManagement struct{ LoginURL string } }
	if err := json.Unmarshal([]byte(got.stdout), &answer); err != nil || got.code != exitDone {
		p.t.Fatalf("status %d: %s%s", got.code, got.stdout, got.stderr)
	}
	return answer.MicrosoftManagement.LoginURL
}

// enters puts a code, or an address with one, into the configuration.
func (p *person) enters(answer string) { p.auth = fmt.Sprintf(", authorization_code: %q", answer) }

// signsIn leaves a stored sign-in whose access token has ended.
func (p *person) signsIn(answer string) {
	p.t.Helper()
	p.enters(answer)
	if _, d := diagnose(p.t, p.file()); len(d.Diagnose.Checks) < 4 || d.Diagnose.Checks[3].Status != fine {
		p.t.Fatalf("%+v", d.Diagnose.Checks)
	}
	time.Sleep(1100 * time.Millisecond)
}

// personTrouble is a way in which the sign-in of a person goes wrong.
type personTrouble struct {
	check, message, hint string
	bring                func(p *person)
}

func codeTroubles() map[string]personTrouble {
	return map[string]personTrouble{
		"nobody": {"token", "nobody is signed in", "connector login", func(*person) {}},
		"no file": {"token", "no such file", "auth.authorization_code_file", func(p *person) {
			p.auth = ", authorization_code_file: /gone"
		}},
		"auth-reset": {"token", "is used up", "sign in anew", func(p *person) {
			p.signsIn(testbed.Browse(p.t, p.loginURL()))
			if got := call(p.t, "auth-reset", "--config", p.file()); got.code != exitDone {
				p.t.Fatal(got.stderr)
			}
		}},
		"lost answer": {"token", "AADSTS54005", "redeemed before", func(p *person) {
			p.enters(testbed.Browse(p.t, p.loginURL()))
			if err := p.api.SetFaults(emulator.Fault{Kind: emulator.TokenLost, First: 1}); err != nil {
				p.t.Fatal(err)
			}
			_, d := diagnose(p.t, p.file())
			personTrouble{"token", "may be used up", "try once more", nil}.isTold(p.t, d)
		}},
		"late": {"token", "AADSTS70008", "a code lasts ten minutes", func(p *person) {
			p.enters(testbed.Browse(p.t, p.loginURL()))
			p.ahead.Store(int64(11 * time.Minute))
		}},
		"another login URL": {"token", "AADSTS501481", "the whole address", func(p *person) {
			older := p.loginURL()
			_ = p.loginURL()
			u, err := url.Parse(testbed.Browse(p.t, older))
			if err != nil {
				p.t.Fatal(err)
			}
			p.enters(u.Query().Get("code"))
		}},
		"declined": {"token", "the sign-in was refused", "sign in anew", func(p *person) {
			if err := p.api.SetFaults(emulator.Fault{Kind: emulator.SignInDeclined}); err != nil {
				p.t.Fatal(err)
			}
			p.auth = ", authorization_code_file: " + written(p.t, []byte(testbed.Browse(p.t, p.loginURL())))
		}},
	}
}

func storeTroubles() map[string]personTrouble {
	return map[string]personTrouble{
		"revoked": {"token", "AADSTS50173", "sign in anew", func(p *person) {
			p.signsIn(testbed.Browse(p.t, p.loginURL()))
			p.api.RevokeSignIns(emulator.DefaultTenantID)
		}},
		"unused": {"token", "AADSTS700082", "sign in anew", func(p *person) {
			p.signsIn(testbed.Browse(p.t, p.loginURL()))
			time.Sleep(time.Second)
		}},
		"no refresh token": {"token", "brought no refresh token", "offline_access", func(p *person) {
			p.signsIn(testbed.Browse(p.t, strings.Replace(p.loginURL(), "+offline_access", "", 1)))
		}},
		"another key": {"token", "it was encrypted with another key", "auth-reset", func(p *person) {
			p.auth = ", token_store: {key: " + sealingKey + "}"
			answer := testbed.Browse(p.t, p.loginURL())
			p.auth += fmt.Sprintf(", authorization_code: %q", answer)
			if _, d := diagnose(p.t, p.file()); d.Diagnose.Checks[3].Status != fine {
				p.t.Fatalf("%+v", d.Diagnose.Checks)
			}
			p.auth = ", token_store: {key: " + otherSealingKey + "}"
		}},
		"no key": {"configuration", "is not 32 bytes", "", func(p *person) { p.auth = ", token_store: {key: short}" }},
		"no key in the file": {"token", "is not 32 bytes", "auth.token_store.key_file", func(p *person) {
			p.auth = ", token_store: {key_file: " + written(p.t, []byte("short")) + "}"
			p.keep()
		}},
	}
}

// keep stores something that a key is needed for.
func (p *person) keep() {
	p.t.Helper()
	if err := p.redis.Set("o365:{"+emulator.DefaultTenantID+"}:signin", "sealed"); err != nil {
		p.t.Fatal(err)
	}
}

// Each way in which the sign-in of a person goes wrong is told as docs/authentication.md says, in one line and with what
// to do.
func TestDiagnoseExplainsEachTroubleOfAPersonsSignIn(t *testing.T) {
	for _, group := range []map[string]personTrouble{codeTroubles(), storeTroubles()} {
		for name, trouble := range group {
			t.Run(name, func(t *testing.T) {
				var ahead atomic.Int64
				p := &person{ahead: &ahead, rig: newRig(t, emulator.Config{
					TokenLifetime: time.Second, RefreshLifetime: 2 * time.Second,
					Clock: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
				})}
				trouble.bring(p)
				_, d := diagnose(t, p.file())
				trouble.isTold(t, d)
				if !documented(t)[trouble.check+": "+trouble.message] {
					t.Errorf("docs/authentication.md does not say that the check %q tells of %q", trouble.check, trouble.message)
				}
				if text := fmt.Sprint(d); strings.Contains(text, "0.code-") || strings.Contains(text, "1.refresh-") || strings.Contains(text, "eyJ") {
					t.Errorf("a secret is told: %s", text)
				}
			})
		}
	}
}

func (m personTrouble) isTold(t *testing.T, d diagnosed) {
	t.Helper()
	misconfiguration{check: m.check, status: failed, message: m.message, hint: m.hint}.isAmong(t, d.Diagnose.Checks)
}
