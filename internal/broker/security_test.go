package broker_test

import (
	"strings"
	"testing"

	"o365-kafka-connector/internal/broker"
)

// The library below quotes a password that it cannot prepare.
func TestPasswordThatCannotBePreparedIsNotTold(t *testing.T) {
	for _, mechanism := range []string{broker.ScramSHA256, broker.ScramSHA512} {
		c := broker.Config{
			Brokers: []string{"localhost:9092"},
			SASL:    broker.SASL{Mechanism: mechanism, Username: "alice", Password: "hush\u0007hush"},
		}
		_, err := broker.New(c, "test")
		if err == nil {
			t.Fatalf("%s: a control character was taken", mechanism)
		}
		if strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "kafka.sasl.password") {
			t.Errorf("%s: %q", mechanism, err)
		}
	}
}
