// Package leak runs the connector with a marked secret in each place that takes one, lets everything go wrong around it,
// and looks for the secrets, and for each token that was issued, in all that it says.
package leak

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

func TestNothingThatIsSaidHoldsASecret(t *testing.T) {
	t.Run("passwords", passwords)
	t.Run("files and tokens", filesAndTokens)
	t.Run("no setting is left out", coverage)
}

// passwords has every method of sign-in, passwords for Kafka, Redis and Sentinel, and services that refuse them for a
// while.
func passwords(t *testing.T) {
	s := newStand(t)
	o := s.newTenants()
	_, url := newUpstream(t, emulator.New(o.emulator), s.shelf)
	for _, variable := range o.env {
		s.env = append(s.env, strings.ReplaceAll(variable, "{url}", url))
	}
	k, r := s.secureKafka(), s.secureRedis()
	config := s.passwordsConfig(strings.ReplaceAll(o.yaml.String(), "{url}", url), k, r)
	s.covers(config)
	count := s.read(k.broker.Address())
	end := s.run(config)
	s.until("events and dead letters of the tenants", func() bool {
		return count("incidents") > 20 && count("dead-letters") > 5
	})
	k.setPassword(s.shelf.mark("another password at Kafka")) // which the brokers ask for every other second
	r.setPassword("other")
	s.until("refusals by Kafka and Redis", func() bool {
		told := s.heard("log") + s.heard("/readyz")
		return strings.Contains(told, "WRONGPASS") && strings.Contains(told, "SASL Authentication Failed")
	})
	for _, command := range [][]string{
		{"config", "check"},
		{"config", "print"},
		{"diagnose"},
		{"status"},
		{"list-subscriptions"},
		{"list-content", "Audit.Exchange"},
		{"generate-login-url"},
		{"auth-reset"},
		{"checkpoint", "show"},
	} {
		s.call(append(command, "--config", config)...)
	}
	k.setPassword(k.password)
	r.setPassword(r.password)
	before := count("incidents")
	s.until("events again", func() bool { return count("incidents") > before+20 })
	for _, command := range [][]string{
		{"diagnose"},
		{"diagnose", "--output", "json"},
		{"status", "--via-kafka"},
		{"list-content", "Audit.Exchange", "--via-kafka"},
		{"list-subscriptions"},
		{"redrive", "Audit.Exchange", "--tenant", "by-key"},
		{"checkpoint", "show"},
	} {
		s.call(append(command, "--config", config)...)
	}
	s.visit()
	end(syscall.SIGQUIT) // the runtime prints all goroutines, as it does in a panic
	s.hearRedis(r)

	for _, name := range []string{"access token as issued", "client assertion"} {
		if s.shelf.count(name) < 2 {
			t.Errorf("no %s was seen", name)
		}
	}
	for where, text := range map[string]string{
		"log": "SIGQUIT: quit", "connector config print": "'***'", "/api/status": "AADSTS7000215", "/": "has ended",
		"/metrics": "connector_auth_credential_expires_seconds", s.name + ".status": "owned", s.name + ".dead-letters": "too-large",
		s.name + ".replies": "status", "connector diagnose": "AADSTS7000215", "redis": "watermark",
	} {
		if !strings.Contains(s.heard(where), text) {
			t.Errorf("%s does not say %q: the run was not what it should be", where, text)
		}
	}
	s.judge()
}

// passwordsConfig writes the configuration of passwords.
func (s *stand) passwordsConfig(tenants string, k *secureKafka, r *secureRedis) string {
	s.t.Helper()
	return s.file("connector.yaml", fmt.Sprintf(`
tenants: %s
source: {poll_interval: 500ms, sweep: {interval: 2s}}
kafka:
  brokers: [%q]
  topic: %[3]s.incidents
  dead_letter_topic: %[3]s.dead-letters
  status_topic: %[3]s.status
  journal_topic: %[3]s.journal
  compression: none
  tls: {enabled: true, ca_file: %[4]s, cert_file: %[5]s, key_file: %[6]s}
  sasl: {mechanism: scram-sha-512, username: %[7]s, password: %[8]q}
checkpoint:
  key_prefix: "%[3]s:"
  redis: {addresses: [%[9]q], sentinel_master: o365, username: connector, password: %[10]q, sentinel_username: connector, sentinel_password: %[11]q}
control: {topic: %[3]s.control, reply_topic: %[3]s.replies, group_id: "%[3]s", instance_id: one, hmac_key_file: %[12]s, partitions: 3}
http: {listen: %[13]q}
log: {level: debug}
redact: {fields: [UserId], key: %[14]q}
`, tenants, k.broker.SASLAddress, s.name, k.broker.CAFile, k.broker.User.CertFile,
		k.broker.User.KeyFile, k.user, k.password, r.sentinel.Addr, r.password, r.sentinelPassword,
		s.file("hmac.key", s.shelf.mark("key of commands")), s.page, s.shelf.mark("key of redaction")))
}

// filesAndTokens has secrets in files that change while it runs, and tokens for Kafka.
func filesAndTokens(t *testing.T) {
	s := newStand(t)
	api := emulator.Config{Seed: 7, Rate: 30, ContentTypes: []string{emulator.Exchange}, StaticToken: s.shelf.markPlain("static token in a file")}
	_, url := newUpstream(t, emulator.New(api), s.shelf)
	b := testbed.SecureKafka(t)
	login := testbed.NewLogin(t, b.Tokens, s.shelf.mark("client secret for Kafka"), testbed.LoginTerms{
		Subject: b.User.Name, Lifetime: 4 * time.Second, Claims: map[string]any{"aud": "https://other.test"},
	})
	r := &secureRedis{stand: s, master: testbed.OwnRedis(t), password: s.shelf.mark("password of Redis in a file")}
	r.setPassword(r.password)
	secret := s.file("kafka-secret", s.shelf.mark("wrong client secret for Kafka"))
	password := s.file("redis-password", s.shelf.mark("wrong password of Redis"))
	config := s.file("connector.yaml", fmt.Sprintf(`
tenants:
  - {id: %s, name: contoso, base_url: %q, authority: %[2]q, content_types: [Audit.Exchange], auth: {method: static, token_file: %[3]s}}
source: {poll_interval: 500ms}
kafka:
  brokers: [%[4]q]
  topic: %[5]s.incidents
  dead_letter_topic: %[5]s.dead-letters
  status_topic: %[5]s.status
  journal_topic: %[5]s.journal
  tls: {enabled: true, ca_file: %[6]s}
  sasl:
    mechanism: oauthbearer
    oauth: {tenant_id: contoso.com, authority: %[7]q, resource: %[8]q, auth: {client_id: app, client_secret_file: %[9]s}}
checkpoint: {key_prefix: "%[5]s:", redis: {addresses: [%[10]q], username: connector, password_file: %[11]s}}
control: {topic: %[5]s.control, reply_topic: %[5]s.replies, group_id: "%[5]s", instance_id: one, partitions: 3}
http: {listen: %[12]q}
log: {level: debug, format: text}
`, emulator.DefaultTenantID, url, s.file("token", api.StaticToken+"\n"), b.SASLAddress, s.name, b.CAFile, login.URL, testbed.TokenAudience,
		secret, r.master.Addr, password, s.page))
	s.covers(config)
	count := s.read(b.Address())
	end := s.run(config)
	said := func(text string) func() bool {
		return func() bool { return strings.Contains(s.heard("log")+s.heard("/readyz"), text) }
	}
	s.until("a refusal of the client secret", said("AADSTS7000215"))
	s.call("diagnose", "--config", config)
	s.file("kafka-secret", login.ClientSecret)
	s.until("a refusal of the token", said("invalid_token"))
	s.call("diagnose", "--config", config)
	login.Set(func(terms *testbed.LoginTerms) { terms.Claims = nil })
	s.until("a refusal of the password", said("WRONGPASS"))
	s.file("redis-password", r.password)
	s.until("events", func() bool { return count("incidents") > 20 && len(login.Tokens()) > 3 })
	s.file("redis-password", "") // which keeps the last one
	r.setPassword(r.password)
	s.until("a complaint about the file", said("its last good content still counts"))
	s.call("diagnose", "--config", config)
	s.call("config", "print", "--config", config)
	end(syscall.SIGTERM)
	s.hearRedis(r)
	for _, token := range login.Tokens() {
		s.shelf.token("token for Kafka", token)
	}
	if !said("secret file has changed")() {
		t.Error("the log does not tell of a changed secret")
	}
	s.judge()
}
