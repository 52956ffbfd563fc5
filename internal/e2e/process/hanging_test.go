package process

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

// A transaction that its coordinator takes for completed, and whose marker the group's coordinator never saw, keeps the
// stream from being taken. The log says what to do, and when it is done, nothing is lost or repeated.
func TestHangingTransactionIsTold(t *testing.T) {
	t.Parallel()
	kafka := testbed.OwnKafkaWith(t, testbed.KafkaOptions{Properties: map[string]string{
		"transaction.partition.verification.enable": "false", // a broker that verifies lets nobody make one
	}})
	redis := testbed.OwnRedis(t)
	s := stage.New(t, stage.Parts{
		Emulator: emulator.Config{Seed: 41, Rate: 100, RecordsPerBlob: blobRecords}, Kafka: kafka.Addresses(), Redis: redis.Addr,
		Settings: quick,
	})
	c := s.Start("one", "")
	await(s, c, 300)
	c.Stop()
	hang(t, s)
	newVault(t, redis.Addr).flush() // nobody's status is known
	c = s.Start("one", "")
	s.Until(time.Minute, "the log tells what to do", func() bool { c.MustRun(); return toldOfHanging(c) }, c.Tail)
	if _, page := c.Get("/api/status"); !strings.Contains(string(page), "Unstable Offset") {
		t.Errorf("status does not say why the stream is not taken: %s", page)
	}
	if n := endHanging(t, s); n != 1 {
		t.Errorf("%d transactions hang", n)
	}
	once(t, s, c)
}

// hang begins a transaction, never to be ended, that sets the offset of one stream's group.
func hang(t *testing.T, s *stage.Stage) {
	t.Helper()
	client := s.Client(kgo.MaxVersions(kversion.V3_9_0())) // newer requests enter the transaction by themselves
	group := s.Name + "." + emulator.DefaultTenantID + ".Audit.General"
	init := kmsg.NewPtrInitProducerIDRequest()
	init.TransactionalID, init.TransactionTimeoutMillis = kmsg.StringPtr("never ended"), 60_000
	id, err := init.RequestWith(t.Context(), client)
	must(t, err)
	offsets, err := kadm.NewClient(client).FetchOffsets(t.Context(), group)
	must(t, err)
	commit := kmsg.NewPtrTxnOffsetCommitRequest()
	commit.TransactionalID, commit.Group, commit.ProducerID, commit.ProducerEpoch = "never ended", group, id.ProducerID, id.ProducerEpoch
	offsets.Each(func(o kadm.OffsetResponse) {
		topic := kmsg.NewTxnOffsetCommitRequestTopic()
		part := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		topic.Topic, part.Partition, part.Offset = o.Topic, o.Partition, o.At+1
		topic.Partitions = append(topic.Partitions, part)
		commit.Topics = append(commit.Topics, topic)
	})
	if len(commit.Topics) != 1 {
		t.Fatalf("group %s has %d offsets", group, len(commit.Topics))
	}
	answer, err := commit.RequestWith(t.Context(), client)
	must(t, err)
	if code := answer.Topics[0].Partitions[0].ErrorCode; code != 0 {
		t.Fatalf("commit an offset without its transaction: code %d", code)
	}
}

// toldOfHanging reports whether the connector has told that a transaction hangs.
func toldOfHanging(c *stage.Connector) bool {
	return slices.ContainsFunc(c.Lines("stream is in trouble"), func(line map[string]any) bool {
		hint, _ := line["hint"].(string)
		return strings.Contains(hint, "kafka-transactions.sh")
	})
}

// endHanging does what docs/operations.md tells: it aborts what hangs, in __consumer_offsets last. It returns the
// number of producers.
func endHanging(t *testing.T, s *stage.Stage) int {
	t.Helper()
	admin := kadm.NewClient(s.Client())
	before := openProducers(t, admin)
	time.Sleep(5 * time.Second) // much longer than a transaction takes
	ended := map[int64]bool{}
	for _, p := range openProducers(t, admin) {
		if !slices.ContainsFunc(before, func(b kadm.DescribedProducer) bool {
			return b.ProducerID == p.ProducerID && b.Topic == p.Topic && b.Partition == p.Partition && b.CurrentTxnStartOffset == p.CurrentTxnStartOffset
		}) {
			continue
		}
		var at kadm.TopicsSet
		at.Add(p.Topic, p.Partition)
		_, err := admin.WriteTxnMarkers(t.Context(), kadm.TxnMarkers{
			ProducerID: p.ProducerID, ProducerEpoch: p.ProducerEpoch, CoordinatorEpoch: max(p.CoordinatorEpoch, 0), Topics: at,
		})
		must(t, err)
		ended[p.ProducerID] = true
	}
	return len(ended)
}

// openProducers returns who has a transaction open in a partition that no coordinator knows of, internal topics last.
func openProducers(t *testing.T, admin *kadm.Client) []kadm.DescribedProducer {
	t.Helper()
	topics, err := admin.ListTopicsWithInternal(t.Context())
	must(t, err)
	producers, err := admin.DescribeProducers(t.Context(), topics.TopicsSet())
	must(t, err)
	transactions, err := admin.DescribeTransactions(t.Context())
	must(t, err)
	known := map[int64]bool{}
	for _, x := range transactions {
		known[x.ProducerID] = x.State == "Ongoing" || strings.HasPrefix(x.State, "Prepare")
	}
	list := slices.DeleteFunc(producers.SortedProducers(), func(p kadm.DescribedProducer) bool {
		return p.CurrentTxnStartOffset < 0 || known[p.ProducerID]
	})
	slices.SortStableFunc(list, func(a, b kadm.DescribedProducer) int {
		return strings.Count(a.Topic, "__") - strings.Count(b.Topic, "__")
	})
	return list
}
