package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"o365-kafka-connector/internal/testbed"
)

// brokers is a Kafka of three, with a link from each instance to each broker.
type brokers struct {
	*testbed.Cluster

	links  [][]*Link   // by instance, then by broker
	client *kgo.Client // not through the links
}

const brokerCount = 3

func startBrokers(ctx context.Context, instances int) (b *brokers, err error) {
	b = &brokers{}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	told := make([][]string, instances)
	for i := range instances {
		b.links = append(b.links, make([]*Link, brokerCount))
		for n := range brokerCount {
			if b.links[i][n], err = NewLink(); err != nil {
				return b, err
			}
			told[i] = append(told[i], b.links[i][n].Addr())
		}
	}
	b.Cluster, err = testbed.StartKafkaCluster(ctx, brokerCount, testbed.KafkaOptions{
		Heap: "256m", Outside: told,
		Properties: map[string]string{
			"default.replication.factor": "3", "min.insync.replicas": "2", "num.network.threads": "1", "num.io.threads": "2",
			"replica.lag.time.max.ms": "5000", "log.cleaner.dedupe.buffer.size": "2097152",
			"transaction.abort.timed.out.transaction.cleanup.interval.ms": "2000",
		},
	})
	if err != nil {
		return b, fmt.Errorf("start Kafka: %w", err)
	}
	for i := range instances {
		for n, k := range b.links[i] {
			k.Lead(b.Brokers[n].Inside()[i])
		}
	}
	b.client, err = kgo.NewClient(kgo.SeedBrokers(b.Addresses()...))
	if err != nil {
		return b, fmt.Errorf("connect to Kafka: %w", err)
	}
	return b, nil
}

func (b *brokers) close() error {
	var errs []error
	if b.client != nil {
		b.client.Close()
	}
	for _, all := range b.links {
		for _, k := range all {
			if k != nil {
				errs = append(errs, k.Close())
			}
		}
	}
	if b.Cluster != nil {
		errs = append(errs, b.Cluster.Close())
	}
	return errors.Join(errs...)
}

// leader returns the broker that leads a partition; the partition is taken modulo their number.
func (b *brokers) leader(ctx context.Context, topic string, partition int) (int, error) {
	topics, err := b.metadata(ctx, topic)
	if err != nil {
		return 0, err
	}
	all := topics[0].Partitions
	if len(all) == 0 {
		return 0, fmt.Errorf("ask for metadata: topic %s has no partitions", topic)
	}
	return b.index(all[partition%len(all)].Leader)
}

// index is the place of a broker in Brokers.
func (b *brokers) index(node int32) (int, error) {
	if node < 1 || int(node) > len(b.Brokers) {
		return 0, fmt.Errorf("find broker: there is no node %d", node)
	}
	return int(node) - 1, nil
}

func (b *brokers) metadata(ctx context.Context, topics ...string) ([]kmsg.MetadataResponseTopic, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	q := kmsg.NewPtrMetadataRequest()
	for _, topic := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(topic)
		q.Topics = append(q.Topics, t)
	}
	a, err := q.RequestWith(ctx, b.client)
	if err != nil {
		return nil, fmt.Errorf("ask for metadata: %w", err)
	}
	return a.Topics, nil
}

// The kinds of coordinators.
const (
	ofGroup       = 0
	ofTransaction = 1
)

// coordinator returns the broker that coordinates a group or a transactional id.
func (b *brokers) coordinator(ctx context.Context, kind int8, key string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	q := kmsg.NewPtrFindCoordinatorRequest()
	q.CoordinatorType, q.CoordinatorKey, q.CoordinatorKeys = kind, key, []string{key}
	a, err := q.RequestWith(ctx, b.client)
	if err != nil {
		return 0, fmt.Errorf("ask for the coordinator: %w", err)
	}
	if len(a.Coordinators) == 1 {
		return b.index(a.Coordinators[0].NodeID)
	}
	return b.index(a.NodeID)
}

// controller returns the broker that is the active controller.
func (b *brokers) controller(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	q := kmsg.NewPtrDescribeQuorumRequest()
	t := kmsg.NewDescribeQuorumRequestTopic()
	t.Topic = "__cluster_metadata"
	t.Partitions = append(t.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	q.Topics = append(q.Topics, t)
	a, err := q.RequestWith(ctx, b.client)
	if err != nil {
		return 0, fmt.Errorf("ask for the controller: %w", err)
	}
	if len(a.Topics) != 1 || len(a.Topics[0].Partitions) != 1 {
		return 0, errors.New("ask for the controller: nothing in the answer")
	}
	return b.index(a.Topics[0].Partitions[0].LeaderID)
}

// awaitReplicas waits until every broker has all partitions of the topics.
func (b *brokers) awaitReplicas(ctx context.Context, limit time.Duration, topics ...string) error {
	return until(ctx, limit, "all brokers are in sync", func(ctx context.Context) bool {
		found, err := b.metadata(ctx, topics...)
		if err != nil {
			return false
		}
		for _, t := range found {
			for _, p := range t.Partitions {
				if len(p.ISR) < brokerCount {
					return false
				}
			}
		}
		return true
	})
}

// restart begins a broker again that was killed. Right after its death the controller may still refuse it.
func (b *brokers) restart(ctx context.Context, n int) error {
	var err error
	for range 3 {
		if err = b.Brokers[n].Start(ctx); err == nil {
			return nil
		}
		_ = b.Brokers[n].Kill() // it may have ended
		pause(ctx, 2*time.Second)
	}
	return fmt.Errorf("restart broker %d: %w", n+1, err)
}
