// Package leak runs the connector with a marked secret in each place that takes one, lets everything go wrong around it,
// and looks for the secrets, and for each token that was issued, in all that it says.
package leak

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"o365-kafka-connector/internal/emulator"
)

// TestNothingThatIsSaidHoldsASecret has every method of sign-in, passwords for Kafka, Redis and Sentinel, and services
// that refuse them for a while.
func TestNothingThatIsSaidHoldsASecret(t *testing.T) {
	s := newStand(t)
	o := s.newTenants()
	_, url := newUpstream(t, emulator.New(o.emulator), s.shelf)
	for _, variable := range o.env {
		s.env = append(s.env, strings.ReplaceAll(variable, "{url}", url))
	}
	k, r := s.secureKafka(), s.secureRedis()
	config := s.file("connector.yaml", fmt.Sprintf(`
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
`, strings.ReplaceAll(o.yaml.String(), "{url}", url), k.broker.SASLAddress, s.name, k.broker.CAFile, k.broker.User.CertFile,
		k.broker.User.KeyFile, k.user, k.password, r.sentinel.Addr, r.password, r.sentinelPassword,
		s.file("hmac.key", s.shelf.mark("key of commands")), s.page))
	s.covers(config)
	count := s.read(k.broker.Address())
	end := s.run(config)
	s.until("events and dead letters of the tenants", func() bool {
		return count("incidents") > 20 && count("dead-letters") > 5 && s.heard("log") != ""
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

	for _, name := range []string{"access token in use", "access token as issued", "client assertion", "federated token"} {
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
