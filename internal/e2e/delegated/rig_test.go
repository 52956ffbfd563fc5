// Package delegated tests the sign-in of a person (method authorization_code) with the connector as processes, on a real
// Kafka and a real Redis, against an emulated login host that checks everything it is told.
package delegated

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

func TestMain(m *testing.M) { stage.Main(m) }

const (
	keyA = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	keyB = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
)

// rig is a stage whose tenant is read on behalf of a person.
type rig struct {
	*stage.Stage
	t     *testing.T
	code  string // the file of authorization_code_file
	key   string // the file of token_store.key_file
	redis *testbed.Server
}

func newRig(t *testing.T, c emulator.Config) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{t: t, code: filepath.Join(dir, "code"), key: filepath.Join(dir, "key"), redis: testbed.Redis(t)}
	r.write(r.key, keyA)
	c.ContentTypes = []string{emulator.Exchange, emulator.General}
	r.Stage = stage.New(t, stage.Parts{
		Emulator: c, Kafka: testbed.Kafka(t).Addresses(), Redis: r.redis.Addr,
		Tenants: fmt.Sprintf(`
  - id: %s
    name: contoso
    base_url: {url}
    authority: {url}
    content_types: [Audit.Exchange, Audit.General]
    auth:
      method: authorization_code
      client_id: %s
      client_secret: %s
      redirect_uri: http://localhost/back
      authorization_code_file: %s
      token_store: {key_file: %s}
`, emulator.DefaultTenantID, emulator.DefaultClientID, emulator.DefaultClientSecret, r.code, r.key),
		Settings: "source: {poll_interval: 300ms, proxy: false, first_fetch: 2h}\nlog: {level: debug}\n",
	})
	return r
}

func (r *rig) write(file, text string) {
	r.t.Helper()
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// command runs a command of the connector and returns what it printed.
func (r *rig) command(want int, args ...string) string {
	r.t.Helper()
	out := r.Call(r.t, append(args, "--config", r.Config("operator", "", ""))...)
	if out.Code != want {
		r.t.Fatalf("%v: status %d\n%s%s", args, out.Code, out.Stdout, out.Stderr)
	}
	r.clean(out.Stdout + out.Stderr)
	return out.Stdout + out.Stderr
}

// diagnose tries everything; what it says of the services is not looked at.
func (r *rig) diagnose() string {
	r.t.Helper()
	out := r.Call(r.t, "diagnose", "--config", r.Config("operator", "", ""))
	r.clean(out.Stdout + out.Stderr)
	return out.Stdout + out.Stderr
}

// obtains has diagnose obtain a token.
func (r *rig) obtains() {
	r.t.Helper()
	if out := r.diagnose(); !strings.Contains(out, "ok    token contoso: obtained") {
		r.t.Fatalf("diagnose says:\n%s", out)
	}
}

// clean fails the test if a text tells a secret.
func (r *rig) clean(text string) {
	r.t.Helper()
	for _, part := range []string{"0.code-", "1.refresh-", "eyJ", emulator.DefaultClientSecret, keyA, keyB} {
		if strings.Contains(text, part) {
			r.t.Errorf("a secret (%s...) is told:\n%s", part[:4], text)
		}
	}
}

// loginURL has a process of its own make a login URL.
func (r *rig) loginURL() string {
	r.t.Helper()
	out := r.command(0, "generate-login-url", "--output", "json")
	var answer struct{ MicrosoftManagement struct{ LoginURL string } }
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&answer); err != nil || answer.MicrosoftManagement.LoginURL == "" {
		r.t.Fatalf("%s: %v", out, err)
	}
	return answer.MicrosoftManagement.LoginURL
}

var address = regexp.MustCompile(`http://\S+/authorize\?\S+`)

// loginByBrowser runs connector login, follows the address that it prints, and comes back to it.
func (r *rig) loginByBrowser() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, stage.Binary(r.t), "login", "--config", r.Config("operator", "", ""), "--output", "json", "--timeout", "30s")
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	said := ""
	for buffer := make([]byte, 4096); !address.MatchString(said); {
		n, err := stderr.Read(buffer)
		said += string(buffer[:n])
		if err != nil {
			break
		}
	}
	back := testbed.Browse(r.t, address.FindString(said))
	for _, wrong := range []string{regexp.MustCompile(`state=[^&]+`).ReplaceAllString(back, "state=x"), strings.Replace(back, "/back", "/other", 1)} {
		if status := r.get(wrong); status != http.StatusBadRequest && status != http.StatusNotFound {
			r.t.Errorf("a foreign answer got %d", status)
		}
	}
	if status := r.get(back); status != http.StatusOK {
		r.t.Errorf("the browser got %d", status)
	}
	rest := new(bytes.Buffer)
	_, _ = rest.ReadFrom(stderr)
	if err := cmd.Wait(); err != nil || strings.TrimSpace(stdout.String()) != `{"login":{"signed_in":true,"tenant":"`+emulator.DefaultTenantID+`"}}` {
		r.t.Fatalf("%v\n%s%s%s", err, stdout.String(), said, rest)
	}
	r.clean(stdout.String() + said + rest.String())
}

func (r *rig) get(address string) int {
	r.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(address)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

// failing waits until an instance says that its streams fail, in certain words.
func (r *rig) failing(c *stage.Connector, words string) {
	r.t.Helper()
	var body []byte
	r.Until(time.Minute, "the status tells: "+words, func() bool {
		c.MustRun()
		_, body = c.Get("/api/status")
		return bytes.Contains(body, []byte(words))
	}, func() string { return string(body) + "\n" + c.Tail() })
	r.clean(string(body))
}

func (r *rig) signIns() emulator.SignIns { return r.API.SignIns(emulator.DefaultTenantID) }
