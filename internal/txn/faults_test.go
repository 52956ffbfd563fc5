package txn

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"o365-kafka-connector/internal/testbed"
)

// inTransaction are the requests of a transaction, in their order; there are two of Produce.
var inTransaction = []protocol.ApiKey{
	protocol.AddPartitionsToTxn, protocol.Produce, protocol.AddOffsetsToTxn, protocol.TxnOffsetCommit, protocol.EndTxn,
}

// next is the number of the transaction that a new owner has to do.
func (c *client) next(tx *Transactor) int64 {
	if n := tx.Committed().N; n >= 0 {
		return n + 1
	}
	return 1
}

// A process that dies before or after any of its requests leaves a whole transaction or none, and its successor knows
// which.
func TestDeathBetweenAnyTwoRequests(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		var n int64
		for _, key := range append([]protocol.ApiKey{protocol.InitProducerId, protocol.OffsetFetch}, inTransaction...) {
			for _, f := range []fate{cut, deaf, delay} {
				for nth := range 2 {
					c := r.client()
					ctx, die := context.WithCancel(bounded(t))
					plan, seen := once(key, f), 0
					c.wire.follow(func(k protocol.ApiKey) fate {
						if k != key {
							return pass
						}
						if seen++; seen <= nth {
							return pass
						}
						die()
						return plan(k)
					})
					tx, err := c.open(ctx)
					if err == nil {
						err = r.publish(ctx, tx, c.next(tx))
					}
					if err != nil && !errors.Is(err, context.Canceled) {
						t.Fatalf("%v, %v: %v", key, f, err)
					}
					successor := r.client()
					tx = successor.mustOpen()
					if f == delay && err != nil { // what the dead process sent arrives at last
						if err := c.wire.release(bounded(t)); err != nil {
							t.Fatal(err)
						}
						tx = r.client().mustOpen()
					}
					if n = successor.next(tx); n > 1 || seen > 1 {
						r.mustPublish(tx, n)
					}
				}
			}
		}
		values, _ := r.settled()
		if d := cmp.Diff(r.values(n), values); d != "" {
			t.Errorf("values (-want +got): %s", d)
		}
	})
}

// A request that is lost, or whose answer is, is sent again without doing its work twice.
func TestLostRequestsAndAnswers(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		c := r.client()
		o := r.options()
		o.RequestTimeout = 300 * time.Millisecond
		var n int64
		for _, key := range append([]protocol.ApiKey{protocol.InitProducerId, protocol.OffsetFetch, protocol.FindCoordinator}, inTransaction...) {
			for _, f := range []fate{cut, deaf, mute} {
				told := 0
				o.Failed = func(context.Context, Failure) { told++ }
				c.wire.follow(once(key, f))
				tx, err := Open(bounded(t), c.conn, c.topics, o)
				if err != nil {
					t.Fatalf("%v, %v: %v", key, f, err)
				}
				n++
				r.mustPublish(tx, n)
				n++
				r.mustPublish(tx, n)
				if told == 0 {
					t.Errorf("%v, %v: the failure was not told", key, f)
				}
			}
		}
		values, _ := r.settled()
		if d := cmp.Diff(r.values(n), values); d != "" {
			t.Errorf("values (-want +got): %s", d)
		}
	})
}

// A request that is overtaken by its repetition arrives in the middle of the next transaction, which it must neither
// end nor change.
func TestOvertakenRequestsAreVoid(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		var n int64
		for _, key := range inTransaction {
			for _, before := range []protocol.ApiKey{protocol.AddOffsetsToTxn, protocol.EndTxn} {
				c := r.client()
				tx := c.mustOpen()
				c.wire.follow(once(key, delay))
				n++
				r.mustPublish(tx, n)

				// Let the late request in, and die.
				ctx, die := context.WithCancel(bounded(t))
				c.wire.follow(func(k protocol.ApiKey) fate {
					if k != before {
						return pass
					}
					if err := c.wire.release(bounded(t)); err != nil {
						t.Error(err)
					}
					die()
					return cut
				})
				if err := r.publish(ctx, tx, n+1); err == nil {
					t.Fatal("committed by a dead process")
				}
				tx = r.client().mustOpen()
				if got := tx.Committed().N; got != n {
					t.Errorf("late %v before %v: the next owner finds %d, want %d", key, before, got, n)
				}
				n++
				r.mustPublish(tx, n)
			}
		}
		values, _ := r.settled()
		if d := cmp.Diff(r.values(n), values); d != "" {
			t.Errorf("values (-want +got): %s", d)
		}
	})
}

// Not on brokers before 4.0: their coordinator refuses the late offset, too, but forgets the newer one with it until it
// is elected again.
func TestOvertakenOffsetDoesNotReplaceANewerOne(t *testing.T) {
	r := newRig(t, testbed.Kafka(t))
	c := r.client()
	tx := c.mustOpen()
	c.wire.follow(once(protocol.TxnOffsetCommit, delay))
	r.mustPublish(tx, 1)
	late := once(protocol.EndTxn, mute)
	c.wire.follow(func(k protocol.ApiKey) fate {
		if late(k) == mute {
			if err := c.wire.release(bounded(t)); err != nil {
				t.Error(err)
			}
		}
		return pass
	})
	r.mustPublish(tx, 2)
	if got := r.client().mustOpen().Committed(); got.N != 2 {
		t.Errorf("the next owner finds %+v, want 2", got)
	}
}

// A former owner that wakes up before any of its requests finds itself fenced, and has written nothing that counts.
func TestFormerOwnerIsFenced(t *testing.T) {
	codes := map[protocol.ApiKey]kafka.Error{
		protocol.AddPartitionsToTxn: kafka.ProducerFenced,
		protocol.Produce:            kafka.InvalidProducerEpoch,
		protocol.AddOffsetsToTxn:    kafka.ProducerFenced,
		protocol.TxnOffsetCommit:    kafka.InvalidProducerEpoch,
		protocol.EndTxn:             kafka.ProducerFenced,
	}
	onEach(t, func(t *testing.T, r *rig) {
		var n int64
		for _, key := range inTransaction {
			former := r.client()
			tx := former.mustOpen()
			successor := r.client()
			var heir *Transactor
			former.wire.follow(func(k protocol.ApiKey) fate {
				if k == key && heir == nil {
					heir = successor.mustOpen()
				}
				return pass
			})
			err := r.publish(bounded(t), tx, n+1)
			if !errors.Is(err, ErrFenced) || errors.Is(err, ErrTimedOut) || !errors.Is(err, codes[key]) {
				t.Errorf("before %v: %v, want %d", key, err, codes[key])
			}
			n++
			if got := successor.next(heir); got != n {
				t.Errorf("before %v: the successor would do transaction %d, want %d", key, got, n)
			}
			r.mustPublish(heir, n)
			former.wire.follow(nil)
			if err := r.publish(bounded(t), tx, n+1); !errors.Is(err, ErrEnded) || !errors.Is(err, ErrFenced) || len(former.wire.seen) > 0 {
				t.Errorf("used on: %v, %v", err, former.wire.seen)
			}
			n++
			r.mustPublish(heir, n)
		}
		values, _ := r.settled()
		if d := cmp.Diff(r.values(n), values); d != "" {
			t.Errorf("values (-want +got): %s", d)
		}
	})
}

// Aborting after being fenced, or after an error, changes nothing that the successor does.
func TestFormerOwnerCannotAbortItsSuccessor(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		former := r.client().mustOpen()
		events, _ := r.unit(9)
		if err := former.Publish(bounded(t), events); err != nil {
			t.Fatal(err)
		}
		heir := r.client().mustOpen()
		events, last := r.unit(1)
		if err := heir.Publish(bounded(t), events); err != nil {
			t.Fatal(err)
		}
		if err := former.Abort(bounded(t)); !errors.Is(err, ErrFenced) {
			t.Errorf("abort: %v", err)
		}
		if _, err := heir.Commit(bounded(t), last, Offset{N: 1}); err != nil {
			t.Fatal(err)
		}
		if values, _ := r.settled(); !cmp.Equal(values, r.values(1)) {
			t.Errorf("values %v", values)
		}
	})
}

// Many owners that take the id from each other at any moment do each transaction once.
func TestOwnersThatCrossDoEachTransactionOnce(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		const goal = 25
		ctx := bounded(t)
		done := make(chan error)
		for i := range 3 {
			c := r.client()
			go func() {
				for {
					tx, err := c.open(ctx)
					for err == nil && c.next(tx) <= goal && ctx.Err() == nil {
						err = r.publish(ctx, tx, c.next(tx))
						if c.next(tx)%3 == int64(i) {
							break // somebody else's turn, or ours again
						}
					}
					if err == nil && c.next(tx) > goal {
						done <- nil
						return
					}
					// Brokers before 4.0 may tell a fenced owner that its state is wrong.
					if err != nil && !errors.Is(err, ErrFenced) && !errors.Is(err, kafka.InvalidTransactionState) {
						done <- fmt.Errorf("owner %d: %w", i, err)
						return
					}
				}
			}()
		}
		for range 3 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		values, _ := r.settled()
		if d := cmp.Diff(r.values(goal), values); d != "" {
			t.Errorf("values (-want +got): %s", d)
		}
	})
}
