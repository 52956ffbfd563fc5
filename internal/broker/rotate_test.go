package broker_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/testbed"
)

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPasswordChangesWhileItRuns(t *testing.T) {
	b := testbed.SecureKafka(t)
	user, file := testbed.Name(t), filepath.Join(t.TempDir(), "password")
	setPassword := func(password string) {
		t.Helper()
		if err := b.SetPassword(t.Context(), user, password); err != nil {
			t.Fatal(err)
		}
	}
	setPassword("first")
	conn := connect(t, broker.Config{
		Brokers: []string{b.SASLAddress}, TLS: broker.TLS{Enabled: true, CAFile: b.CAFile},
		SASL: broker.SASL{Mechanism: broker.ScramSHA512, Username: user, PasswordFile: file},
	})
	expect := func(kind broker.Kind, text, hint string) {
		t.Helper()
		conn.Close() // so that the next question needs a connection of its own
		_, err := conn.ClusterID(ask(t))
		if p := conn.Explain(err, broker.About{}); p == nil || p.Kind != kind || !strings.Contains(err.Error(), text) || !strings.Contains(p.Hint, hint) {
			t.Fatalf("problem %+v, want %s with %q and %q", p, kind, text, hint)
		}
	}
	succeed := func() {
		t.Helper()
		conn.Close()
		var err error // a changed password takes the broker a moment
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if _, err = conn.ClusterID(ask(t)); err == nil {
				return
			}
		}
		t.Fatal(err)
	}
	expect(broker.NoSecret, "read kafka.sasl.password_file", "put the secret into the file")
	write(t, file, "first\n")
	succeed()
	setPassword("second")
	if _, err := conn.ClusterID(ask(t)); err != nil {
		t.Errorf("the connection that is there: %v", err)
	}
	write(t, file, "wrong\n")
	expect(broker.WrongPassword, "", "kafka.sasl.password")
	write(t, file, "second\n")
	succeed()
	write(t, file, "hush\u0007hush") // that no broker takes
	conn.Close()
	if _, err := conn.ClusterID(ask(t)); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("a password that cannot be prepared: %v", err)
	}

	// Groups connect by another way.
	write(t, file, "second\n")
	dialed, err := conn.Dialer.DialContext(ask(t), "tcp", b.SASLAddress)
	if err != nil {
		t.Fatal(err)
	}
	dialed.Close()
}

func TestClientCertificateChangesWhileItRuns(t *testing.T) {
	b := testbed.SecureKafka(t)
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "crt"), filepath.Join(dir, "key")
	use := func(a testbed.Account) {
		t.Helper()
		for from, to := range map[string]string{a.CertFile: certFile, a.KeyFile: keyFile} {
			text, err := os.ReadFile(from)
			if err != nil {
				t.Fatal(err)
			}
			write(t, to, string(text))
		}
	}
	use(b.User)
	conn := connect(t, broker.Config{
		Brokers: []string{b.SSLAddress}, TLS: broker.TLS{Enabled: true, CAFile: b.CAFile, CertFile: certFile, KeyFile: keyFile},
	})
	if _, err := conn.ClusterID(ask(t)); err != nil {
		t.Fatal(err)
	}
	use(b.Stranger)
	conn.Close()
	_, err := conn.ClusterID(ask(t))
	if p := conn.Explain(err, broker.About{}); p == nil || p.Kind != broker.ClientCertificate {
		t.Fatalf("stranger's certificate: %+v", p)
	}
	use(b.Guest)
	conn.Close()
	if _, err := conn.ClusterID(ask(t)); err != nil {
		t.Fatal(err)
	}
	if p := conn.Explain(kafka.TopicAuthorizationFailed, broker.About{Topic: "x"}); !strings.Contains(p.Hint, "'User:CN=guest'") {
		t.Errorf("advice is for somebody else: %s", p.Hint)
	}
}
