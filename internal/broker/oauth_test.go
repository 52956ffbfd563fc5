package broker_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/auth"
	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/testbed"
)

const tenantID = "11111111-1111-1111-1111-111111111111"

func newLogin(t *testing.T, b *testbed.SecureBroker) *testbed.Login {
	return testbed.NewLogin(t, b.Tokens, "hush-hush", testbed.LoginTerms{Subject: b.User.Name, Lifetime: time.Hour})
}

func withTokens(l *testbed.Login, b *testbed.SecureBroker) broker.Config {
	c := broker.Config{Brokers: []string{b.SASLAddress}, TLS: broker.TLS{Enabled: true, CAFile: b.CAFile}}
	c.SASL.Mechanism = broker.OAuthBearer
	c.SASL.OAuth = broker.OAuth{
		TenantID: tenantID, Authority: l.URL, Resource: testbed.TokenAudience,
		Auth:       auth.Config{Method: auth.MethodClientSecret, ClientID: "app", ClientSecret: "hush-hush", ClientSecretExpires: "2027-03-31"},
		Extensions: map[string]string{"logicalCluster": "lkc-1", "identityPoolId": "pool-1"},
	}
	return c
}

func TestTokenOpensConnections(t *testing.T) {
	b := testbed.SecureKafka(t)
	l := newLogin(t, b)
	conn := connect(t, withTokens(l, b))
	for range 3 {
		if _, err := conn.ClusterID(ask(t)); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	dialed, err := conn.Dialer.DialContext(ask(t), "tcp", b.SASLAddress) // as groups do
	if err != nil {
		t.Fatal(err)
	}
	dialed.Close()
	if scopes := l.Scopes(); len(scopes) != 1 || !strings.HasPrefix(scopes[0], testbed.TokenAudience+"/.default") {
		t.Errorf("asked for tokens with scopes %q", scopes)
	}
	if end := conn.Credentials(); len(end) != 1 || end[0].Kind != "client_secret" || !strings.HasPrefix(end[0].Hint, "kafka.sasl.oauth: ") {
		t.Errorf("credentials %+v", end)
	}
	if err := conn.CreateTopic(ask(t), broker.NewTopic{Name: testbed.Name(t), Partitions: 1, Replication: 1}); err != nil {
		t.Error(err)
	}
}

func TestTokensAreRenewedForLaterConnections(t *testing.T) {
	b := testbed.SecureKafka(t)
	l := newLogin(t, b)
	l.Set(func(terms *testbed.LoginTerms) { terms.Lifetime = 2 * time.Second })
	conn := connect(t, withTokens(l, b))
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		conn.Close()
		if _, err := conn.ClusterID(ask(t)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(l.Scopes()); n < 3 || n > 8 {
		t.Errorf("asked %d times for a token of 2 s within 5 s", n)
	}
}

func TestRefusedTokensAreExplained(t *testing.T) {
	b := testbed.SecureKafka(t)
	l := newLogin(t, b)
	l.Set(func(terms *testbed.LoginTerms) { terms.Claims = map[string]any{"aud": "https://other.test"} })
	conn := connect(t, withTokens(l, b))
	expect := func(kind broker.Kind, text, hint string) {
		t.Helper()
		conn.Close()
		_, err := conn.ClusterID(ask(t))
		p := conn.Explain(err, broker.About{})
		if p == nil || p.Kind != kind || !strings.Contains(p.Error(), text) || !strings.Contains(p.Hint, hint) {
			t.Fatalf("problem %+v, want kind %s with %q and %q", p, kind, text, hint)
		}
		if strings.Contains(p.Error()+p.Hint, "hush") || strings.Contains(p.Error(), "eyJ") {
			t.Errorf("a secret is told: %v %s", p, p.Hint)
		}
	}
	expect(broker.WrongToken, "invalid_token", "kafka.sasl.oauth.resource")
	asked := len(l.Scopes())
	for range 3 {
		expect(broker.WrongToken, "invalid_token", "")
	}
	if n := len(l.Scopes()) - asked; n != 0 {
		t.Errorf("a refused token is replaced %d times at once, want after a minute", n)
	}
	dialed, err := conn.Dialer.DialContext(ask(t), "tcp", b.SASLAddress)
	if err == nil {
		dialed.Close()
	}
	if p := conn.Explain(err, broker.About{}); p == nil || p.Kind != broker.WrongToken {
		t.Errorf("a group's connection: %+v", p)
	}

	l.Set(func(terms *testbed.LoginTerms) { terms.Claims = nil })
	conn = connect(t, withTokens(l, b))
	if _, err := conn.ClusterID(ask(t)); err != nil {
		t.Fatal(err)
	}
	l.Set(func(terms *testbed.LoginTerms) { terms.Refuse = true })
	conn = connect(t, withTokens(l, b))
	expect(broker.NoToken, "AADSTS7000215", "kafka.sasl.oauth: the client secret is wrong")
	l.Close()
	conn = connect(t, withTokens(l, b)) // since what failed is not repeated at once
	expect(broker.NoToken, "get a token for Kafka", "login host cannot be reached")
}

func TestAdviceNamesTheSubjectOfTheToken(t *testing.T) {
	b := testbed.SecureKafka(t)
	l := newLogin(t, b)
	l.Set(func(terms *testbed.LoginTerms) { terms.Subject = b.Guest.Name })
	conn := connect(t, withTokens(l, b))
	topic := testbed.Name(t)
	err := conn.CreateTopic(ask(t), broker.NewTopic{Name: topic, Partitions: 1, Replication: 1})
	if p := conn.Explain(err, broker.About{Topic: topic}); p == nil || !strings.Contains(p.Hint, "'User:guest'") {
		t.Errorf("problem %+v of %v", p, err)
	}
}

func TestTokenFromAFile(t *testing.T) {
	b := testbed.SecureKafka(t)
	file := filepath.Join(t.TempDir(), "token")
	c := broker.Config{Brokers: []string{b.SASLAddress}, TLS: broker.TLS{Enabled: true, CAFile: b.CAFile}}
	c.SASL.Mechanism = broker.OAuthBearer
	c.SASL.OAuth.Auth = auth.Config{Method: auth.MethodStatic, TokenFile: file}
	conn := connect(t, c)
	_, err := conn.ClusterID(ask(t))
	if p := conn.Explain(err, broker.About{}); p == nil || p.Kind != broker.NoToken || !strings.Contains(p.Error(), "token_file") {
		t.Errorf("missing file: %+v", p)
	}
	write(t, file, "two words")
	_, err = conn.ClusterID(ask(t))
	if p := conn.Explain(err, broker.About{}); p == nil || p.Kind != broker.NoToken || strings.Contains(p.Error(), "words") {
		t.Errorf("no token: %+v", p)
	}
	conn = connect(t, c)
	put := func(lifetime time.Duration) {
		token, err := b.Tokens.Token(b.User.Name, lifetime, nil)
		if err != nil {
			t.Fatal(err)
		}
		write(t, file, token+"\n")
	}
	put(2 * time.Second)
	if _, err := conn.ClusterID(ask(t)); err != nil {
		t.Fatal(err)
	}
	put(time.Hour) // and the old one expires
	time.Sleep(3 * time.Second)
	conn.Close()
	if _, err := conn.ClusterID(ask(t)); err != nil {
		t.Fatal(err)
	}
}
