package checkpoint

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func TestDefaultsAreValid(t *testing.T) {
	var c Config
	c.SetDefaults()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.Kind, c.Path = KindFile, "/var/lib/connector"
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

// TestNamesOfConfiguration pins the contract's names.
func TestNamesOfConfiguration(t *testing.T) {
	text := `
kind: redis
path: ""
redis: {addresses: ["localhost:6379"], username: "", password: "", db: 0, sentinel_master: "", sentinel_username: "", sentinel_password: "",
        cluster: false, allow_eviction: false, tls: {enabled: false, ca_file: "", cert_file: "", key_file: "", insecure: false}}
key_prefix: "o365:"
`
	var got, want Config
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&got); err != nil {
		t.Fatal(err)
	}
	want.SetDefaults()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAllProblemsAreReported(t *testing.T) {
	for _, c := range []struct {
		change func(c *Config)
		want   []string
	}{
		{func(c *Config) { c.Kind = "etcd" }, []string{"kind: "}},
		{func(c *Config) { c.Kind = KindFile }, []string{"path: "}},
		{func(c *Config) { c.KeyPrefix = "" }, []string{"key_prefix: "}},
		{func(c *Config) { c.KeyPrefix = "a{b}" }, []string{"key_prefix: "}},
		{func(c *Config) { c.Redis.Addresses = nil }, []string{"redis.addresses: "}},
		{func(c *Config) { c.Redis.Addresses = []string{"a:1", "b:2"} }, []string{"redis.addresses: "}},
		{
			func(c *Config) {
				c.Redis = RedisConfig{
					Addresses: []string{"redis", ":1"}, Cluster: true, SentinelMaster: "m", DB: 3, Username: "u",
					TLS: TLSConfig{Enabled: true, CertFile: "c"},
				}
			},
			[]string{
				`redis.addresses: "redis"`, `redis.addresses: ":1"`, "redis.sentinel_master: ", "redis.db: ",
				"redis.password: ", "redis.tls.cert_file: ",
			},
		},
		{func(c *Config) { c.Redis.DB = -1 }, []string{"redis.db: "}},
		{func(c *Config) { c.Redis.SentinelPassword = "s" }, []string{"redis.sentinel_username: "}},
		{
			func(c *Config) {
				c.Redis.Password, c.Redis.PasswordFile, c.Redis.SentinelPassword, c.Redis.SentinelPasswordFile = "p", "f", "p", "f"
				c.Redis.SentinelMaster = "m"
			},
			[]string{"redis.password_file: ", "redis.sentinel_password_file: "},
		},
		{
			func(c *Config) { c.Redis.SentinelMaster, c.Redis.SentinelUsername = "m", "u" },
			[]string{"redis.sentinel_password: "},
		},
		{func(c *Config) { c.Redis.TLS.CAFile = "x" }, []string{"redis.tls.enabled: "}},
	} {
		var config Config
		config.SetDefaults()
		c.change(&config)
		err := config.Validate()
		if err == nil {
			t.Errorf("%+v is accepted", config)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(c.want) {
			t.Errorf("problems %q, want %q", lines, c.want)
			continue
		}
		for i, want := range c.want {
			if !strings.HasPrefix(lines[i], want) {
				t.Errorf("problem %q, want %q", lines[i], want)
			}
		}
		if _, err := Open(t.Context(), config); err == nil {
			t.Error("open accepts it")
		}
	}
}
