package txn

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/addoffsetstotxn"
	"github.com/segmentio/kafka-go/protocol/txnoffsetcommit"
)

// misuse is something that a producer must not do, and what brokers say to it.
type misuse struct {
	do   func(*testing.T, *rig, *Transactor) error
	want kafka.Error
	or   kafka.Error // what some say in the same case; 0: all say the same
}

var misuses = map[string]misuse{
	"end a transaction with nothing in it": {want: kafka.InvalidTransactionState, do: func(t *testing.T, _ *rig, tx *Transactor) error {
		return tx.end(bounded(t), true)
	}},
	"commit what is aborted": {want: kafka.InvalidTransactionState, do: func(t *testing.T, r *rig, tx *Transactor) error {
		if err := tx.Publish(bounded(t), []*Batch{batch(r.topics[0], 0, "aborted")}); err != nil {
			return err
		}
		if err := tx.Abort(bounded(t)); err != nil {
			return err
		}
		return tx.end(bounded(t), true)
	}},
	"write to a partition that was not added": {want: kafka.InvalidTransactionState, do: func(t *testing.T, r *rig, tx *Transactor) error {
		b := batch(r.topics[0], 0, "not added")
		tx.enrolled[b.Partition] = true
		return tx.Publish(bounded(t), []*Batch{b})
	}},
	"write past the transaction that is open": {want: kafka.InvalidTransactionState, do: func(t *testing.T, r *rig, tx *Transactor) error {
		if err := tx.Publish(bounded(t), []*Batch{batch(r.topics[0], 0, "within")}); err != nil {
			return err
		}
		tx.session.transactional = false
		return tx.Publish(bounded(t), []*Batch{batch(r.topics[0], 0, "past")})
	}},
	"leave a sequence out": {want: kafka.OutOfOrderSequenceNumber, do: func(t *testing.T, r *rig, tx *Transactor) error {
		first := batch(r.topics[0], 0, "first")
		if err := tx.Publish(bounded(t), []*Batch{first}); err != nil {
			return err
		}
		tx.next[first.Partition] = 5
		return tx.Publish(bounded(t), []*Batch{batch(r.topics[0], 0, "sixth")})
	}},
	"repeat what is older than brokers remember": {want: kafka.OutOfOrderSequenceNumber, do: func(t *testing.T, r *rig, tx *Transactor) error {
		first := batch(r.topics[0], 0, "first")
		for _, b := range []*Batch{first, batch(r.topics[0], 0, "2"), batch(r.topics[0], 0, "3"), batch(r.topics[0], 0, "4"), batch(r.topics[0], 0, "5"), batch(r.topics[0], 0, "6")} {
			if err := tx.Publish(bounded(t), []*Batch{b}); err != nil {
				return err
			}
		}
		tx.next[first.Partition] = 0
		return tx.Publish(bounded(t), []*Batch{first})
	}},
	"write what its checksum contradicts": {want: kafka.InvalidMessage, do: func(t *testing.T, r *rig, tx *Transactor) error {
		b := batch(r.topics[0], 0, "damaged")
		if err := b.stamp(tx.session, 0, tx.codec); err != nil {
			return err
		}
		b.wire[offCRC] ^= 1 // it stays: nothing of the stamp changes
		return tx.Publish(bounded(t), []*Batch{b})
	}},
	"commit an offset as a member, by the zero value of the generation": {want: kafka.UnknownMemberId, or: kafka.IllegalGeneration, do: func(t *testing.T, r *rig, tx *Transactor) error {
		if _, err := tx.ask(bounded(t), question{of: &tx.transactions, what: "add", request: &addoffsetstotxn.Request{
			TransactionalID: tx.options.ID, ProducerID: tx.session.id, ProducerEpoch: tx.session.epoch, GroupID: tx.options.Group,
		}}); err != nil {
			return err
		}
		_, err := tx.ask(bounded(t), question{of: &tx.groups, what: "commit", request: &txnoffsetcommit.Request{
			TransactionalID: tx.options.ID, ProducerID: tx.session.id, ProducerEpoch: tx.session.epoch, GroupID: tx.options.Group,
			Topics: []txnoffsetcommit.RequestTopic{{Name: r.topics[1], Partitions: []txnoffsetcommit.RequestPartition{{CommittedOffset: 1}}}},
		}})
		return err
	}},
}

// What a producer must not do is refused, is not tried again, and costs nothing but another session.
func TestMisuseEndsTheSessionAndNothingElse(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		c := r.client()
		var n int64
		for name, m := range misuses {
			tx := c.mustOpen()
			if err := m.do(t, r, tx); !errors.Is(err, m.want) && (m.or == 0 || !errors.Is(err, m.or)) {
				t.Errorf("%s: %v, want %d", name, err, m.want)
			}
			n++
			tx = c.mustOpen()
			if got := c.next(tx); got != n {
				t.Errorf("after this: %s: transaction %d is next, want %d", name, got, n)
			}
			r.mustPublish(tx, n)
		}
		values, _ := r.settled()
		if d := cmp.Diff(r.values(n), values); d != "" {
			t.Errorf("values (-want +got): %s", d)
		}
	})
}

// Sequences go on at 0 after their last, in the middle of a batch or between two, and repetitions are still recognized.
func TestSequencesWrapAtBrokers(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		c := r.client()
		tx := c.mustOpen()
		for p := range int32(partitions) { // a broker that knows nothing of a producer takes any beginning
			tx.next[Partition{r.topics[0], p}] = math.MaxInt32 - 1 - p
		}
		r.mustPublish(tx, 1)
		c.wire.follow(once(protocol.Produce, deaf))
		r.mustPublish(tx, 2)
		r.mustPublish(tx, 3)
		for p := range int32(partitions) {
			if got, want := tx.next[Partition{r.topics[0], p}], 4-p; got != want {
				t.Errorf("partition %d: the next sequence is %d, want %d", p, got, want)
			}
		}
		if values, _ := r.settled(); !cmp.Equal(values, r.values(3)) {
			t.Errorf("values: %s", cmp.Diff(r.values(3), values))
		}
	})
}
