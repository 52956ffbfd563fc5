package broker_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/broker"
)

func TestErrorsAreExplained(t *testing.T) {
	conn := connect(t, broker.Config{Brokers: []string{"k:1"}, SASL: broker.SASL{Mechanism: broker.Plain, Username: "me", Password: "pw"}})
	about := broker.About{Topic: "t", Group: "g"}
	tests := []struct {
		err  error
		kind broker.Kind
		hint string
	}{
		{kafka.ClusterAuthorizationFailed, broker.ClusterDenied, "--operation Create --topic t ; or create it yourself: kafka-topics.sh"},
		{kafka.TransactionalIDAuthorizationFailed, broker.TransactionalDenied, "--transactional-id g"},
		{kafka.GroupAuthorizationFailed, broker.GroupDenied, "--allow-principal 'User:me' --operation Read --group g"},
		{kafka.InvalidReplicationFactor, broker.BadTopic, "kafka.topics"},
		{kafka.PolicyViolation, broker.BadTopic, "kafka.topics"},
		{kafka.NotEnoughReplicas, broker.NotEnoughReplicas, "min.insync.replicas"},
		{kafka.InvalidSessionTimeout, broker.BadSession, "control.session_timeout"},
		{kafka.NotLeaderForPartition, broker.Passing, "ends by itself"},
		{kafka.GroupLoadInProgress, broker.Passing, "ends by itself"},
		{kafka.BrokerNotAvailable, broker.Passing, "ends by itself"},
		{kafka.RequestTimedOut, broker.TimedOut, "advertised.listeners"},
		{context.DeadlineExceeded, broker.TimedOut, "advertised.listeners"},
		{x509.HostnameError{Certificate: &x509.Certificate{}, Host: "k"}, broker.WrongName, "advertised.listeners"},
		{io.ErrUnexpectedEOF, broker.Closed, "older brokers just hang up"},
		{kafka.UnsupportedSASLMechanism, broker.WrongMechanism, "sasl.enabled.mechanisms"},
		{errors.New("strange"), broker.Other, "log"},
		{&broker.Problem{Kind: broker.BadTopic, Hint: "known", Err: io.EOF}, broker.BadTopic, "known"},
	}
	for _, test := range tests {
		err := fmt.Errorf("ask: %w", test.err)
		p := conn.Explain(err, about)
		if p.Kind != test.kind || !strings.Contains(p.Hint, test.hint) {
			t.Errorf("%v: %+v, want %s with %q", test.err, p, test.kind, test.hint)
		}
		if !errors.Is(p, test.err) && p.Kind != broker.BadTopic {
			t.Errorf("%v is not wrapped", test.err)
		}
	}
	if conn.Explain(nil, about) != nil {
		t.Error("nil is explained")
	}
}
