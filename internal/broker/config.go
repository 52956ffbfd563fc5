// Package broker connects to Kafka: one set of connection settings for producers, consumer groups and administration,
// and one table that turns a broker's errors into advice.
package broker

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"o365-kafka-connector/internal/secret"
)

// The SASL mechanisms.
const (
	Plain       = "plain"
	ScramSHA256 = "scram-sha-256"
	ScramSHA512 = "scram-sha-512"
	OAuthBearer = "oauthbearer"
)

const mechanismNames = Plain + ", " + ScramSHA256 + ", " + ScramSHA512 + " or " + OAuthBearer

// Config is how to reach a Kafka cluster.
type Config struct {
	Brokers []string `yaml:"brokers"` // host:port of a few brokers to start from
	TLS     TLS      `yaml:"tls"`
	SASL    SASL     `yaml:"sasl"`
}

// TLS says whether and how connections are encrypted.
type TLS struct {
	Enabled  bool   `yaml:"enabled"`
	CAFile   string `yaml:"ca_file"`   // PEM; empty: the system's authorities
	CertFile string `yaml:"cert_file"` // PEM, for brokers that ask for a client certificate; read for each connection
	KeyFile  string `yaml:"key_file"`  // PEM
	Insecure bool   `yaml:"insecure"`  // accept any certificate
}

// SASL says who we are. An empty mechanism means that nobody asks.
type SASL struct {
	Mechanism    string        `yaml:"mechanism"` // plain, scram-sha-256, scram-sha-512 or oauthbearer
	Username     string        `yaml:"username"`
	Password     secret.String `yaml:"password"`
	PasswordFile string        `yaml:"password_file"`   // instead of Password; read for each connection
	OAuth        OAuth         `yaml:"oauth,omitempty"` // of oauthbearer, which has neither username nor password
}

// SetDefaults fills a fresh Config; settings are decoded over it.
func (c *Config) SetDefaults() {
	c.Brokers = []string{"localhost:9092"}
	c.SASL.OAuth.SetDefaults()
}

// Validate returns every problem of the settings, each beginning with its key.
func (c Config) Validate() error {
	var problems []error
	if len(c.Brokers) == 0 {
		problems = append(problems, errors.New("brokers: must name at least one broker, e.g. [kafka-1:9092]"))
	}
	for _, b := range c.Brokers {
		if err := checkAddress(b); err != nil {
			problems = append(problems, err)
		}
	}
	if c.exposed() {
		problems = append(problems, errors.New("tls.enabled: must be true for sasl.mechanism oauthbearer, except on this machine: who reads the token could use it"))
	}
	return errors.Join(append(problems, c.TLS.validate(), c.SASL.validate())...)
}

func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	n, portErr := strconv.Atoi(port)
	if err != nil || host == "" || portErr != nil || n < 1 || n > 65535 || strings.ContainsAny(host, "/, ") {
		return fmt.Errorf("brokers: %q is no address: write host:port, e.g. kafka-1:9092", address)
	}
	return nil
}

func (t TLS) validate() error {
	var problems []error
	if !t.Enabled && (t.CAFile != "" || t.CertFile != "" || t.KeyFile != "" || t.Insecure) {
		problems = append(problems, errors.New("tls.enabled: must be true for the other settings of tls to count"))
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		problems = append(problems, errors.New("tls.cert_file: goes together with tls.key_file: give both or none"))
	}
	if t.Insecure && t.CAFile != "" {
		problems = append(problems, errors.New("tls.insecure: accepts any certificate, so tls.ca_file would not count: give one of them"))
	}
	return errors.Join(problems...)
}

func (s SASL) validate() error {
	var problems []error
	report := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if s.Mechanism != OAuthBearer && !s.OAuth.IsZero() {
		report("sasl.mechanism: must be oauthbearer for sasl.oauth to count")
	}
	switch s.Mechanism {
	case "":
		if s.Username != "" || s.password().Set() {
			report("sasl.mechanism: must be %s for a username to count", mechanismNames)
		}
		return errors.Join(problems...)
	case OAuthBearer:
		if s.Username != "" || s.password().Set() {
			report("sasl.username: means nothing to oauthbearer, nor does sasl.password: leave them out")
		}
		return errors.Join(append(problems, s.OAuth.validate())...)
	case Plain, ScramSHA256, ScramSHA512:
	default:
		report("sasl.mechanism: %q is unknown: use %s", s.Mechanism, mechanismNames)
	}
	if s.Username == "" {
		report("sasl.username: is needed for %s", s.Mechanism)
	}
	if !s.password().Set() {
		report("sasl.password: is needed for %s, or sasl.password_file", s.Mechanism)
	}
	return errors.Join(append(problems, secret.OneOf("sasl.password", s.Password, s.PasswordFile))...)
}

func (s SASL) password() secret.Source {
	return secret.NewSource("kafka.sasl.password", s.Password, s.PasswordFile)
}
