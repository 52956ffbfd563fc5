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

func TestOAuthConfigTellsEveryProblem(t *testing.T) {
	good := broker.Config{Brokers: []string{"kafka-1:9092"}, TLS: broker.TLS{Enabled: true}}
	good.SetDefaults()
	good.TLS.Enabled, good.SASL.Mechanism = true, broker.OAuthBearer
	good.SASL.OAuth.TenantID, good.SASL.OAuth.Resource = "contoso.com", "https://kafka.test"
	good.SASL.OAuth.Auth.ClientID, good.SASL.OAuth.Auth.ClientSecret = "app", "hush"
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(c *broker.Config){
		"tls.enabled: ":                    func(c *broker.Config) { c.TLS.Enabled, c.Brokers = false, []string{"localhost:9092", "kafka-1:9092"} },
		"sasl.mechanism: must be oauth":    func(c *broker.Config) { c.SASL.Mechanism = "" },
		"sasl.username: means nothing":     func(c *broker.Config) { c.SASL.PasswordFile = "f" },
		"sasl.oauth.tenant_id: ":           func(c *broker.Config) { c.SASL.OAuth.TenantID = "" },
		"sasl.oauth.resource: ":            func(c *broker.Config) { c.SASL.OAuth.Resource = "" },
		"sasl.oauth.extensions: ":          func(c *broker.Config) { c.SASL.OAuth.Extensions = map[string]string{"Auth": "x"} },
		"sasl.oauth.auth.method: a person": func(c *broker.Config) { c.SASL.OAuth.Auth.Method = "authorization_code" },
		"sasl.oauth.auth.client_id: ":      func(c *broker.Config) { c.SASL.OAuth.Auth.ClientID = "" },
		"sasl.oauth.auth.client_secret: ":  func(c *broker.Config) { c.SASL.OAuth.Auth.ClientSecretFile = "f" },
	} {
		c := good
		change(&c)
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("problem %v, want one that begins with %q", err, want)
		}
	}
	good.TLS.Enabled, good.Brokers = false, []string{"localhost:9092", "127.0.0.1:9092", "[::1]:9092"}
	if err := good.Validate(); err != nil {
		t.Errorf("on this machine without TLS: %v", err)
	}
}
