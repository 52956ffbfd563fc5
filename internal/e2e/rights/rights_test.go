package rights

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

// access is how an account reaches Kafka.
func access(b *testbed.SecureBroker, a testbed.Account) string {
	return fmt.Sprintf(`brokers: ["%s"]
  tls: {enabled: true, ca_file: "%s"}
  sasl: {mechanism: plain, username: "%s", password: "%s"}`, b.SASLAddress, b.CAFile, a.Name, a.Password)
}

func newStage(t *testing.T, b *testbed.SecureBroker) *stage.Stage {
	t.Helper()
	return stage.New(t, stage.Parts{
		Emulator: emulator.Config{BacklogRecords: 300, Backlog: 50 * time.Minute, Rate: 2}, Kafka: b.Addresses(), Redis: testbed.Redis(t).Addr,
		Access: access(b, b.Guest), Settings: "source: {poll_interval: 1s, first_fetch: 2h}\n",
	})
}

// grant replaces what is documented for a principal by an account's rights.
func grant(t *testing.T, b *testbed.SecureBroker, a testbed.Account, entries []kafka.ACLEntry) {
	t.Helper()
	if err := b.Grant(t.Context(), a, entries...); err != nil {
		t.Fatal(err)
	}
}

// advice is what diagnose tells to do.
func advice(t *testing.T, s *stage.Stage, config string) (string, int) {
	t.Helper()
	out := s.Call(t, "diagnose", "--config", config, "--output", "json")
	var d struct {
		Diagnose struct{ Checks []struct{ Hint string } }
	}
	if err := json.Unmarshal([]byte(out.Stdout), &d); err != nil {
		t.Fatalf("%s%s: %v", out.Stdout, out.Stderr, err)
	}
	var hints []string
	for _, c := range d.Diagnose.Checks {
		hints = append(hints, c.Hint)
	}
	return strings.Join(hints, "\n"), out.Code
}

// The connector works with the rights that are documented, and misses each of them: diagnose and the running process
// name it with the command that grants it.
func TestEachRightOfTheConnectorIsNeeded(t *testing.T) {
	b := testbed.SecureKafka(t)
	s := newStage(t, b)
	all := documented(t, "connector", s)
	grant(t, b, b.Guest, all)
	config := s.Config("diagnosed", "127.0.0.1:0", "")
	// It would be made with the first letter only, and what may be done with a topic is told once it is there.
	if err := b.CreateTopic(t.Context(), s.Topic("dead-letters"), 3); err != nil {
		t.Fatal(err)
	}

	first := s.Start("first", "")
	s.Settled(time.Minute, first)
	s.Until(20*time.Second, "no right is missing", func() bool {
		hints, code := advice(t, s, config)
		return code == 0 && !strings.Contains(hints, "kafka-acls.sh")
	}, func() string { hints, _ := advice(t, s, config); return hints })
	first.Stop()

	for _, e := range all {
		if e.Operation == kafka.ACLOperationTypeCreate {
			continue
		}
		t.Run(name(e), func(t *testing.T) {
			s := s.In(t)
			if err := b.Revoke(t.Context(), b.Guest, e); err != nil {
				t.Fatal(err)
			}
			defer grant(t, b, b.Guest, []kafka.ACLEntry{e})
			var hints string
			var code int
			s.Until(20*time.Second, "diagnose names the right", func() bool {
				hints, code = advice(t, s, config)
				return granted(hints, b.Guest.Name, e)
			}, func() string { return hints })
			if warns := e.Operation == kafka.ACLOperationTypeDescribeConfigs; warns != (code == 0) {
				t.Errorf("diagnose ended with %d", code)
			}
			c := s.Start("second", "")
			defer c.Kill()
			s.Until(20*time.Second, "the log names the right", func() bool {
				c.MustRun()
				return granted(c.Tail(), b.Guest.Name, e)
			}, c.Tail)
		})
	}

	last := s.Start("last", "")
	defer last.Stop()
	before := s.Tally.Total()
	s.Until(30*time.Second, "goes on with all rights", func() bool { return s.Tally.Total() > before }, last.Tail)
}

// Without the right to create topics that are missing each of them is named, and the connector goes on when it is
// granted.
func TestMissingRightToCreateTopicsIsNamed(t *testing.T) {
	b := testbed.SecureKafka(t)
	s := newStage(t, b)
	var rest, create []kafka.ACLEntry
	for _, e := range documented(t, "connector", s) {
		if e.Operation == kafka.ACLOperationTypeCreate {
			create = append(create, e)
		} else {
			rest = append(rest, e)
		}
	}
	grant(t, b, b.Guest, rest)
	config := s.Config("diagnosed", "127.0.0.1:0", "")
	var hints string
	s.Until(20*time.Second, "diagnose names each topic", func() bool {
		hints, _ = advice(t, s, config)
		for _, topic := range []string{"incidents", "dead-letters", "status", "journal"} {
			if !strings.Contains(hints, "--operation Create --topic "+s.Topic(topic)+" ; or create it yourself: kafka-topics.sh") {
				return false
			}
		}
		return strings.Contains(hints, "--topic "+s.Topic("control")) || strings.Contains(hints, "--topic "+s.Topic("replies"))
	}, func() string { return hints })
	c := s.Start("first", "")
	defer c.Stop()
	for _, e := range create {
		s.Until(20*time.Second, "the log names the right", func() bool { return granted(c.Tail(), b.Guest.Name, e) }, c.Tail)
	}
	grant(t, b, b.Guest, create)
	s.Settled(time.Minute, c)
}

// An operator needs two rights to give commands, and is told each of them.
func TestEachRightOfAnOperatorIsNeeded(t *testing.T) {
	b := testbed.SecureKafka(t)
	s := newStage(t, b)
	grant(t, b, b.Guest, documented(t, "connector", s))
	all := documented(t, "operator", s)
	grant(t, b, b.Operator, all)
	c := s.Start("first", "")
	defer c.Stop()
	s.Settled(time.Minute, c)
	config := s.Reaching(access(b, b.Operator)).Config("operator", "127.0.0.1:0", "")
	for _, command := range [][]string{{"list-subscriptions", "--via-kafka"}, {"redrive", emulator.Exchange}} {
		if out := s.Call(t, append(command, "--config", config)...); out.Code != 0 {
			t.Fatalf("%v: %+v\n%s", command, out, c.Tail())
		}
	}
	for _, e := range all {
		t.Run(name(e), func(t *testing.T) {
			s := s.In(t)
			if err := b.Revoke(t.Context(), b.Operator, e); err != nil {
				t.Fatal(err)
			}
			defer grant(t, b, b.Operator, []kafka.ACLEntry{e})
			var out stage.Output
			s.Until(20*time.Second, "the command names the right", func() bool {
				out = s.Call(t, "list-subscriptions", "--via-kafka", "--config", config)
				return out.Code == 1 && granted(out.Stderr, b.Operator.Name, e)
			}, func() string { return out.Stderr })
		})
	}
}

// consumes reports whether the account of operators can read a committed record as a member of the documented group.
func consumes(t *testing.T, b *testbed.SecureBroker, s *stage.Stage) bool {
	t.Helper()
	authority, err := os.ReadFile(b.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	client, err := kgo.NewClient(
		kgo.SeedBrokers(b.SASLAddress), kgo.DialTLSConfig(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}),
		kgo.SASL(plain.Auth{User: b.Operator.Name, Pass: b.Operator.Password}.AsMechanism()),
		kgo.ConsumeTopics(s.Topic("incidents")), kgo.ConsumerGroup(s.Name+"-siem"), kgo.DisableAutoCommit(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if client.PollFetches(ctx).NumRecords() > 0 {
			return true
		}
	}
	return false
}

// A consumer needs what is documented.
func TestEachRightOfAConsumerIsNeeded(t *testing.T) {
	b := testbed.SecureKafka(t)
	s := newStage(t, b)
	grant(t, b, b.Guest, documented(t, "connector", s))
	c := s.Start("first", "")
	s.Settled(time.Minute, c)
	c.Stop()
	all := documented(t, "siem", s)
	reads := func() bool { return consumes(t, b, s) }
	grant(t, b, b.Operator, all)
	s.Until(20*time.Second, "records are read", reads, nil)
	for _, e := range all {
		if err := b.Revoke(t.Context(), b.Operator, e); err != nil {
			t.Fatal(err)
		}
		s.Until(20*time.Second, "nothing is read without "+name(e), func() bool { return !reads() }, nil)
		grant(t, b, b.Operator, []kafka.ACLEntry{e})
		s.Until(20*time.Second, "records are read again", reads, nil)
	}
}
