package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/audit"
)

func TestGoldenReplies(t *testing.T) {
	s := schema(t, "reply.schema.json")
	start := Command{ID: "c-1", Name: StartSubscription, Tenant: tenantID}
	enabled, err := Context(map[string]any{"MicrosoftManagement": map[string]any{
		"Subscription": map[string]any{"ContentType": "Audit.Exchange", "Enabled": true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	fault := &audit.Fault{Cause: audit.CauseNoPermission, Hint: "grant ActivityFeed.Read", Err: errors.New("start subscription: AF10001")}
	done := complete(start, Reply{HumanReadable: "Successfully started subscription to content type: Audit.Exchange", Context: enabled})
	done.Last = true
	_, unknown := Parse([]byte(`{"command":"format-disk"}`), from, now)
	_, invalid := Parse([]byte(`{"command":"status","arguments":{"x":1}}`), from, now)
	var out []byte
	for _, r := range []Reply{
		done,
		complete(start, Reply{Outcome: OutcomeAlreadyEnabled}),
		complete(start, Reply{Outcome: OutcomeRefused, HumanReadable: "Not now"}),
		ErrorReply(start, fmt.Errorf("do command: %w", fault)),
		ErrorReply(Command{ID: "o365.control/3/42", Typed: "format-disk"}, unknown),
		ErrorReply(Command{ID: "c-2", Name: ShowStatus}, invalid),
		ErrorReply(start, expired(now, nil)),
	} {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := conforms(t, s, string(line)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		out = append(append(out, line...), '\n')
	}
	golden(t, "replies.jsonl", out)
}

func records(n, size int) Reply {
	var list []map[string]any
	for i := range n {
		list = append(list, map[string]any{"ID": i, "Text": strings.Repeat("x", size)})
	}
	c, _ := Context(map[string]any{"MicrosoftManagement": map[string]any{"ContentRecord": list, "More": []int{1}}})
	return complete(Command{ID: "c", Name: ListContent}, Reply{Context: c, HumanReadable: strings.Repeat("| a line of the table |\n", n)})
}

func TestSplit(t *testing.T) {
	for _, r := range []Reply{records(0, 0), records(1, 10), records(1000, 100), records(3, 600), records(200, 1)} {
		const limit = 1000
		parts, err := Split(r, limit)
		if err != nil {
			t.Fatal(err)
		}
		var text string
		var ids []string
		for _, p := range parts {
			line, err := json.Marshal(p)
			if err != nil || len(line) > limit {
				t.Fatalf("a part has %d bytes (%v)", len(line), err)
			}
			var c struct {
				MicrosoftManagement struct{ ContentRecord []struct{ ID json.Number } }
			}
			if err := json.Unmarshal(p.Context, &c); err != nil {
				t.Fatal(err)
			}
			text += p.HumanReadable
			for _, rec := range c.MicrosoftManagement.ContentRecord {
				ids = append(ids, rec.ID.String())
			}
		}
		if text != r.HumanReadable {
			t.Errorf("the text differs")
		}
		for i, id := range ids {
			if id != fmt.Sprint(i) {
				t.Fatalf("record %d has id %s", i, id)
			}
		}
		if n := strings.Count(string(r.Context), `"ID"`); n != len(ids) {
			t.Errorf("%d of %d records", len(ids), n)
		}
	}
	if _, err := Split(records(1, 2000), 1000); !errors.Is(err, errIndivisible) {
		t.Errorf("a record that fits nowhere: %v", err)
	}
	if _, err := Split(records(100, 8), 500); err != nil {
		t.Error(err)
	}
}

// Putting lists together and merging objects gives back what was divided.
func TestSplitSeveralLists(t *testing.T) {
	text := `{"status":{"instance":"one","members":["a","b","c"],"none":[],"streams":["` + strings.Repeat(`xxxxxxxxxxxxxxxxxxxx","`, 40) + `"]}}`
	r := complete(Command{ID: "c", Name: ShowStatus}, Reply{Context: json.RawMessage(text)})
	parts, err := Split(r, 700)
	if err != nil || len(parts) < 3 {
		t.Fatal(len(parts), err)
	}
	type status struct {
		Instance               string
		Members, None, Streams []string
	}
	var want, got struct{ Status status }
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		var part struct{ Status status }
		if err := json.Unmarshal(p.Context, &part); err != nil {
			t.Fatal(err)
		}
		got.Status.Instance += part.Status.Instance
		got.Status.Members = append(got.Status.Members, part.Status.Members...)
		got.Status.Streams = append(got.Status.Streams, part.Status.Streams...)
		if part.Status.None != nil {
			got.Status.None = part.Status.None
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("a\nb\nc", `{"a":[1,2,3],"b":{"c":[1]}}`)
	f.Add(strings.Repeat("é", 400), `{}`)
	f.Fuzz(func(t *testing.T, text, context string) {
		var v map[string]any
		if json.Unmarshal([]byte(context), &v) != nil || v == nil {
			t.Skip()
		}
		r := complete(Command{ID: "c", Name: ListContent}, Reply{HumanReadable: strings.ToValidUTF8(text, "?"), Context: json.RawMessage(context)})
		parts, err := Split(r, 400)
		if err != nil {
			return
		}
		got := ""
		for _, p := range parts {
			if size, err := encodedSize(p); err != nil || size > 400 {
				t.Fatalf("a part of %d bytes, %v", size, err)
			}
			got += p.HumanReadable
		}
		if got != r.HumanReadable {
			t.Fatalf("%q became %q", r.HumanReadable, got)
		}
	})
}

func TestSign(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("key of 16 bytes!\r\n")
	s, err := NewSigner(file)
	if err != nil {
		t.Fatal(err)
	}
	value := []byte(`{"command":"status"}`)
	const want = "08bac75f8bf27e77124dc50cc18de7cb0d8052f56e6f4c1aa9a61e1496450d42" // openssl dgst -sha256 -hmac 'key of 16 bytes!'
	signature := s.Sign(value)
	if signature != want {
		t.Errorf("signature %q", signature)
	}
	if err := s.Verify(value, strings.ToUpper(signature)); err != nil {
		t.Error(err)
	}
	for name, wrong := range map[string]string{"none": "", "cut": signature[:62], "text": "secret", "another's": strings.Repeat("00", 32)} {
		if err := s.Verify(value, wrong); err == nil || AsRefusal(err).Outcome != OutcomeRefused || strings.Contains(err.Error(), "16 bytes") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Verify(append(value, ' '), signature); err == nil {
		t.Error("another value passes")
	}
	write("short\n")
	if _, err := NewSigner(file); err == nil || strings.Contains(err.Error(), "short\n") || !strings.Contains(err.Error(), "at least 16") {
		t.Errorf("short key: %v", err)
	}
	if _, err := NewSigner(file + "x"); err == nil {
		t.Error("a key file that is not there is no error")
	}
	none, err := NewSigner("")
	if err != nil || none.Verify(value, "") != nil || none.Sign(value) != "" {
		t.Errorf("no key: %v", err)
	}
}

func TestAllowed(t *testing.T) {
	contoso, fabrikam := audit.Tenant{ID: tenantID, Name: "contoso"}, audit.Tenant{ID: "2", Name: "fabrikam"}
	for _, tc := range []struct {
		allow  string
		name   Name
		tenant audit.Tenant
		want   bool
	}{
		{"", Pause, contoso, true},
		{"", AuthReset, contoso, false},
		{"", ShowStatus, audit.Tenant{}, true},
		{"auth-reset", AuthReset, contoso, true},
		{"auth-reset", Pause, contoso, false},
		{"contoso/pause", Pause, contoso, true},
		{"contoso/pause", Pause, fabrikam, false},
		{tenantID + "/pause status", Pause, contoso, true},
		{"contoso/status", ShowStatus, audit.Tenant{}, false},
		{"ms-management-activity-list-content", ListContent, fabrikam, true},
		{"CONTOSO/Pause", Pause, contoso, true},
	} {
		c := Config{Allow: strings.Fields(tc.allow)}
		if got := c.Allowed(tc.name, tc.tenant); got != tc.want {
			t.Errorf("allow %q: %s for %q: %v", tc.allow, tc.name, tc.tenant.Name, got)
		}
	}
}

func TestShardIsKafkasOwn(t *testing.T) {
	for n := 1; n <= 100; n++ {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		for _, ct := range audit.ContentTypes() {
			s := audit.Stream{Tenant: audit.Tenant{ID: "AAAAAAAA-1111-1111-1111-11111111111" + fmt.Sprint(n%10)}, ContentType: ct}
			key := strings.ToLower(s.Tenant.ID) + "/" + string(ct)
			want := (kafka.Murmur2Balancer{}).Balance(kafka.Message{Key: []byte(key)}, all...)
			if got := Shard(s, n); got != want {
				t.Fatalf("shard of %s among %d is %d, Kafka's partitioner says %d", key, n, got, want)
			}
			c := Command{Tenant: s.Tenant.ID, Arguments: Arguments{ContentType: ct}}
			if !bytes.Equal([]byte(Key(c)), []byte(key)) {
				t.Fatalf("key %q, want %q", Key(c), key)
			}
		}
	}
}
