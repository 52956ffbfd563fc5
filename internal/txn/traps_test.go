package txn

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"o365-kafka-connector/internal/testbed"
)

// What brokers do to those who do not keep to the rules of this package. These tests hold the reasons for the rules:
// one that fails says that a broker has become more forgiving.

// A batch under a sequence of an aborted one, in the same epoch, is acknowledged and dropped.
func TestTrapOfSequencesUsedAgainAfterAnAbort(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		tx := r.client().mustOpen()
		if err := tx.Publish(bounded(t), []*Batch{batch(r.topics[0], 0, "aborted")}); err != nil {
			t.Fatal(err)
		}
		if err := tx.Abort(bounded(t)); err != nil {
			t.Fatal(err)
		}
		tx.restart(tx.session) // instead of another epoch
		tx.stale = false
		if err := tx.Publish(bounded(t), []*Batch{batch(r.topics[0], 0, "dropped")}); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Commit(bounded(t), nil, Offset{N: 1}); err != nil {
			t.Fatal(err)
		}
		if values, _ := r.settled(); len(values) > 0 {
			t.Errorf("values %v", values)
		}
	})
}

// Requests of one producer to one broker at the same time get into each other's way; one request for all partitions
// does not.
func TestTrapOfParallelRequestsToOneBroker(t *testing.T) {
	r := newRig(t, testbed.Kafka(t))
	c := r.client()
	o := r.options()
	o.RequestTimeout = 10 * time.Second // a busy machine is no failure
	told := 0
	o.Failed = func(context.Context, Failure) { told++ }
	tx, err := Open(bounded(t), c.conn, c.topics, o)
	if err != nil {
		t.Fatal(err)
	}
	r.mustPublish(tx, 1) // a new topic's partitions may not have been ready
	told = 0
	for n := int64(2); n <= 30; n++ {
		r.mustPublish(tx, n)
	}
	if told > 0 {
		t.Errorf("%d requests failed", told)
	}
	refused := 0
	for range 50 {
		var parallel []*Batch
		for p := range int32(partitions) {
			parallel = append(parallel, batch(r.topics[0], p, "x"), batch(r.topics[1], p, "x"))
		}
		if err := tx.enroll(bounded(t), parallel); err != nil {
			t.Fatal(err)
		}
		rounds := make([]round, len(parallel))
		var wg sync.WaitGroup
		for i, b := range parallel {
			alone := tx.sender // each with sequences of its own
			alone.next = map[Partition]int32{b.Partition: tx.next[b.Partition]}
			wg.Go(func() { rounds[i] = alone.round(bounded(t), []*Batch{b}) })
		}
		wg.Wait()
		for _, one := range rounds {
			if errors.Is(one.failure.Err, kafka.NotEnoughReplicas) {
				refused++
			}
		}
		if err := tx.Abort(bounded(t)); err != nil {
			t.Fatal(err)
		}
		if refused > 0 {
			return
		}
	}
	t.Error("no request was refused")
}

// The zero values of a request to initialize a producer name one, which is another than ours.
func TestTrapOfProducerZero(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		c := r.client()
		o := r.options()
		o.ID += "-other" // which a new broker may give the number zero
		if _, err := Open(bounded(t), c.conn, c.topics, o); err != nil {
			t.Fatal(err)
		}
		tx := c.mustOpen()
		if err := tx.initialize(bounded(t), session{}); !errors.Is(err, ErrFenced) || !errors.Is(err, kafka.ProducerFenced) {
			t.Errorf("error %v", err)
		}
		c.mustOpen()
	})
}

// After a commit the coordinator is busy for a moment, which is neither a failure nor worth a word.
func TestTrapOfTheMomentAfterACommit(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		c := r.client()
		o := r.options()
		told := 0
		o.Failed = func(context.Context, Failure) { told++ }
		tx, err := Open(bounded(t), c.conn, c.topics, o)
		if err != nil {
			t.Fatal(err)
		}
		r.mustPublish(tx, 1)
		told = 0
		c.wire.follow(nil)
		const n = 50
		for i := range int64(n) {
			r.mustPublish(tx, i+2)
		}
		if asked := c.wire.count(protocol.AddPartitionsToTxn); asked <= 2*n {
			t.Errorf("%d requests for %d: the coordinator was never busy", asked, 2*n)
		}
		if found := c.wire.count(protocol.FindCoordinator); found+told > n/10 { // a busy machine may try our patience
			t.Errorf("coordinators looked up %d times, %d failures told", found, told)
		}
	})
}

// What a dead owner left open holds readers up until somebody succeeds it.
func TestTrapOfWhatTheDeadLeaveOpen(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		dead := r.client().mustOpen()
		events, _ := r.unit(9)
		if err := dead.Publish(bounded(t), events); err != nil {
			t.Fatal(err)
		}
		o := r.options()
		o.ID += "-other"
		c := r.client()
		other, err := Open(bounded(t), c.conn, c.topics, o)
		if err != nil {
			t.Fatal(err)
		}
		r.mustPublish(other, 1)
		if values, _ := r.committed(); len(values) > 1 {
			t.Errorf("read past an open transaction: %v", values)
		}
		r.client().mustOpen()
		if values, _ := r.settled(); !slices.Equal(values, r.values(1)) {
			t.Errorf("values %v", values)
		}
	})
}
