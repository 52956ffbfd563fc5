package control

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/unit"
)

func TestSignedCommands(t *testing.T) {
	onKafka(t, func(r *rig) {
		file := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(file, []byte("a key that nobody guesses\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		r.config.HMACKeyFile = file
		r.join("a", change{})
		r.whole(10*time.Second, "a")
		s := streamsOf(contoso)[1]
		client, err := NewClient(r.config, r.conn)
		if err != nil {
			t.Fatal(err)
		}
		r.client = client
		signed := func(value string) kafka.Header {
			return kafka.Header{Key: "signature", Value: []byte(client.signer.Sign([]byte(value)))}
		}
		rest := `","expires":"` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `","tenant":"contoso","command":"pause","arguments":{"content_type":"Audit.Exchange"}}`
		r.send(s.Key(), `{"id":"unsigned`+rest)
		r.send(s.Key(), `{"id":"wrong`+rest, signed(`{"id":"right`+rest))
		for id, code := range map[string]string{"unsigned": "unsigned", "wrong": "bad_signature"} {
			if got := r.answersTo(id, 1)[0]; got.Outcome != OutcomeRefused || got.Error.Code != code || r.effects(id) != 0 {
				t.Errorf("%+v, done %d times", got, r.effects(id))
			}
		}
		if got := r.ask(pause(s, "signed")); got.Outcome != OutcomeDone {
			t.Errorf("%+v", got)
		}
		for reply, err := range client.Do(t.Context(), pause(s, "")) { // without a deadline
			if err != nil || reply.Outcome != OutcomeDone {
				t.Errorf("%+v, %v", reply, err)
			}
		}
		// The signature goes along when the command is passed on.
		value := `{"id":"passed` + rest
		r.sendTo((Shard(s, 12)+1)%12, "", value, signed(value))
		if got := r.answersTo("passed", 1)[0]; got.Outcome != OutcomeDone {
			t.Errorf("%+v", got)
		}
	})
}

// A signed command is only taken if no copy of it can be done again, later or to another stream.
func TestSignedCommandsAreBound(t *testing.T) {
	signer := &Signer{key: []byte("0123456789abcdef")}
	n := &generation{Group: &Group{signer: signer, config: Config{MaxAge: unit.Duration(24 * time.Hour), Topic: "t"}}}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]string{
		`{"id":"a","expires":"2026-11-23T13:00","tenant":"contoso","command":"pause","arguments":{"content_type":"DLP.All"}}`: "",
		`!pause id=a expires=2026-11-23T13:00 tenant=contoso content_type=DLP.All`:                                            "",
		`{"id":"a","expires":"2026-11-23T13:00","tenant":"contoso","command":"auth-reset"}`:                                   "",
		`{"command":"status"}`:            "",
		`{"command":"stop-subscription"}`: "lacks id, expires, tenant, content_type",
		`{"id":"","expires":null,"tenant":"contoso","command":"pause","arguments":{"content_type":"DLP.All"}}`:          "lacks id, expires",
		`{"id":"a","expires":"2026-11-23T13:00","command":"pause","arguments":{"content_type":"DLP.All"}}`:              "lacks tenant",
		`{"id":"a","expires":"2026-11-23T13:00","tenant":"contoso","command":"pause"}`:                                  "lacks content_type",
		`{"id":"a","expires":"2026-12-24","tenant":"contoso","command":"pause","arguments":{"content_type":"DLP.All"}}`: "expires more than 30 days",
	} {
		for _, key := range []string{tenantID + "/DLP.All", "22222222-1111-1111-1111-111111111111/Audit.Exchange"} {
			m := message{value: []byte(value), size: len(value), key: key, time: now.AddDate(3, 0, 0)} // its sender's idea
			m.headers = map[string]string{"signature": signer.Sign(m.value)}
			_, _, err := n.parse(m, now)
			switch {
			case want == "" && err != nil:
				t.Errorf("%s: %v", value, err)
			case want != "" && (err == nil || AsRefusal(err).Code != "unbound" || !strings.Contains(err.Error(), want)):
				t.Errorf("%s: %v, want %s", value, err, want)
			}
		}
	}
}
