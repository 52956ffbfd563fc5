package testbed

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func createTopic(t *testing.T, dialer *kafka.Dialer, addr, topic string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.CreateTopics(kafka.TopicConfig{Topic: topic, NumPartitions: 1, ReplicationFactor: 1})
}

func TestSharedKafkaAnswers(t *testing.T) {
	b := Kafka(t)
	if err := b.CreateTopic(t.Context(), Name(t), 3); err != nil {
		t.Fatal(err)
	}
	if Kafka(t) != b {
		t.Error("second Kafka is another one")
	}
}

func TestOldKafkaAnswers(t *testing.T) {
	b := OldKafka(t)
	if err := b.CreateTopic(t.Context(), Name(t), 3); err != nil {
		t.Fatal(err)
	}
	if OldKafka(t) != b {
		t.Error("second Kafka is another one")
	}
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(b.Address()), Transport: transport, Timeout: 10 * time.Second}
	answer, err := client.ApiVersions(t.Context(), &kafka.ApiVersionsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, api := range answer.ApiKeys {
		if api.ApiName == "Produce" && api.MaxVersion > 11 { // 12 came with 4.0
			t.Errorf("Produce up to version %d: this is no %s", api.MaxVersion, OldKafkaVersion)
		}
	}
}

func TestKafkaKeepsItsDataOverKill(t *testing.T) {
	t.Parallel()
	b := OwnKafka(t)
	topic := Name(t)
	if err := createTopic(t, kafka.DefaultDialer, b.Address(), topic); err != nil {
		t.Fatal(err)
	}
	if err := b.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := metadata(t.Context(), b.Address(), 1); err == nil {
		t.Fatal("killed broker answers")
	}
	if err := b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := kafka.Dial("tcp", b.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	partitions, err := conn.ReadPartitions(topic)
	if err != nil || len(partitions) != 1 {
		t.Fatalf("topic after restart: %v, %v", partitions, err)
	}

	if err := b.Pause(); err != nil {
		t.Fatal(err)
	}
	if !silent(t, b.Address()) {
		t.Error("paused broker answers")
	}
	if err := b.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := b.await(t.Context()); err != nil { // fenced until its next heartbeat, if its session ended meanwhile
		t.Errorf("resumed broker: %v", err)
	}
	dir := b.Dir()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("directory after close: %v", err)
	}
}

// silent reports whether a broker stops answering; the signal that pauses it may take a moment to act.
func silent(t *testing.T, addr string) bool {
	t.Helper()
	for range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		err := metadata(ctx, addr, 1)
		cancel()
		if err != nil {
			return true
		}
	}
	return false
}

func TestSecureKafkaAsksForCredentials(t *testing.T) {
	t.Parallel()
	b := SecureKafka(t)
	pool := func(file string) *x509.CertPool {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p := x509.NewCertPool()
		p.AppendCertsFromPEM(text)
		return p
	}
	withCert := func(a Account) *kafka.Dialer {
		cert, err := tls.LoadX509KeyPair(a.CertFile, a.KeyFile)
		if err != nil {
			t.Fatal(err)
		}
		return &kafka.Dialer{TLS: &tls.Config{RootCAs: pool(b.CAFile), Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}}
	}
	withPassword := func(m sasl.Mechanism, err error) *kafka.Dialer {
		if err != nil {
			t.Fatal(err)
		}
		return &kafka.Dialer{SASLMechanism: m, TLS: &tls.Config{RootCAs: pool(b.CAFile), MinVersion: tls.VersionTLS12}}
	}
	tests := []struct {
		name   string
		addr   string
		dialer *kafka.Dialer
		want   string // part of the error; empty: success
	}{
		{"certificate", b.SSLAddress, withCert(b.User), ""},
		{"no certificate", b.SSLAddress, &kafka.Dialer{TLS: &tls.Config{RootCAs: pool(b.CAFile), MinVersion: tls.VersionTLS12}}, "tls: "},
		{"stranger's certificate", b.SSLAddress, withCert(b.Stranger), "tls: "},
		{"wrong CA", b.SSLAddress, &kafka.Dialer{TLS: &tls.Config{RootCAs: pool(b.StrangerCAFile), MinVersion: tls.VersionTLS12}}, "unknown authority"},
		{"plain", b.SASLAddress, withPassword(plain.Mechanism{Username: b.User.Name, Password: b.User.Password}, nil), ""},
		{"plain, wrong password", b.SASLAddress, withPassword(plain.Mechanism{Username: b.User.Name, Password: "no"}, nil), "Authentication Failed"},
		{"scram 256", b.SASLAddress, withPassword(scram.Mechanism(scram.SHA256, b.User.Name, b.User.Password)), ""},
		{"scram 512", b.SASLAddress, withPassword(scram.Mechanism(scram.SHA512, b.User.Name, b.User.Password)), ""},
		{"guest without right", b.SASLAddress, withPassword(scram.Mechanism(scram.SHA512, b.Guest.Name, b.Guest.Password)), "Authorization Failed"},
		{"guest's certificate without right", b.SSLAddress, withCert(b.Guest), "Authorization Failed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := createTopic(t, test.dialer, test.addr, Name(t))
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("create topic: %v, want %q", err, test.want)
			}
		})
	}

	topic := Name(t)
	err := b.Grant(t.Context(), b.Guest, kafka.ACLEntry{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
		ResourcePatternType: kafka.PatternTypeLiteral, Operation: kafka.ACLOperationTypeCreate,
	})
	if err != nil {
		t.Fatal(err)
	}
	guest := withPassword(plain.Mechanism{Username: b.Guest.Name, Password: b.Guest.Password}, nil)
	if err := createTopic(t, guest, b.SASLAddress, topic); err != nil {
		t.Errorf("create topic with the right to: %v", err)
	}
}

func TestKafkaClusterOutlivesABroker(t *testing.T) {
	t.Parallel()
	c := KafkaCluster(t, 3)
	if err := c.Brokers[0].Kill(); err != nil {
		t.Fatal(err)
	}
	var err error
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if err = createTopic(t, kafka.DefaultDialer, c.Brokers[1].Address(), Name(t)); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Brokers[0].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestServerThatEndsTellsItsLog(t *testing.T) {
	begin(t)
	b, err := StartKafka(t.Context(), KafkaOptions{Properties: map[string]string{"node.id": "-7"}})
	if errors.Is(err, ErrUnavailable) {
		Require(t, err)
	}
	if err == nil {
		_ = b.Close()
		t.Fatal("started with a wrong node id")
	}
	if !strings.Contains(err.Error(), "node.id") {
		t.Errorf("error does not tell the cause: %v", err)
	}
}
