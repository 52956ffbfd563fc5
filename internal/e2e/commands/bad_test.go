package commands

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

// origin is the id of a command that has none.
func origin(k *kgo.Record) string { return fmt.Sprintf("%s/%d/%d", k.Topic, k.Partition, k.Offset) }

// works asks for something harmless on the same partition: the loop that reads it is alive.
func (r *rig) works(key string) {
	r.t.Helper()
	r.ask(key, map[string]any{"command": "status", "tenant": first}).want(r.t, "done")
}

// of returns the streams of an owner, sorted.
func of(owners map[string]string, owner string) []string {
	var out []string
	for key, o := range owners {
		if o == owner {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

func TestBadCommandsStopNothing(t *testing.T) {
	t.Parallel()
	elsewhere := testbed.Name(t)
	r := newRig(t, stage.Parts{
		Tenants: stage.Tenant(first, "contoso") + stage.Tenant(second, "fabrikam"),
		Emulator: emulator.Config{
			Tenants: []emulator.Tenant{{ID: first}, {ID: second}}, Seed: 6, BacklogRecords: 1000, Backlog: 50 * time.Minute, Rate: 5,
		},
		Control: "reply_topics: [" + elsewhere + "]",
	})
	r.createTopic(elsewhere, 1)
	a, b := r.Start("a", ""), r.Start("b", "")
	owners := r.settled(10, a, b)
	key := of(owners, "a")[0]
	tenant, contentType, _ := strings.Cut(key, "/")
	const known = "use one of start-subscription, stop-subscription, list-subscriptions, list-content, generate-login-url, login, status, pause"
	for name, tc := range map[string]struct{ value, outcome, code, hint string }{
		"cut JSON":              {`{"command":"pau`, "invalid", "malformed", `send {"command"`},
		"rubbish":               {"\x00\xff\xfe{\"\x01", "unknown_command", "unknown_command", known},
		"nothing":               {"", "invalid", "invalid_argument", ""},
		"unknown command":       {`{"command":"drop-everything"}`, "unknown_command", "unknown_command", known},
		"unknown line":          {`!drop-everything content_type=DLP.All`, "unknown_command", "unknown_command", known},
		"unknown argument":      {`{"command":"pause","arguments":{"content-type":"DLP.All"}}`, "invalid", "invalid_argument", "it takes content_type"},
		"unknown tenant":        {`{"command":"pause","tenant":"nobody"}`, "invalid", "invalid_argument", ""},
		"not allowed":           {`{"command":"auth-reset"}`, "refused", "not_allowed", "control.allow has start-subscription"},
		"more than 1 MiB":       {`{"command":"pause","issued_by":"` + strings.Repeat("x", 1<<20) + `"}`, "invalid", "too_large", "at most 1048576"},
		"1 MB":                  {`{"command":"pause","issued_by":"` + strings.Repeat("x", 1000000-34) + `"}`, "invalid", "invalid_argument", ""},
		"1 MB of nested arrays": {strings.Repeat("[", 1000000), "unknown_command", "unknown_command", known},
		"1 MB of nested JSON":   {`{"arguments":` + strings.Repeat("[", 1000000-13), "invalid", "malformed", ""},
		"expired":               {`{"command":"pause","expires":"2026-01-01T00:00:00Z"}`, "expired", "expired", "send it again"},
		"foreign reply topic":   {`{"command":"pause","reply_to":"` + r.Topic("control") + `"}`, "refused", "reply_topic", "control.reply_topics"},
	} {
		k := r.produce(key, tc.value)
		got := r.in(t).answer(origin(k), 1)[0]
		if got.Outcome != tc.outcome || got.Error == nil || got.Error.Code != tc.code || !strings.Contains(got.Error.Hint, tc.hint) {
			t.Errorf("%s: %s", name, got.value)
		}
		r.works(key)
	}
	if state := lineOf(a, key).State; state == "paused" {
		t.Error("a bad command paused the stream")
	}
	r.leftBehind(a, "drop-everything", "unknown_command")

	id, value := r.message(map[string]any{"command": "pause", "reply_to": elsewhere})
	keys := make(chan string, 10)
	r.Read(elsewhere, func(k *kgo.Record) { keys <- string(k.Key) })
	r.produce(key, value)
	for got := ""; got != id; {
		select {
		case got = <-keys:
		case <-time.After(20 * time.Second):
			t.Fatal("no reply on the topic that reply_to names")
		}
	}

	t.Run("duplicates", func(t *testing.T) { r.in(t).duplicates(owners, of(owners, "b")[0]) })
	t.Run("keys", func(t *testing.T) {
		r.in(t).keys(map[string]*stage.Connector{"a": a, "b": b}, owners)
	})
	if n := r.API.Stats().CountOf(tenant, contentType, "stop", ""); n != 0 {
		t.Errorf("%d stops of %s, want none", n, key)
	}
}

// leftBehind looks for log line and status message of a command that was refused.
func (r *rig) leftBehind(c *stage.Connector, name, outcome string) {
	r.t.Helper()
	found := false
	for _, l := range c.Lines("command") {
		found = found || l["command"] == name && l["outcome"] == outcome && l["topic"] == r.Topic("control") && l["id"] != ""
	}
	told := r.statusesOf("command", func(m told) bool {
		return m.Cause == outcome && strings.Contains(m.Message, "command="+name+" ") && strings.Contains(m.Message, "outcome="+outcome) &&
			strings.Contains(m.Message, "topic="+r.Topic("control"))
	})
	if !found || len(told) == 0 {
		r.t.Errorf("%s left a log line: %t, and %d status messages", name, found, len(told))
	}
}

// duplicates sends a command several times, also at once, also to a partition that is not its stream's.
func (r *rig) duplicates(owners map[string]string, key string) {
	tenant, contentType, _ := strings.Cut(key, "/")
	id, value := r.message(map[string]any{
		"command": "stop-subscription", "tenant": tenant, "arguments": map[string]any{"content_type": contentType},
	})
	other := of(owners, "a")[1]
	for _, k := range []string{key, key, other, key} {
		r.produce(k, value)
	}
	one := r.answer(id, 1)[0].want(r.t, "done")
	r.produce(key, value)
	for n := 2; n <= 5; n++ {
		if again := r.answer(id, n)[0]; again.value != one.value {
			r.t.Errorf("a repeat is answered %s, before it was %s", again.value, one.value)
		}
	}
	if n := r.API.Stats().CountOf(tenant, contentType, "stop", ""); n != 1 {
		r.t.Errorf("%d stops, want 1", n)
	}
}

// keys sends commands on a stream by keys that are not its own: each is passed on once and done by the owner.
func (r *rig) keys(instances map[string]*stage.Connector, owners map[string]string) {
	for _, owner := range []string{"a", "b"} {
		key := of(owners, owner)[2]
		tenant, contentType, _ := strings.Cut(key, "/")
		for _, with := range []string{of(owners, "a")[3], of(owners, "b")[3], tenant, "", "no-such-key"} {
			id, value := r.message(map[string]any{
				"command": "checkpoint-show", "tenant": tenant, "arguments": map[string]any{"content_type": contentType},
			})
			r.produce(with, value)
			one := r.answer(id, 1)[0].want(r.t, "done")
			if one.Tenant != tenant {
				r.t.Errorf("reply %s", one.value)
			}
			for name, c := range instances {
				want := 0
				if name == owner {
					want = 1
				}
				if n := len(slices.DeleteFunc(c.Lines("command"), func(l map[string]any) bool { return l["id"] != id })); n != want {
					r.t.Errorf("key %q: %s did the command of %s %d times, want %d", with, name, owner, n, want)
				}
			}
			if n := r.onTopic(id); n > 2 {
				r.t.Errorf("key %q: the command is %d times on the topic", with, n)
			}
		}
		r.works(key)
	}
	// A header that says the command was passed on already does not make it go round, nor be done in a wrong place.
	key, wrong := of(owners, "a")[2], of(owners, "b")[3]
	tenant, contentType, _ := strings.Cut(key, "/")
	r.ask(wrong, map[string]any{
		"command": "pause", "tenant": tenant, "arguments": map[string]any{"content_type": contentType},
	}, kgo.RecordHeader{Key: "hop", Value: []byte("1")}).want(r.t, "invalid")
}

// onTopic is how often a command is on the control topic.
func (r *rig) onTopic(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, k := range r.control {
		if strings.Contains(string(k.Value), `"`+id+`"`) {
			n++
		}
	}
	return n
}

func TestSignedCommandsOnly(t *testing.T) {
	t.Parallel()
	file, secret := filepath.Join(t.TempDir(), "hmac.key"), []byte("0123456789abcdef0123456789abcdef")
	if err := os.WriteFile(file, append(secret, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, stage.Parts{Emulator: emulator.Config{Seed: 6, Rate: 5}, Control: "hmac_key_file: " + file})
	a := r.Start("a", "")
	r.settled(5, a)
	sign := func(value string) kgo.RecordHeader {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(value))
		return kgo.RecordHeader{Key: "signature", Value: []byte(hex.EncodeToString(mac.Sum(nil)))}
	}
	key := first + "/" + emulator.Exchange
	send := func(key string, sign func(value string) []kgo.RecordHeader) reply {
		t.Helper()
		id, value := r.message(map[string]any{
			"command": "pause", "tenant": first, "expires": time.Now().UTC().Add(time.Minute).Format(time.RFC3339),
			"arguments": map[string]any{"content_type": emulator.Exchange},
		})
		r.produce(key, value, sign(value)...)
		return r.answer(id, 1)[0]
	}
	for name, tc := range map[string]struct {
		code string
		sign func(value string) []kgo.RecordHeader
	}{
		"unsigned":              {"unsigned", func(string) []kgo.RecordHeader { return nil }},
		"signed for another":    {"bad_signature", func(value string) []kgo.RecordHeader { return []kgo.RecordHeader{sign(value + " ")} }},
		"rubbish for signature": {"bad_signature", func(string) []kgo.RecordHeader { return []kgo.RecordHeader{{Key: "signature", Value: []byte("x")}} }},
	} {
		if got := send(key, tc.sign).want(t, "refused"); got.Error == nil || got.Error.Code != tc.code {
			t.Errorf("%s: %s", name, got.value)
		}
	}
	if state := lineOf(a, key).State; state == "paused" {
		t.Error("an unsigned command paused the stream")
	}
	signed := func(value string) []kgo.RecordHeader { return []kgo.RecordHeader{sign(value)} }
	send(key, signed).want(t, "done")
	send("", signed).want(t, "done") // passed on with its signature
	id, bare := r.message(map[string]any{"command": "pause"})
	r.produce(key, bare, sign(bare))
	if got := r.answer(id, 1)[0].want(t, "refused"); got.Error == nil || got.Error.Code != "unbound" {
		t.Errorf("a signed command that could be meant for any stream: %s", got.value)
	}
	out := r.Call(t, "resume", emulator.Exchange, "--via-kafka", "--config", r.cli)
	if out.Code != 0 || out.Stdout != "Stream contoso/Audit.Exchange is resumed\n" {
		t.Errorf("resume by the command line: %+v", out)
	}
}

// createTopic makes a topic that the connector does not make.
func (r *rig) createTopic(name string, partitions int32) {
	r.t.Helper()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, 1
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Topics, req.TimeoutMillis = append(req.Topics, topic), 10000
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	if _, err := req.RequestWith(ctx, r.producer); err != nil {
		r.t.Fatalf("create topic %s: %v", name, err)
	}
}
