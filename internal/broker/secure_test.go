package broker_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/goleak"

	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/secret"
	"o365-kafka-connector/internal/testbed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t *testing.T, c broker.Config) *broker.Conn {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	conn, err := broker.New(c, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func ask(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func password(mechanism string, a testbed.Account) broker.SASL {
	return broker.SASL{Mechanism: mechanism, Username: a.Name, Password: secret.String(a.Password)}
}

func TestSecuredConnections(t *testing.T) {
	b := testbed.SecureKafka(t)
	ca := broker.TLS{Enabled: true, CAFile: b.CAFile}
	with := func(a testbed.Account) broker.TLS {
		return broker.TLS{Enabled: true, CAFile: b.CAFile, CertFile: a.CertFile, KeyFile: a.KeyFile}
	}
	wrong := b.User
	wrong.Password = "wrong"
	tests := []struct {
		name   string
		config broker.Config
		want   broker.Kind // empty: success
		hint   string
	}{
		{"no security", broker.Config{Brokers: []string{b.Address()}}, "", ""},
		{"certificate", broker.Config{Brokers: []string{b.SSLAddress}, TLS: with(b.User)}, "", ""},
		{"plain", broker.Config{Brokers: []string{b.SASLAddress}, TLS: ca, SASL: password(broker.Plain, b.User)}, "", ""},
		{"scram 256", broker.Config{Brokers: []string{b.SASLAddress}, TLS: ca, SASL: password(broker.ScramSHA256, b.User)}, "", ""},
		{"scram 512", broker.Config{Brokers: []string{b.SASLAddress}, TLS: ca, SASL: password(broker.ScramSHA512, b.User)}, "", ""},
		{"any certificate", broker.Config{Brokers: []string{b.SASLAddress}, TLS: broker.TLS{Enabled: true, Insecure: true}, SASL: password(broker.Plain, b.User)}, "", ""},

		{"no client certificate", broker.Config{Brokers: []string{b.SSLAddress}, TLS: ca}, broker.ClientCertificate, "kafka.tls.cert_file"},
		{"stranger's certificate", broker.Config{Brokers: []string{b.SSLAddress}, TLS: with(b.Stranger)}, broker.ClientCertificate, "kafka.tls.cert_file"},
		{"wrong authority", broker.Config{Brokers: []string{b.SSLAddress}, TLS: broker.TLS{Enabled: true, CAFile: b.StrangerCAFile}}, broker.WrongAuthority, "kafka.tls.ca_file"},
		{"system's authorities", broker.Config{Brokers: []string{b.SSLAddress}, TLS: broker.TLS{Enabled: true}}, broker.WrongAuthority, "kafka.tls.ca_file"},
		{"TLS to a plain port", broker.Config{Brokers: []string{b.Address()}, TLS: ca}, broker.Closed, "speak no TLS"},
		{"plain to a TLS port", broker.Config{Brokers: []string{b.SSLAddress}}, broker.NeedsTLS, "kafka.tls.enabled: true"},
		{"wrong password, plain", broker.Config{Brokers: []string{b.SASLAddress}, TLS: ca, SASL: password(broker.Plain, wrong)}, broker.WrongPassword, "kafka.sasl.password"},
		{"wrong password, scram", broker.Config{Brokers: []string{b.SASLAddress}, TLS: ca, SASL: password(broker.ScramSHA512, wrong)}, broker.WrongPassword, "kafka.sasl.password"},
		{"SASL to a port without", broker.Config{Brokers: []string{b.Address()}, SASL: password(broker.Plain, b.User)}, broker.NoSASL, "kafka.sasl.mechanism"},
		{"no SASL to a port with", broker.Config{Brokers: []string{b.SASLAddress}, TLS: ca}, broker.Closed, "kafka.sasl"},
		{"nobody listens", broker.Config{Brokers: []string{freeAddress(t)}}, broker.Unreachable, "kafka.brokers"},
		{"unknown name", broker.Config{Brokers: []string{"no-such-host.invalid:9092"}}, broker.Unreachable, "kafka.brokers"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conn := connect(t, test.config)
			id, err := conn.ClusterID(ask(t))
			if test.want == "" {
				if err != nil || id == "" {
					t.Fatalf("cluster id %q, %v", id, err)
				}
				return
			}
			p := conn.Explain(err, broker.About{})
			if p == nil || p.Kind != test.want || !strings.Contains(p.Hint, test.hint) {
				t.Fatalf("problem %+v, want kind %s and a hint with %q", p, test.want, test.hint)
			}
			if strings.Contains(p.Error()+p.Hint, "\n") || strings.Contains(p.Error()+p.Hint, b.User.Password) {
				t.Errorf("not one line, or with a secret: %q %q", p.Error(), p.Hint)
			}
		})
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestMissingRightsAreToldApart(t *testing.T) {
	b := testbed.SecureKafka(t)
	topic := testbed.Name(t)
	all := connect(t, broker.Config{Brokers: []string{b.Address()}})
	if err := all.CreateTopic(ask(t), broker.NewTopic{Name: topic, Partitions: 2, Replication: 1}); err != nil {
		t.Fatal(err)
	}
	guest := connect(t, broker.Config{
		Brokers: []string{b.SASLAddress}, TLS: broker.TLS{Enabled: true, CAFile: b.CAFile}, SASL: password(broker.ScramSHA512, b.Guest),
	})
	cluster, err := guest.Describe(ask(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(err error, about broker.About, kind broker.Kind, hint string) {
		t.Helper()
		p := guest.Explain(err, about)
		if p == nil || p.Kind != kind || !strings.Contains(p.Hint, hint) {
			t.Errorf("problem %+v, want kind %s and a hint with %q", p, kind, hint)
		}
	}
	expect(cluster.Topics[topic].Err, broker.About{Topic: topic}, broker.TopicDenied,
		"kafka-acls.sh --bootstrap-server "+b.SASLAddress+" --add --allow-principal 'User:guest' --operation Write --operation Describe --topic "+topic)
	offsets, err := guest.Client.OffsetFetch(ask(t), &kafka.OffsetFetchRequest{GroupID: "g", Topics: map[string][]int{topic: {0}}})
	if err == nil {
		err = offsets.Error
	}
	expect(err, broker.About{Group: "g"}, broker.GroupDenied, "--operation Read --group g")
	_, err = guest.TopicConfig(ask(t), topic)
	expect(err, broker.About{Topic: topic, Operations: "DescribeConfigs"}, broker.TopicDenied, "--operation DescribeConfigs --topic "+topic)

	cluster, err = all.Describe(ask(t), topic, "absent")
	if err != nil || len(cluster.Topics[topic].Partitions) != 2 || cluster.Topics[topic].Partitions[0].Replicas != 1 {
		t.Errorf("described: %+v, %v", cluster, err)
	}
	p := all.Explain(cluster.Topics["absent"].Err, broker.About{Topic: "absent", Create: broker.NewTopic{Name: "absent", Partitions: 3, Replication: 2, Config: map[string]string{"retention.ms": "1"}}})
	if want := "kafka-topics.sh --bootstrap-server " + b.Address() + " --create --topic absent --partitions 3 --replication-factor 2 --config retention.ms=1"; p.Kind != broker.UnknownTopic || !strings.Contains(p.Hint, want) {
		t.Errorf("absent topic: %+v", p)
	}
}

func TestBrokerThatSaysNothingIsATimeout(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel, answers never
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn := connect(t, broker.Config{Brokers: []string{l.Addr().String()}})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = conn.ClusterID(ctx)
	if p := conn.Explain(err, broker.About{}); p == nil || p.Kind != broker.TimedOut {
		t.Errorf("problem %+v", p)
	}
	l.Close()
}

// A group's connection is made by the dialer, which would wait for ever.
func TestBrokerThatHangsBeforeSASLIsHungUpOn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn := connect(t, broker.Config{Brokers: []string{l.Addr().String()}, SASL: broker.SASL{Mechanism: "plain", Username: "u", Password: "p"}})
	start, ended := time.Now(), make(chan error, 1)
	go func() {
		c, err := conn.Dialer.DialContext(t.Context(), "tcp", l.Addr().String())
		if err == nil {
			c.Close()
		}
		ended <- err
	}()
	select {
	case err := <-ended:
		if err == nil || time.Since(start) > 15*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	case <-time.After(20 * time.Second):
		t.Error("it still waits")
	}
}
