package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if os.Getenv("EMULATOR_MAIN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program runs this command and returns the lines that it prints first.
func program(t *testing.T, args ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "EMULATOR_MAIN=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, bufio.NewScanner(out)
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestProgramServesUntilSIGTERM(t *testing.T) {
	certificate, secure := filepath.Join(t.TempDir(), "ca.pem"), free(t)
	cmd, lines := program(t, "--listen", "127.0.0.1:0", "--tls-listen", secure, "--cert-out", certificate, "--records", "100",
		"--fault", "html,operation=content", "--tenant", "33333333-3333-3333-3333-333333333333,app,secret,100,ActivityFeed.Read")
	var text strings.Builder
	base := ""
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "source:") {
		if base == "" {
			base = lines.Text()
		}
		text.WriteString(lines.Text() + "\n")
	}
	for _, want := range []string{"id: 33333333-3333-3333-3333-333333333333", "authority: https://" + secure, "client_id: app"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%s lacks %q", text.String(), want)
		}
	}
	pem, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	for _, link := range []string{base + "/truth/summary", "https://" + secure + "/common/discovery/instance"} {
		res, err := client.Get(link)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", link, res.StatusCode)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("end: %v", err)
	}
}

func TestBadFlagsAreToldTogether(t *testing.T) {
	_, err := flags{Tenants: []string{"contoso", "44444444-4444-4444-4444-444444444444,,,many"}, Faults: []string{"nonsense"}}.config()
	for _, want := range []string{`tenant "contoso"`, "requests per minute", "--fault nonsense"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}
