package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/emulator"
)

// diagnosed is what `diagnose --output json` prints.
type diagnosed struct {
	Diagnose struct {
		OK     bool      `json:"ok"`
		Checks []finding `json:"checks"`
	} `json:"diagnose"`
}

func diagnose(t *testing.T, path string) (int, diagnosed) {
	t.Helper()
	got := call(t, "diagnose", "--config", path, "--output", "json")
	if got.stderr != "" {
		t.Errorf("standard error: %s", got.stderr)
	}
	var d diagnosed
	if err := json.Unmarshal([]byte(got.stdout), &d); err != nil {
		t.Fatalf("%s: %v", got.stdout, err)
	}
	return got.code, d
}

func TestDiagnoseFindsNothing(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 200})
	path := r.config(r.tenant(), "")
	code, d := diagnose(t, path)
	if code != exitDone || !d.Diagnose.OK {
		t.Errorf("exit status %d: %+v", code, d)
	}
	if keys := r.redis.Keys(); len(keys) > 0 {
		t.Errorf("diagnose left %q in Redis", keys)
	}
	var checks []string
	for _, f := range d.Diagnose.Checks {
		if f.Status == failed {
			t.Errorf("%+v", f)
		}
		if len(checks) == 0 || checks[len(checks)-1] != f.Check {
			checks = append(checks, f.Check)
		}
	}
	want := []string{
		"configuration", "login host", "api host", "token", "subscriptions", "clock", "content Audit.AzureActiveDirectory",
		"content Audit.Exchange", "content Audit.SharePoint", "content Audit.General", "content DLP.All",
		"kafka", "topics", "control", "redis", "checkpoint owner",
	}
	if diff := cmp.Diff(want, checks); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
}

// Each way of being broken is told by the check that it belongs to, with what to do.
func TestDiagnoseFindsWhatIsWrong(t *testing.T) {
	const nobody = "127.0.0.1:1"
	for name, tc := range map[string]struct {
		emulator emulator.Config
		tenant   func(*rig) string
		rest     string
		before   func(*testing.T, *rig)
		check    string
		status   verdict
		message  string
		hint     string
	}{
		"nobody listens at the login host": {
			tenant: func(r *rig) string {
				return strings.Replace(r.tenant(), "authority: "+r.url, "authority: http://"+nobody, 1)
			},
			check: "login host", status: failed, message: "connection refused", hint: "firewall",
		},
		"wrong secret": {
			tenant: func(r *rig) string { return r.entry(emulator.DefaultTenantID, "contoso", "wrong") },
			check:  "token", status: failed, message: "AADSTS7000215", hint: "client secret is wrong",
		},
		"audit log switched off": {
			emulator: emulator.Config{Faults: []emulator.Fault{{Kind: emulator.AuditOff}}},
			check:    "subscriptions", status: failed, message: "the audit log is switched off", hint: "Purview",
		},
		"subscriptions missing": {
			emulator: emulator.Config{Unsubscribed: true},
			check:    "subscriptions", status: doubtful, message: "not enabled: Audit.AzureActiveDirectory", hint: "auto_subscribe",
		},
		"subscriptions missing, and not started by us": {
			emulator: emulator.Config{Unsubscribed: true},
			tenant:   func(r *rig) string { return r.tenant() + "    auto_subscribe: false\n" },
			check:    "subscriptions", status: doubtful, message: "not enabled", hint: "set auto_subscribe: true",
		},
		"no permission for DLP": {
			emulator: emulator.Config{Faults: []emulator.Fault{{
				Kind: emulator.Error, ContentType: emulator.DLP, Status: 401, Code: "AF10001", Text: "The permission set () is not enough.",
			}}},
			check: "content DLP.All", status: failed, message: "AF10001", hint: "ActivityFeed.ReadDlp",
		},
		"clock": {
			emulator: emulator.Config{Faults: []emulator.Fault{{Kind: emulator.ClockOffset, Delay: time.Hour}}},
			check:    "clock", status: failed, message: "ahead of the API's", hint: "NTP",
		},
		"Redis away": {
			rest:  `checkpoint: {redis: {addresses: ["` + nobody + `"]}}`,
			check: "redis", status: failed, message: "connection refused", hint: "start Redis",
		},
		"Redis wants a password": {
			before: func(_ *testing.T, r *rig) { r.redis.RequireAuth("hush") },
			check:  "redis", status: failed, message: "NOAUTH", hint: "checkpoint.redis.password",
		},
		"checkpoints of another deployment": {
			before: func(t *testing.T, r *rig) {
				if err := r.redis.Set("o365:deployment", `{"group_id":"other"}`); err != nil {
					t.Fatal(err)
				}
			},
			check: "checkpoint owner", status: failed, message: `it belongs to group "other"`, hint: "",
		},
		"Kafka away": {
			rest:  `kafka: {brokers: ["` + nobody + `"]}`,
			check: "kafka", status: failed, message: "connection refused", hint: "kafka.brokers",
		},
		"owner unknown while Kafka is away": {
			rest:  `kafka: {brokers: ["` + nobody + `"]}`,
			check: "checkpoint owner", status: doubtful, message: "not checked", hint: "repair",
		},
		"topics that nobody creates": {
			rest:  "kafka: {brokers: [BROKER], create_topics: false}",
			check: "topics", status: failed, message: "o365.incidents", hint: "kafka-topics.sh",
		},
		"another number of control partitions": {
			before: func(t *testing.T, r *rig) {
				conn, err := broker.New(broker.Config{Brokers: r.kafka.ListenAddrs()}, "test")
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if err := conn.CreateTopic(t.Context(), broker.NewTopic{Name: "o365.control", Partitions: 5, Replication: 1}); err != nil {
					t.Fatal(err)
				}
			},
			check: "control", status: failed, message: "o365.control has 5 partitions, control.partitions is 12", hint: "control",
		},
		"directory of checkpoints cannot be made": {
			rest:  "checkpoint: {kind: file, path: /dev/null/cp}",
			check: "checkpoint", status: failed, message: "mkdir /dev/null", hint: "checkpoint.path",
		},
		"file of events cannot be made": {
			rest:  "sink: {kind: file, path: /dev/null/out}",
			check: "sink", status: failed, message: "/dev/null/out", hint: "sink.path",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tc.emulator)
			tenant := r.tenant()
			if tc.tenant != nil {
				tenant = tc.tenant(r)
			}
			path := r.config(tenant, strings.ReplaceAll(tc.rest, "BROKER", `"`+r.kafka.ListenAddrs()[0]+`"`)+"\n")
			if tc.before != nil {
				tc.before(t, r)
			}
			code, d := diagnose(t, path)
			if want := map[verdict]int{failed: exitFailed, doubtful: code}[tc.status]; code != want || d.Diagnose.OK != (code == exitDone) {
				t.Errorf("exit status %d, ok %t", code, d.Diagnose.OK)
			}
			for _, f := range d.Diagnose.Checks {
				if f.Check == tc.check && f.Status == tc.status && strings.Contains(f.Message, tc.message) && strings.Contains(f.Hint, tc.hint) {
					return
				}
			}
			t.Errorf("no check %q with %s, %q and %q: %+v", tc.check, tc.status, tc.message, tc.hint, d.Diagnose.Checks)
		})
	}
}

func TestDiagnoseOfABrokenConfiguration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(path, []byte("fetsch: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := call(t, "diagnose", "--config", path)
	if got.code != exitUsage || !strings.Contains(got.stdout, "FAIL  configuration: ") || !strings.Contains(got.stdout, "did you mean fetch?") {
		t.Errorf("%+v", got)
	}
	if code, d := diagnose(t, path); code != exitUsage || d.Diagnose.OK || len(d.Diagnose.Checks) != 1 {
		t.Errorf("json: %d %+v", code, d)
	}
}

func TestDiagnoseForPeople(t *testing.T) {
	r := newRig(t, emulator.Config{})
	got := call(t, "diagnose", "--config", r.config(r.entry(emulator.DefaultTenantID, "contoso", "wrong"), ""))
	if got.code != exitFailed || !strings.Contains(got.stdout, "\nFAIL  token contoso: ") ||
		!strings.Contains(got.stdout, "\n      what to do: the client secret is wrong") || !strings.Contains(got.stderr, "1 of ") {
		t.Errorf("%+v", got)
	}
}

// Some errors end in their hint, which stands on a line of its own.
func TestHintsAreToldOnce(t *testing.T) {
	inner := &broker.Problem{Kind: broker.Passing, Hint: "wait", Err: errors.New("not now")}
	err := fmt.Errorf("ask for members: %w: %s", inner, inner.Hint)
	if got := explain(err); got != "ask for members: not now\n  what to do: wait" {
		t.Errorf("%q", got)
	}
	var out strings.Builder
	d := &diagnosis{show: &out}
	d.try(t.Context(), finding{Check: "control"}, time.Second, func(context.Context) (string, error) { return "", err })
	if out.String() != "FAIL  control: ask for members: not now\n      what to do: wait\n" {
		t.Errorf("%q", out.String())
	}
}
