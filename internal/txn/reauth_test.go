package txn

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/secret"
	"o365-kafka-connector/internal/testbed"
)

// TestSessionsThatBrokersEnd has a broker that hangs up whenever a connection is used a second after its
// authentication, as connections.max.reauth.ms makes it do: transactions go on over new connections.
func TestSessionsThatBrokersEnd(t *testing.T) {
	b := testbed.OwnSecureKafka(t, testbed.KafkaOptions{Properties: map[string]string{"connections.max.reauth.ms": "1000"}})
	r := newRig(t, b.Broker)
	conn, err := broker.New(broker.Config{
		Brokers: []string{b.SASLAddress}, TLS: broker.TLS{Enabled: true, CAFile: b.CAFile},
		SASL: broker.SASL{Mechanism: broker.ScramSHA512, Username: b.User.Name, Password: secret.String(b.User.Password)},
	}, "txn-test")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &client{rig: r, conn: conn, topics: NewTopics(conn, requestTimeout)}
	tx := c.mustOpen()
	n := int64(0)
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		n++
		r.mustPublish(tx, n)
	}
	if values, _ := r.settled(); !cmp.Equal(values, r.values(n)) {
		t.Errorf("%d transactions leave %d values, want %d", n, len(values), len(r.values(n)))
	}
}
