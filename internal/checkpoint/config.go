package checkpoint

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"o365-kafka-connector/internal/secret"
)

// The kinds of store.
const (
	KindRedis = "redis"
	KindFile  = "file"
)

// Config is the section checkpoint of the configuration.
type Config struct {
	Kind      string      `yaml:"kind"`       // redis, or file for one instance only
	Path      string      `yaml:"path"`       // of kind file: a directory
	Redis     RedisConfig `yaml:"redis"`      // of kind redis
	KeyPrefix string      `yaml:"key_prefix"` // in front of every Redis key
}

// RedisConfig says where Redis is: a single server, a Sentinel group or a Cluster.
type RedisConfig struct {
	Addresses            []string      `yaml:"addresses"` // host:port of the server, of the sentinels, or of some cluster nodes
	Username             string        `yaml:"username"`
	Password             secret.String `yaml:"password"`
	PasswordFile         string        `yaml:"password_file"` // instead of Password; read for each connection
	DB                   int           `yaml:"db"`
	SentinelMaster       string        `yaml:"sentinel_master"` // name of the master; set: addresses are sentinels
	SentinelUsername     string        `yaml:"sentinel_username"`
	SentinelPassword     secret.String `yaml:"sentinel_password"`
	SentinelPasswordFile string        `yaml:"sentinel_password_file"` // instead of SentinelPassword; read for each connection
	Cluster              bool          `yaml:"cluster"`
	AllowEviction        bool          `yaml:"allow_eviction"` // start although Redis may evict keys
	TLS                  TLSConfig     `yaml:"tls"`
}

// TLSConfig encrypts the connection to Redis and to the sentinels.
type TLSConfig struct {
	Enabled  bool   `yaml:"enabled"`
	CAFile   string `yaml:"ca_file"`   // PEM; empty: the system's authorities
	CertFile string `yaml:"cert_file"` // PEM, the client's certificate; read for each connection
	KeyFile  string `yaml:"key_file"`  // PEM
	Insecure bool   `yaml:"insecure"`  // trust any certificate
}

// SetDefaults fills in what the contract says about keys that are not given. Call it before reading the configuration.
func (c *Config) SetDefaults() {
	c.Kind = KindRedis
	c.KeyPrefix = "o365:"
	c.Redis.Addresses = []string{"localhost:6379"}
}

// Validate returns all problems of the section, each with its key.
func (c Config) Validate() error {
	switch c.Kind {
	case KindRedis:
		return errors.Join(c.validatePrefix(), c.Redis.validate())
	case KindFile:
		if c.Path == "" {
			return errors.New("path: must name a directory when kind is file, e.g. /var/lib/o365-connector")
		}
		return nil
	default:
		return fmt.Errorf("kind: %q is unknown: use redis, or file for a single instance", c.Kind)
	}
}

// validatePrefix refuses what would break the hash tag that keeps a stream's keys on one node of a cluster.
func (c Config) validatePrefix() error {
	switch {
	case c.KeyPrefix == "":
		return errors.New("key_prefix: must not be empty, e.g. \"o365:\"")
	case strings.ContainsAny(c.KeyPrefix, "{} \t\r\n"):
		return fmt.Errorf("key_prefix: %q must hold neither braces nor spaces, e.g. \"o365:\"", c.KeyPrefix)
	}
	return nil
}

func (c RedisConfig) validate() error {
	var problems []error
	report := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if len(c.Addresses) == 0 {
		report("redis.addresses: must hold at least one host:port, e.g. localhost:6379")
	}
	for _, a := range c.Addresses {
		if host, port, err := net.SplitHostPort(a); err != nil || host == "" || port == "" {
			report("redis.addresses: %q is no host:port, e.g. localhost:6379", a)
		}
	}
	if len(c.Addresses) > 1 && !c.Cluster && c.SentinelMaster == "" {
		report("redis.addresses: several addresses need redis.cluster: true or redis.sentinel_master")
	}
	if c.Cluster && c.SentinelMaster != "" {
		report("redis.sentinel_master: must be empty when redis.cluster is true")
	}
	if c.DB < 0 {
		report("redis.db: must not be negative, e.g. 0")
	}
	if c.Cluster && c.DB != 0 {
		report("redis.db: must be 0 when redis.cluster is true")
	}
	return errors.Join(append(problems, c.validateCredentials(), c.TLS.validate())...)
}

func (c RedisConfig) validateCredentials() error {
	problems := []error{
		secret.OneOf("redis.password", c.Password, c.PasswordFile),
		secret.OneOf("redis.sentinel_password", c.SentinelPassword, c.SentinelPasswordFile),
	}
	if c.SentinelMaster == "" && (c.SentinelUsername != "" || c.sentinelPassword().Set()) {
		problems = append(problems, errors.New("redis.sentinel_username: needs redis.sentinel_master"))
	}
	if c.SentinelUsername != "" && !c.sentinelPassword().Set() {
		problems = append(problems, errors.New("redis.sentinel_password: must be set when redis.sentinel_username is, or redis.sentinel_password_file"))
	}
	if c.Username != "" && !c.password().Set() {
		problems = append(problems, errors.New("redis.password: must be set when redis.username is, or redis.password_file"))
	}
	return errors.Join(problems...)
}

func (c RedisConfig) password() secret.Source {
	return secret.NewSource("checkpoint.redis.password", c.Password, c.PasswordFile)
}

func (c RedisConfig) sentinelPassword() secret.Source {
	return secret.NewSource("checkpoint.redis.sentinel_password", c.SentinelPassword, c.SentinelPasswordFile)
}

func (c TLSConfig) validate() error {
	if !c.Enabled {
		if c.CAFile != "" || c.CertFile != "" || c.KeyFile != "" || c.Insecure {
			return errors.New("redis.tls.enabled: must be true for the other keys of redis.tls to count")
		}
		return nil
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return errors.New("redis.tls.cert_file: redis.tls.cert_file and redis.tls.key_file must be set together")
	}
	return nil
}
