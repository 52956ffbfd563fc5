package broker_test

import (
	"strings"
	"testing"

	"o365-kafka-connector/internal/broker"
)

func TestConfigTellsEveryProblem(t *testing.T) {
	c := broker.Config{
		Brokers: []string{"kafka-1", "kafka-2:9092", "http://kafka-3:9092", "k:0"},
		TLS:     broker.TLS{CAFile: "ca.pem", CertFile: "c.pem"},
		SASL:    broker.SASL{Mechanism: "gssapi"},
	}
	err := c.Validate()
	if err == nil {
		t.Fatal("valid")
	}
	var keys []string
	for line := range strings.Lines(err.Error()) {
		key, _, _ := strings.Cut(line, ":")
		keys = append(keys, key)
	}
	want := "brokers brokers brokers tls.enabled tls.cert_file sasl.mechanism sasl.username sasl.password"
	if got := strings.Join(keys, " "); got != want {
		t.Errorf("keys %q, want %q\n%v", got, want, err)
	}
	both := broker.Config{Brokers: []string{"a:1"}, SASL: broker.SASL{Mechanism: broker.Plain, Username: "u", Password: "p", PasswordFile: "f"}}
	if err := both.Validate(); err == nil || !strings.HasPrefix(err.Error(), "sasl.password_file: ") {
		t.Errorf("password by value and by file: %v", err)
	}
	var d broker.Config
	d.SetDefaults()
	if err := d.Validate(); err != nil {
		t.Errorf("defaults: %v", err)
	}
	if (broker.Config{}).Validate() == nil {
		t.Error("no brokers: valid")
	}
}

func TestNewTellsBadFiles(t *testing.T) {
	for name, c := range map[string]broker.TLS{
		"kafka.tls.ca_file":   {Enabled: true, CAFile: "absent.pem"},
		"kafka.tls.cert_file": {Enabled: true, CertFile: "absent.pem", KeyFile: "absent.key"},
	} {
		_, err := broker.New(broker.Config{Brokers: []string{"a:1"}, TLS: c}, "test")
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
