package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/emulator"
)

func TestWrongUsage(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(broken, []byte("tenants: []\nsource: {timout: 1s}\nkafka: {delivery: twice}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONNECTOR_CONFIG", broken)
	for name, tc := range map[string]struct {
		args []string
		want []string
	}{
		"no command":           {nil, []string{"expected one of"}},
		"unknown command":      {[]string{"subscribe", "Audit.Exchange"}, []string{"unexpected argument subscribe"}},
		"unknown flag":         {[]string{"run", "--now"}, []string{"unknown flag --now"}},
		"unknown output":       {[]string{"diagnose", "--output", "xml"}, []string{"--output"}},
		"missing file":         {[]string{"run", "--config", "nowhere.yaml"}, []string{"nowhere.yaml", "does not exist"}},
		"broken configuration": {[]string{"run"}, []string{"source.timout: unknown key: did you mean timeout?", "kafka.delivery:", "tenants:"}},
		"the same for check":   {[]string{"config", "check"}, []string{"source.timout", "kafka.delivery:", "tenants:"}},
		"the same for print":   {[]string{"config", "print"}, []string{"source.timout"}},
		"the same for listing": {[]string{"list-subscriptions", "--output=json"}, []string{"source.timout"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := call(t, tc.args...)
			if got.code != exitUsage {
				t.Errorf("exit status %d, want %d", got.code, exitUsage)
			}
			for _, want := range tc.want {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("standard error lacks %q:\n%s", want, got.stderr)
				}
			}
			if got.stdout != "" {
				t.Errorf("standard output: %s", got.stdout)
			}
		})
	}
}

func TestVersionAndHelp(t *testing.T) {
	version = "1.2.3"
	defer func() { version = "" }()
	if got := call(t, "version"); got != (outcome{stdout: "1.2.3\n"}) {
		t.Errorf("version: %+v", got)
	}
	if got := call(t, "--help"); got.code != exitDone || !strings.Contains(got.stdout, "list-subscriptions") || got.stderr != "" {
		t.Errorf("help: %+v", got)
	}
}

func TestConfigCheckAndPrint(t *testing.T) {
	r := newRig(t, emulator.Config{})
	path := r.config(r.tenant(), "")
	if got := call(t, "config", "check", "--config", path); got != (outcome{stdout: path + " is fine: tenants: 1, streams: 5\n"}) {
		t.Errorf("check: %+v", got)
	}
	got := call(t, "config", "print", "--config", path)
	if got.code != exitDone || !strings.Contains(got.stdout, "client_secret: '***'") || strings.Contains(got.stdout, emulator.DefaultClientSecret) {
		t.Errorf("print: %+v", got)
	}
}

func TestEmptyVariableNamesNoFile(t *testing.T) {
	t.Setenv("CONNECTOR_CONFIG", "")
	t.Chdir(t.TempDir())
	got := call(t, "config", "check")
	if got.code != exitUsage || !strings.Contains(got.stderr, "configuration ./connector.yaml is not usable") {
		t.Errorf("%+v", got)
	}
}

func TestConfigCheckReadsTheFilesThatAreNamed(t *testing.T) {
	r := newRig(t, emulator.Config{})
	path := r.config(strings.Replace(r.tenant(), "http:", "ftp:", 1)+"    source: {ca_file: nowhere.pem}\n",
		"kafka: {tls: {enabled: true, ca_file: nowhere.pem}}\ncheckpoint: {redis: {tls: {enabled: true, ca_file: nowhere.pem}}}\n")
	got := call(t, "config", "check", "--config", path)
	if got.code != exitUsage || !strings.Contains(got.stderr, "base_url: must be scheme and host") {
		t.Errorf("wrong address: %+v", got)
	}
	path = r.config(r.tenant()+"    source: {ca_file: nowhere.pem}\n",
		"kafka: {tls: {enabled: true, ca_file: nowhere.pem}}\ncheckpoint: {redis: {tls: {enabled: true, ca_file: nowhere.pem}}}\n")
	got = call(t, "config", "check", "--config", path)
	if got.code != exitUsage || strings.Count(got.stderr, "nowhere.pem") != 3 {
		t.Errorf("missing files, want all three: %+v", got)
	}
}

func TestOriginalNames(t *testing.T) {
	for _, tc := range []struct{ args, want []string }{
		{[]string{"list-subscriptions", "a=b"}, []string{"list-subscriptions", "a=b"}},
		{[]string{"!ms-management-activity-list-subscriptions"}, []string{"ms-management-activity-list-subscriptions"}},
		{[]string{"MS-Management-Activity-Auth-Reset", "tenant=A"}, []string{"ms-management-activity-auth-reset", "--tenant=A"}},
		{
			[]string{`!ms-management-activity-list-content content_type=Audit.Exchange operations_filter="A, B" using=x`, "--output", "json"},
			[]string{"ms-management-activity-list-content", "--content-type=Audit.Exchange", "--operations-filter=A, B", "--output", "json"},
		},
		{[]string{"pause", "a b=c"}, []string{"pause", "a b=c"}},
		{
			[]string{"--config=x", "ms-management-activity-list-content", "content_type=Audit.Exchange", "--tenant=a", "start_time=1"},
			[]string{"--config=x", "ms-management-activity-list-content", "--content-type=Audit.Exchange", "--tenant=a", "--start-time=1"},
		},
	} {
		if diff := cmp.Diff(tc.want, shortNames(tc.args)); diff != "" {
			t.Errorf("%q: %s", tc.args, diff)
		}
	}
}

func TestFirstSignalEndsTheContextAndTheSecondTheProcess(t *testing.T) {
	exits := make(chan int, 1)
	ctx, stop := onSignals(t.Context(), func(code int) { exits <- code })
	defer stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	select {
	case code := <-exits:
		t.Fatalf("exit %d after one signal", code)
	case <-time.After(50 * time.Millisecond):
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := <-exits; code != exitFailed {
		t.Errorf("exit %d, want %d", code, exitFailed)
	}
}

func TestGraceBoundsTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		drained := within(ctx, 20*time.Second, func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(19 * time.Second)
			return nil
		})
		if took := time.Since(began); drained != nil || took != 79*time.Second {
			t.Errorf("drained in time: %v after %s", drained, took)
		}
		began = time.Now()
		err := within(ctx, 20*time.Second, func(context.Context) error {
			time.Sleep(time.Hour)
			return nil
		})
		if took := time.Since(began); err == nil || took != 20*time.Second {
			t.Errorf("not drained: %v after %s", err, took)
		}
		if err := within(ctx, time.Second, func(context.Context) error { return errors.New("refused") }); err == nil || err.Error() != "refused" {
			t.Errorf("error of the work = %v", err)
		}
		time.Sleep(time.Hour)
	})
}

func TestCommandsAnswerInJSON(t *testing.T) {
	version = "1.2.3"
	defer func() { version = "" }()
	if got := call(t, "version", "--output", "json"); got != (outcome{stdout: `{"version":"1.2.3"}` + "\n"}) {
		t.Errorf("version: %+v", got)
	}
	r := newRig(t, emulator.Config{})
	path := r.config(r.tenant(), "")
	want := fmt.Sprintf(`{"config":{"file":%q,"ok":true,"streams":5,"tenants":1}}`+"\n", path)
	if got := call(t, "config", "check", "--output=json", "--config", path); got != (outcome{stdout: want}) {
		t.Errorf("config check: %+v", got)
	}
	got := call(t, "config", "print", "--output=json", "--config", path)
	var printed struct {
		Config struct {
			Tenants []struct {
				Auth map[string]any `json:"auth"`
			} `json:"tenants"`
		} `json:"config"`
	}
	if err := json.Unmarshal([]byte(got.stdout), &printed); err != nil || got.code != 0 || len(printed.Config.Tenants) != 1 {
		t.Fatalf("config print: %v: %+v", err, got)
	}
	if printed.Config.Tenants[0].Auth["client_secret"] != "***" || strings.Contains(got.stdout, emulator.DefaultClientSecret) {
		t.Errorf("secret is printed: %s", got.stdout)
	}
}
