package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"o365-kafka-connector/internal/testbed"
)

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPasswordChangesWhileItRuns(t *testing.T) {
	server := testbed.OwnRedis(t)
	c := redisConfig(server.Addr)
	command(t, server, strings.ReplaceAll(LeastACL("connector", c.KeyPrefix, false), "PASSWORD", "first"))
	c.Redis.Username, c.Redis.PasswordFile = "connector", filepath.Join(t.TempDir(), "password")
	store := openStore(t, c)
	wantFault(t, store.Ping(t.Context()), "read checkpoint.redis.password_file", "put the password into the file")
	write(t, c.Redis.PasswordFile, "first\n")
	h := started(t, store)
	apply(t, h, entry(1))

	command(t, server, "ACL SETUSER connector resetpass >second")
	apply(t, h, entry(2)) // by the connection that is there
	command(t, server, "CLIENT KILL TYPE normal")
	wantFault(t, store.Ping(t.Context()), "WRONGPASS", "check checkpoint.redis.username")
	write(t, c.Redis.PasswordFile, "second\n")
	apply(t, h, entry(3))

	write(t, c.Redis.PasswordFile, "") // in the middle of a change
	command(t, server, "CLIENT KILL TYPE normal")
	apply(t, h, entry(4))
}

// TestSentinelPasswordChangesWhileItRuns has a sentinel that lets nobody in without the password.
func TestSentinelPasswordChangesWhileItRuns(t *testing.T) {
	master := testbed.OwnRedis(t)
	sentinel := testbed.RedisSentinel(t, "o365", master)
	command(t, sentinel, "ACL SETUSER admin on nopass ~* &* +@all")
	command(t, sentinel, strings.ReplaceAll(LeastSentinelACL("connector"), "PASSWORD", "first"))
	command(t, sentinel, "ACL SETUSER default resetpass >first")
	for _, user := range []string{"connector", ""} { // a user of its own, or only the password
		t.Run("user "+user, func(t *testing.T) {
			c := redisConfig(sentinel.Addr)
			c.Redis.SentinelMaster, c.Redis.SentinelUsername = "o365", user
			c.Redis.SentinelPasswordFile = filepath.Join(t.TempDir(), "password")
			store := openStore(t, c)
			wantFault(t, store.Ping(t.Context()), "", "put the password into the file")
			write(t, c.Redis.SentinelPasswordFile, "wrong")
			wantFault(t, store.Ping(t.Context()), "WRONGPASS", "check checkpoint.redis.sentinel_username")
			write(t, c.Redis.SentinelPasswordFile, "first")
			if err := store.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			name := user
			if name == "" {
				name = "default"
			}
			asAdmin(t, sentinel, "ACL SETUSER "+name+" resetpass >second", "CLIENT KILL TYPE normal", "CLIENT KILL TYPE pubsub")
			command(t, master, "CLIENT KILL TYPE normal")
			wantFault(t, store.Ping(t.Context()), "WRONGPASS", "check checkpoint.redis.sentinel_username")
			write(t, c.Redis.SentinelPasswordFile, "second")
			if err := store.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// asAdmin sends commands to a sentinel as the user admin, which needs no password.
func asAdmin(t *testing.T, s *testbed.Server, lines ...string) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: s.Addr, Username: "admin", Password: "x"})
	defer client.Close()
	for _, line := range lines {
		var words []any
		for word := range strings.FieldsSeq(line) {
			words = append(words, word)
		}
		if err := client.Do(t.Context(), words...).Err(); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
}

func TestClientCertificateChangesWhileItRuns(t *testing.T) {
	dir := t.TempDir()
	issue := func(authority *testbed.Authority, name string) testbed.Identity {
		id, err := authority.Issue(name)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	authority, err := testbed.NewAuthority(dir, "ca")
	if err != nil {
		t.Fatal(err)
	}
	strangers, err := testbed.NewAuthority(dir, "strangers")
	if err != nil {
		t.Fatal(err)
	}
	server := testbed.RedisServer(t, "--port", "0", "--tls-port", "{port}", "--tls-auth-clients", "yes",
		"--tls-cert-file", issue(authority, "server").CertFile, "--tls-key-file", issue(authority, "server").KeyFile,
		"--tls-ca-cert-file", authority.CAFile)
	c := redisConfig(server.Addr)
	c.Redis.TLS = TLSConfig{Enabled: true, CAFile: authority.CAFile, CertFile: filepath.Join(dir, "crt"), KeyFile: filepath.Join(dir, "key")}
	use := func(id testbed.Identity) {
		for from, to := range map[string]string{id.CertFile: c.Redis.TLS.CertFile, id.KeyFile: c.Redis.TLS.KeyFile} {
			text, err := os.ReadFile(from)
			if err != nil {
				t.Fatal(err)
			}
			write(t, to, string(text))
		}
	}
	use(issue(authority, "first"))
	store := openStore(t, c)
	if err := store.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	restart := func() { // so that connections are made anew
		if err := errors.Join(server.Kill(), server.Start(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	use(issue(strangers, "stranger"))
	restart()
	wantFault(t, store.Ping(t.Context()), "", "set checkpoint.redis.tls.cert_file")
	use(issue(authority, "second"))
	if err := store.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
}
