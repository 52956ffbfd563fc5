package txn

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/testbed"
)

// versions are the releases of Kafka on which tests that need a broker of their own run.
var versions = map[string]string{"new": testbed.KafkaVersion, "old": testbed.OldKafkaVersion}

// A broker that is killed at any point of a transaction, and comes back, does not keep it from being committed.
func TestBrokerIsKilledWithinATransaction(t *testing.T) {
	t.Parallel()
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := testbed.OwnKafkaWith(t, testbed.KafkaOptions{Version: version})
			r := newRig(t, b)
			c := r.client()
			tx := c.mustOpen()
			r.mustPublish(tx, 1)
			n := int64(1)
			for i, key := range inTransaction {
				handled := i%2 == 0 // by the broker, before it dies
				var restart sync.Once
				started := make(chan error, 1)
				c.wire.follow(func(k protocol.ApiKey) fate {
					doomed := pass
					if k == key {
						restart.Do(func() {
							doomed = cut
							if handled {
								doomed = deaf
							}
							go func() { started <- errors.Join(kill(b, handled), b.Start(t.Context())) }()
						})
					}
					return doomed
				})
				n++
				r.mustPublish(tx, n)
				if err := <-started; err != nil {
					t.Fatal(err)
				}
			}
			if got := r.client().mustOpen().Committed().N; got != n {
				t.Errorf("the next owner finds %d, want %d", got, n)
			}
			values, _ := r.settled()
			if d := cmp.Diff(r.values(n), values); d != "" {
				t.Errorf("values (-want +got): %s", d)
			}
		})
	}
}

// kill ends a broker at once, or gives it the moment that it needs to handle a request.
func kill(b *testbed.Broker, late bool) error {
	if late {
		time.Sleep(50 * time.Millisecond)
	}
	return b.Kill()
}

// A broker that stands still for longer than a request may take handles, when it wakes up, both the request and its
// repetition.
func TestBrokerStandsStillWithinATransaction(t *testing.T) {
	t.Parallel()
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := testbed.OwnKafkaWith(t, testbed.KafkaOptions{Version: version})
			r := newRig(t, b)
			c := r.client()
			o := r.options()
			o.RequestTimeout = 500 * time.Millisecond
			tx, err := Open(bounded(t), c.conn, c.topics, o)
			if err != nil {
				t.Fatal(err)
			}
			r.mustPublish(tx, 1)
			n := int64(1)
			for _, key := range inTransaction {
				var once sync.Once
				resumed := make(chan error, 1)
				c.wire.follow(func(k protocol.ApiKey) fate {
					if k == key {
						once.Do(func() { go func() { resumed <- pause(b, 1200*time.Millisecond) }() })
						time.Sleep(20 * time.Millisecond)
					}
					return pass
				})
				n++
				r.mustPublish(tx, n)
				if err := <-resumed; err != nil {
					t.Fatal(err)
				}
				n++
				r.mustPublish(tx, n)
			}
			values, _ := r.settled()
			if d := cmp.Diff(r.values(n), values); d != "" {
				t.Errorf("values (-want +got): %s", d)
			}
			if got := r.client().mustOpen().Committed().N; got != n {
				t.Errorf("the next owner finds %d, want %d", got, n)
			}
		})
	}
}

func pause(b *testbed.Broker, d time.Duration) error {
	err := b.Pause()
	time.Sleep(d)
	return errors.Join(err, b.Resume())
}

// A transaction that takes too long is aborted by its coordinator; whatever is asked next, its owner learns of it.
func TestTransactionTakesTooLong(t *testing.T) {
	t.Parallel()
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := testbed.OwnKafkaWith(t, testbed.KafkaOptions{Version: version, Properties: map[string]string{
				"transaction.abort.timed.out.transaction.cleanup.interval.ms": "200",
			}})
			r := newRig(t, b)
			c := r.client()
			o := r.options()
			o.Timeout = time.Second
			var n int64
			for what, next := range map[string]func(*Transactor) error{
				"publish to another partition": func(tx *Transactor) error {
					return tx.Publish(bounded(t), []*Batch{batch(r.topics[1], 1, "lost")})
				},
				"publish on": func(tx *Transactor) error {
					return tx.Publish(bounded(t), []*Batch{batch(r.topics[0], 1, "lost")})
				},
				"commit": func(tx *Transactor) error {
					_, err := tx.Commit(bounded(t), nil, Offset{N: 99})
					return err
				},
				"abort": func(tx *Transactor) error { return tx.Abort(bounded(t)) },
			} {
				tx, err := Open(bounded(t), c.conn, c.topics, o)
				if err != nil {
					t.Fatal(err)
				}
				events, _ := r.unit(99)
				if err := tx.Publish(bounded(t), events); err != nil {
					t.Fatal(err)
				}
				r.wait("the transaction is aborted", func() bool { return r.open() == 0 })
				if err := next(tx); !errors.Is(err, ErrFenced) || !errors.Is(err, ErrTimedOut) {
					t.Errorf("%s: %v", what, err)
				}
				if tx, err = Open(bounded(t), c.conn, c.topics, o); err != nil {
					t.Fatal(err)
				}
				n++
				if got := c.next(tx); got != n {
					t.Errorf("after %s: transaction %d is next, want %d", what, got, n)
				}
				r.mustPublish(tx, n)
			}
			values, _ := r.settled()
			if d := cmp.Diff(r.values(n), values); d != "" {
				t.Errorf("values (-want +got): %s", d)
			}
		})
	}
}

// On three brokers, leaders and both coordinators move in the middle of transactions.
func TestLeadersAndCoordinatorsMove(t *testing.T) {
	t.Parallel()
	cluster := testbed.KafkaCluster(t, 3)
	r := &rig{t: t, addrs: cluster.Addresses(), id: testbed.Name(t), group: testbed.Name(t)}
	c := r.client()
	for range 2 {
		name := testbed.Name(t)
		err := c.conn.CreateTopic(bounded(t), broker.NewTopic{
			Name: name, Partitions: partitions, Replication: 3, Config: map[string]string{"min.insync.replicas": "2"},
		})
		if err != nil {
			t.Fatal(err)
		}
		r.topics = append(r.topics, name)
	}
	tx := c.mustOpen()
	r.mustPublish(tx, 1)
	n := int64(1)
	for _, coordinator := range []*coordinator{&tx.transactions, &tx.groups} {
		b := cluster.Brokers[coordinator.node-1]
		n++
		events, last := r.unit(n)
		if err := tx.Publish(bounded(t), events); err != nil {
			t.Fatal(err)
		}
		if err := b.Kill(); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Commit(bounded(t), last, Offset{N: n}); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			n++
			r.mustPublish(tx, n)
		}
		if err := b.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.wait("all replicas are in sync", func() bool { return r.inSync(c) })
	}
	if got := r.client().mustOpen().Committed().N; got != n {
		t.Errorf("the next owner finds %d, want %d", got, n)
	}
	values, _ := r.settled()
	if d := cmp.Diff(r.values(n), values); d != "" {
		t.Errorf("values (-want +got): %s", d)
	}
}

func (r *rig) inSync(c *client) bool {
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
	defer cancel()
	res, err := c.conn.Client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil || len(res.Brokers) < 3 {
		return false
	}
	for _, topic := range res.Topics {
		for _, p := range topic.Partitions {
			if len(p.Isr) < len(p.Replicas) {
				return false
			}
		}
	}
	return true
}
