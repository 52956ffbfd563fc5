package txn

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/secret"
	"o365-kafka-connector/internal/testbed"
)

// Each right that is missing is told by the command that gives it, and no other right is needed.
func TestMissingRightsAreNamed(t *testing.T) {
	b := testbed.SecureKafka(t)
	tests := []struct {
		name, without, operation string
		kind                     broker.Kind
		hint                     string
	}{
		{"nothing", "", "", "", ""},
		{"use the transactional id", "id", "Write", broker.TransactionalDenied, "--operation Write --operation Describe --transactional-id ID"},
		{"use the group", "group", "Read", broker.GroupDenied, "--operation Read --group GROUP"},
		{"write to a topic", "events", "Write", broker.TopicDenied, "--operation Write --operation Describe --topic EVENTS"},
		{"commit an offset of a topic", "journal", "Read", broker.TopicDenied, "--operation Read --topic JOURNAL"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, b.Broker)
			rights := map[string]kafka.ACLEntry{
				"id Write":      {ResourceType: kafka.ResourceTypeTransactionalID, ResourceName: r.id, Operation: kafka.ACLOperationTypeWrite},
				"group Read":    {ResourceType: kafka.ResourceTypeGroup, ResourceName: r.group, Operation: kafka.ACLOperationTypeRead},
				"events Write":  {ResourceType: kafka.ResourceTypeTopic, ResourceName: r.topics[0], Operation: kafka.ACLOperationTypeWrite},
				"journal Write": {ResourceType: kafka.ResourceTypeTopic, ResourceName: r.topics[1], Operation: kafka.ACLOperationTypeWrite},
				"journal Read":  {ResourceType: kafka.ResourceTypeTopic, ResourceName: r.topics[1], Operation: kafka.ACLOperationTypeRead},
			}
			grant := func(name string) {
				entry := rights[name]
				entry.ResourcePatternType = kafka.PatternTypeLiteral
				if err := b.Grant(bounded(t), b.Guest, entry); err != nil {
					t.Fatal(err)
				}
			}
			missing := test.without + " " + test.operation
			for name := range rights {
				if name != missing {
					grant(name)
				}
			}
			c := r.guest(b)
			work := func() error {
				tx, err := c.open(bounded(t))
				if err == nil {
					err = r.publish(bounded(t), tx, 1)
				}
				return err
			}
			if test.kind != "" {
				var err error
				// A broker learns of new rights a moment later.
				r.wait("only the last right is missing", func() bool {
					err = work()
					p, ok := errors.AsType[*broker.Problem](err)
					return ok && p.Kind == test.kind && strings.Contains(p.Hint, r.named(test.hint))
				})
				if _, ok := errors.AsType[*broker.Problem](c.conn.Explain(err, broker.About{})); !ok || strings.Contains(err.Error(), b.Guest.Password) {
					t.Errorf("error %v", err)
				}
				grant(missing)
			}
			r.wait("all rights are there", func() bool { return work() == nil })
			if values, _ := r.settled(); !cmp.Equal(values, r.values(1)) {
				t.Errorf("values %v", values)
			}
		})
	}
}

// named puts the rig's names into a hint.
func (r *rig) named(hint string) string {
	return strings.NewReplacer("ID", r.id, "GROUP", r.group, "EVENTS", r.topics[0], "JOURNAL", r.topics[1]).Replace(hint)
}

// guest is a client that may do only what it is granted.
func (r *rig) guest(b *testbed.SecureBroker) *client {
	r.t.Helper()
	conn, err := broker.New(broker.Config{
		Brokers: []string{b.SASLAddress}, TLS: broker.TLS{Enabled: true, CAFile: b.CAFile},
		SASL: broker.SASL{Mechanism: broker.ScramSHA512, Username: b.Guest.Name, Password: secret.String(b.Guest.Password)},
	}, "txn-test")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(conn.Close)
	return &client{rig: r, conn: conn, topics: NewTopics(conn, requestTimeout)}
}
