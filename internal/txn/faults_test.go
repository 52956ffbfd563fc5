package txn

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
					c.conn.Close() // a dead process asks for no metadata
					successor.conn.Close()
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
			if err := r.publish(bounded(t), tx, n+1); !errors.Is(err, ErrEnded) || !errors.Is(err, ErrFenced) || len(former.wire.sent()) > 0 {
				t.Errorf("used on: %v, %v", err, former.wire.sent())
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

// Transactions that are given up at any moment are whole or nothing, and the next owner knows.
func TestRandomDeadlines(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		const goal = 60
		c := r.client()
		var cutOff, nevertheless int
		for tx := c.mustOpen(); c.next(tx) <= goal; {
			n := c.next(tx)
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(20_000))*time.Microsecond)
			if err := r.publish(ctx, tx, n); err != nil {
				cutOff++
				if tx = c.mustOpen(); tx.Committed().N == n {
					nevertheless++
				}
			}
			cancel()
		}
		t.Logf("%d transactions were cut off, %d of them committed nevertheless", cutOff, nevertheless)
		values, _ := r.settled()
		if d := cmp.Diff(r.values(goal), values); d != "" {
			t.Errorf("values (-want +got): %s", d)
		}
	})
}

// No call outlives its context, whatever the network does, and what it left open is not used on.
func TestCallsEndWithTheirContext(t *testing.T) {
	r := newRig(t, testbed.Kafka(t))
	calls := map[string]func(context.Context, *client, *Transactor) error{
		"open":    func(ctx context.Context, c *client, _ *Transactor) error { _, err := c.open(ctx); return err },
		"abort":   func(ctx context.Context, _ *client, tx *Transactor) error { return tx.Abort(ctx) },
		"publish": func(ctx context.Context, _ *client, tx *Transactor) error { return r.publish(ctx, tx, 9) },
		"commit": func(ctx context.Context, _ *client, tx *Transactor) error {
			_, err := tx.Commit(ctx, nil, Offset{N: 9})
			return err
		},
	}
	for name, call := range calls {
		c := r.client()
		tx := c.mustOpen()
		events, _ := r.unit(9)
		if err := tx.Publish(bounded(t), events); err != nil {
			t.Fatal(err)
		}
		c.wire.follow(func(k protocol.ApiKey) fate {
			if k == protocol.ApiVersions { // kafka-go ends a connection that is being made by a time-out of its own
				return pass
			}
			return mute
		})
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		start := time.Now()
		if err := call(ctx, c, tx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("%s: took %v", name, took)
		}
		cancel()
		c.wire.follow(nil)
		if err := tx.Publish(bounded(t), events); name != "open" && !errors.Is(err, ErrEnded) {
			t.Errorf("after %s: %v", name, err)
		}
	}
	tx := r.client().mustOpen()
	twice := []*Batch{batch(r.topics[0], 1, "a"), batch(r.topics[0], 1, "b")}
	if err := tx.Publish(bounded(t), twice); err == nil {
		t.Error("published two batches of one partition at once")
	}
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
					// Most find themselves fenced. Brokers before 4.0 have other words for it, too: that the state of
					// the transaction is wrong, or just that something was unexpected.
					if err != nil && ctx.Err() != nil {
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
