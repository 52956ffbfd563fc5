package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"o365-kafka-connector/internal/secret"
)

// config returns nil when TLS is off.
func (t TLS) config() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.Insecure}
	if t.CAFile != "" {
		pool, err := readAuthorities(t.CAFile)
		if err != nil {
			return nil, err
		}
		c.RootCAs = pool
	}
	if t.CertFile != "" {
		pair := secret.NewKeyPair(t.CertFile, t.KeyFile)
		if _, err := pair.Certificate(); err != nil {
			return nil, fmt.Errorf("read client certificate: %w (check kafka.tls.cert_file and kafka.tls.key_file: PEM, and the key has to belong to the certificate)", err)
		}
		c.GetClientCertificate = pair.ClientCertificate
	}
	return c, nil
}

func readAuthorities(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read kafka.tls.ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read kafka.tls.ca_file: %s holds no certificate in PEM form", path)
	}
	return pool, nil
}

// mechanism returns nil when no SASL is asked for. A password that is in the configuration itself is tried out.
func (s SASL) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "":
		return nil, nil
	case OAuthBearer:
		tokens, err := s.OAuth.tokens()
		if err != nil {
			return nil, err
		}
		return newBearerMechanism(tokens, s.OAuth.Extensions), nil
	}
	p, ok := passwords[s.Mechanism]
	if !ok {
		return nil, fmt.Errorf("kafka.sasl.mechanism %q is unknown: use %s", s.Mechanism, mechanismNames)
	}
	p.mechanism, p.user, p.password = s.Mechanism, s.Username, s.password()
	if s.PasswordFile == "" {
		if _, err := p.now(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// passwords are the mechanisms that send or prove a password.
var passwords = map[string]passwordMechanism{
	Plain: {name: plain.Mechanism{}.Name(), with: func(user, password string) (sasl.Mechanism, error) {
		return plain.Mechanism{Username: user, Password: password}, nil
	}},
	ScramSHA256: {name: scram.SHA256.Name(), with: scramWith(scram.SHA256)},
	ScramSHA512: {name: scram.SHA512.Name(), with: scramWith(scram.SHA512)},
}

func scramWith(a scram.Algorithm) func(user, password string) (sasl.Mechanism, error) {
	return func(user, password string) (sasl.Mechanism, error) { return scram.Mechanism(a, user, password) }
}

// passwordMechanism asks for the password at each new connection, so that one that was changed counts.
type passwordMechanism struct {
	name      string // as brokers know it
	with      func(user, password string) (sasl.Mechanism, error)
	mechanism string // as the configuration calls it
	user      string
	password  secret.Source
}

// Name is the mechanism's name as brokers know it.
func (m passwordMechanism) Name() string { return m.name }

// Start begins the authentication of a connection.
func (m passwordMechanism) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	now, err := m.now()
	if err != nil {
		return nil, nil, err
	}
	return now.Start(ctx)
}

func (m passwordMechanism) now() (sasl.Mechanism, error) {
	password, err := m.password.Reveal()
	if err != nil {
		return nil, err
	}
	now, err := m.with(m.user, password)
	if err != nil { // which quotes the password
		return nil, fmt.Errorf("prepare kafka.sasl.password or kafka.sasl.username for %s: one of them holds a character that SASL does not take, such as a control character", m.mechanism)
	}
	return now, nil
}
