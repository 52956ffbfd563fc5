package checkpoint

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"o365-kafka-connector/internal/secret"
)

func clientOptions(c RedisConfig) (*redis.UniversalOptions, error) {
	encryption, err := c.TLS.client()
	if err != nil {
		return nil, err
	}
	password := c.password()
	return &redis.UniversalOptions{
		Addrs:         c.Addresses,
		DB:            c.DB,
		MasterName:    c.SentinelMaster,
		IsClusterMode: c.Cluster,
		CredentialsProviderContext: func(context.Context) (string, string, error) {
			now, err := password.Reveal()
			return c.Username, now, err
		},
		OnConnect:             c.signInToSentinel(),
		TLSConfig:             encryption,
		MaxRetries:            maxRetries,
		DialTimeout:           dialTimeout,
		DialerRetries:         1,
		ReadTimeout:           readTimeout,
		WriteTimeout:          readTimeout,
		ContextTimeoutEnabled: true,
		DisableIdentity:       true,
		MaintNotificationsConfig: &maintnotifications.Config{
			Mode: maintnotifications.ModeDisabled,
		},
	}, nil
}

// masterAddress is what the library calls the address of the master that the sentinels name.
const masterAddress = "FailoverClient"

// signInToSentinel returns what is done with each new connection to a sentinel that asks for a password, nil if none
// does. The library asks anew for the master's password, but knows only one of the sentinels for all time.
func (c RedisConfig) signInToSentinel() func(context.Context, *redis.Conn) error {
	password := c.sentinelPassword()
	if !password.Set() {
		return nil
	}
	return func(ctx context.Context, conn *redis.Conn) error {
		if strings.Contains(conn.String(), masterAddress) {
			return nil
		}
		now, err := password.Reveal()
		switch {
		case err != nil:
		case c.SentinelUsername == "":
			err = conn.Auth(ctx, now).Err()
		default:
			err = conn.AuthACL(ctx, c.SentinelUsername, now).Err()
		}
		if err != nil { // the library takes the outer wrapping off
			return fmt.Errorf("connect: %w", fmt.Errorf("%s: %w", sentinelSignIn, err))
		}
		return nil
	}
}

const sentinelSignIn = "sign in to sentinel"

// client returns the settings of a connection, nil for one without TLS.
func (c TLSConfig) client() (*tls.Config, error) {
	if !c.Enabled {
		return nil, nil
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.Insecure} //nolint:gosec // asked for
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read redis.tls.ca_file: %w", err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read redis.tls.ca_file: %s holds no certificate in PEM form", c.CAFile)
		}
	}
	if c.CertFile != "" {
		pair := secret.NewKeyPair(c.CertFile, c.KeyFile)
		if _, err := pair.Certificate(); err != nil {
			return nil, fmt.Errorf("read redis.tls.cert_file and redis.tls.key_file: %w", err)
		}
		settings.GetClientCertificate = pair.ClientCertificate
	}
	return settings, nil
}
