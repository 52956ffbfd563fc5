package txn

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/testbed"
)

func TestCommitShowsRecordsAndOffsetOnce(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		tx := r.client().mustOpen()
		if got := tx.Committed(); got != (Offset{N: -1}) {
			t.Errorf("a new group is at %+v", got)
		}
		for n := int64(1); n <= 4; n++ {
			events, last := r.unit(n)
			if err := tx.Publish(bounded(t), events); err != nil {
				t.Fatal(err)
			}
			if n == 3 { // several flushes of a partition
				if err := tx.Publish(bounded(t), []*Batch{batch(r.topics[0], 1, "more")}); err != nil {
					t.Fatal(err)
				}
			}
			if values, _ := r.committed(); len(values) >= len(r.values(n)) {
				t.Errorf("visible before the commit: %v", values)
			}
			receipt, err := tx.Commit(bounded(t), last, Offset{N: n, Metadata: "m"})
			if err != nil {
				t.Fatal(err)
			}
			_, ends := r.settled()
			if d := cmp.Diff(ends, receipt.Ends); d != "" {
				t.Errorf("ends of transaction %d (-read +receipt): %s", n, d)
			}
			if got := tx.Committed(); got != (Offset{N: n, Metadata: "m"}) {
				t.Errorf("committed %+v", got)
			}
		}
		values, _ := r.committed()
		if d := cmp.Diff(append(r.values(4), "more"), values); d != "" {
			t.Errorf("values (-want +got): %s", d)
		}
		if got := r.client().mustOpen().Committed(); got != (Offset{N: 4, Metadata: "m"}) {
			t.Errorf("the next owner finds %+v", got)
		}
	})
}

func TestAbortLeavesNothingAndLosesNothingAfterIt(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		tx := r.client().mustOpen()
		r.mustPublish(tx, 1)
		for range 3 {
			events, _ := r.unit(99)
			if err := tx.Publish(bounded(t), events); err != nil {
				t.Fatal(err)
			}
			if err := tx.Abort(bounded(t)); err != nil {
				t.Fatal(err)
			}
			// The same number of records in the same partitions: under the aborted ones' sequences they would be taken
			// for repeats.
		}
		r.mustPublish(tx, 2)
		r.mustPublish(tx, 3)
		values, _ := r.settled()
		if d := cmp.Diff(r.values(3), values); d != "" {
			t.Errorf("values (-want +got): %s", d)
		}
		if err := tx.Abort(bounded(t)); err != nil {
			t.Errorf("abort of nothing: %v", err)
		}
	})
}

func TestSequencesGoOnOverTransactions(t *testing.T) {
	r := newRig(t, testbed.Kafka(t))
	tx := r.client().mustOpen()
	before := tx.session
	for n := int64(1); n <= 20; n++ {
		r.mustPublish(tx, n)
	}
	if tx.session != before {
		t.Errorf("session %+v became %+v", before, tx.session)
	}
	if got := tx.next[Partition{r.topics[0], 0}]; got != 40 {
		t.Errorf("next sequence %d, want 40", got)
	}
	if values, _ := r.settled(); !cmp.Equal(values, r.values(20)) {
		t.Errorf("values: %s", cmp.Diff(r.values(20), values))
	}
}

func TestTransactionWithNothingInIt(t *testing.T) {
	r := newRig(t, testbed.Kafka(t))
	c := r.client()
	o := r.options()
	o.Group = ""
	tx, err := Open(bounded(t), c.conn, c.topics, o)
	if err != nil {
		t.Fatal(err)
	}
	c.wire.follow(nil)
	if receipt, err := tx.Commit(bounded(t), nil, Offset{}); err != nil || len(receipt.Ends) > 0 || len(c.wire.sent()) > 0 {
		t.Errorf("receipt %+v, %v, requests %v", receipt, err, c.wire.sent())
	}
	// Without records, but with an offset.
	tx = c.mustOpen()
	if receipt, err := tx.Commit(bounded(t), nil, Offset{N: 7}); err != nil || len(receipt.Ends) > 0 {
		t.Errorf("receipt %+v, %v", receipt, err)
	}
	if got := c.mustOpen().Committed(); got.N != 7 {
		t.Errorf("committed %+v", got)
	}
}

func TestTimeoutsBeyondTheBrokersAreRefused(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		c := r.client()
		o := r.options()
		o.Timeout = 24 * time.Hour
		if _, err := Open(bounded(t), c.conn, c.topics, o); !errors.Is(err, kafka.InvalidTransactionTimeout) {
			t.Errorf("error %v", err)
		}
	})
}
