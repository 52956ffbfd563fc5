package txn

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/addoffsetstotxn"
	"github.com/segmentio/kafka-go/protocol/addpartitionstotxn"
	"github.com/segmentio/kafka-go/protocol/endtxn"
	"github.com/segmentio/kafka-go/protocol/txnoffsetcommit"
)

// Receipt tells what a transaction wrote.
type Receipt struct {
	// Ends holds for each partition the offset after the last record that the transaction wrote there; -1 if the
	// broker did not tell.
	Ends map[Partition]int64
}

// Publish writes batches, at most one of each partition, into the transaction, which it begins if there is none. Nil
// means that all replicas in sync have them. The batches stay the caller's.
func (t *Transactor) Publish(ctx context.Context, batches []*Batch) error {
	return t.guard(func() error { return t.publish(ctx, batches) })
}

// Commit writes the last batches, as Publish does, and commits the transaction: its records, and the offset if there
// is a group. Nil means that this is decided and durable; readers see it some milliseconds later. After an error that
// is no *RefusedError it may have been committed nevertheless: the next Open's Committed tells. A transaction without
// records and group is none, and nothing is sent.
func (t *Transactor) Commit(ctx context.Context, last []*Batch, o Offset) (Receipt, error) {
	var receipt Receipt
	err := t.guard(func() error {
		if err := t.publish(ctx, last); err != nil {
			return err
		}
		if err := t.commitOffset(ctx, o); err != nil {
			return err
		}
		if t.begun.IsZero() {
			return nil
		}
		if err := t.end(ctx, true); err != nil {
			return err
		}
		receipt.Ends = t.ends
		t.committed = o
		t.clear()
		return nil
	})
	return receipt, err
}

// Abort ends the transaction without a trace for those who read committed records; the Transactor may be used on. It
// may be called after an error, so that readers need not wait for a successor or the time-out, but that one stays
// ended.
func (t *Transactor) Abort(ctx context.Context) error {
	if t.begun.IsZero() {
		return nil
	}
	err := t.end(ctx, false)
	t.clear()
	t.stale = true
	if err != nil && t.ended == nil {
		t.ended = err
	}
	return err
}

// guard lets nothing be sent after an error that leaves the outcome open.
func (t *Transactor) guard(do func() error) error {
	if t.ended != nil {
		return fmt.Errorf("%w: %w", ErrEnded, t.ended)
	}
	err := do()
	if _, ok := errors.AsType[*RefusedError](err); !ok {
		t.ended = err
	}
	return err
}

// clear forgets the transaction in hand.
func (t *Transactor) clear() {
	t.begun, t.enrolled, t.ends = time.Time{}, map[Partition]bool{}, map[Partition]int64{}
}

// begin makes sure that a transaction may be begun. A request to a coordinator that was never answered may still be
// under way: a commit that its repetition has overtaken would commit the next transaction half-done, and an offset
// would take the place of a newer one. A new epoch makes them void. (Of batches, sequences take care.)
func (t *Transactor) begin(ctx context.Context) error {
	if !t.begun.IsZero() || !t.stale {
		return nil
	}
	return t.initialize(ctx, t.session)
}

func (t *Transactor) publish(ctx context.Context, batches []*Batch) error {
	if len(batches) == 0 {
		return nil
	}
	if err := distinct(batches); err != nil {
		return err
	}
	if err := t.enroll(ctx, batches); err != nil {
		return err
	}
	return t.write(ctx, batches)
}

// enroll adds to the transaction the partitions that it does not know yet, all in one request.
func (t *Transactor) enroll(ctx context.Context, batches []*Batch) error {
	fresh := map[string][]int32{}
	for _, b := range batches {
		if !t.enrolled[b.Partition] {
			fresh[b.Partition.Topic] = append(fresh[b.Partition.Topic], b.Partition.Number)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := t.begin(ctx); err != nil {
		return err
	}
	request := &addpartitionstotxn.Request{
		TransactionalID: t.options.ID, ProducerID: t.session.id, ProducerEpoch: t.session.epoch,
	}
	for _, topic := range slices.Sorted(maps.Keys(fresh)) {
		request.Topics = append(request.Topics, addpartitionstotxn.RequestTopic{Name: topic, Partitions: fresh[topic]})
	}
	t.open()
	if _, err := t.ask(ctx, question{
		of: &t.transactions, what: "add partitions to the transaction", request: request,
		doubt: func(ctx context.Context, topic string) error { return t.shrunk(ctx, topic, slices.Max(fresh[topic])) },
	}); err != nil {
		return err
	}
	for _, b := range batches {
		t.enrolled[b.Partition] = true
	}
	return nil
}

// shrunk returns ErrMoved if a topic that exists has no partition of this number.
func (t *Transactor) shrunk(ctx context.Context, topic string, number int32) error {
	t.topics.Forget(topic)
	if known, err := t.topics.Partitions(ctx, topic); err == nil && int(number) >= len(known) {
		return fmt.Errorf("partition %d of topic %s: %w", number, topic, ErrMoved)
	}
	return nil // what is wrong with the topic itself is told by the failure
}

// open notes that the transaction may have begun.
func (t *Transactor) open() {
	if t.begun.IsZero() {
		t.begun = time.Now()
	}
}

// write sends batches until all are written or refused.
func (t *Transactor) write(ctx context.Context, batches []*Batch) error {
	var refusals []Refusal
	left, pace := slices.Clone(batches), quickPace()
	for {
		r := t.round(ctx, left)
		for _, b := range r.written {
			t.ends[b.Partition] = b.End()
		}
		refusals = append(refusals, r.refused...)
		if err := t.hopeless(r); err != nil {
			return err
		}
		if left = r.left; len(left) == 0 {
			break
		}
		t.tell(ctx, r.failure)
		if stop := Wait(ctx, pace.NextBackOff()); stop != nil {
			return fmt.Errorf("publish: %w; last: %w", stop, r.failure.Err)
		}
	}
	if len(refusals) > 0 {
		return &RefusedError{Refusals: refusals}
	}
	return nil
}

// hopeless returns why there is no use in trying again.
func (t *Transactor) hopeless(r round) error {
	switch {
	case r.doubt:
		return fmt.Errorf("publish: a batch is refused that an earlier attempt may have written: %w", r.refused[0].Err)
	case errors.Is(r.failure.Err, ErrMoved):
		return r.failure.Err
	}
	switch r.worst {
	case done, again, busy, refused:
		return nil
	default:
		return t.explained(r.failure.Err, r.failure.Topic, "Write,Describe")
	}
}

// commitOffset lets the transaction commit an offset. The group has no members, so neither generation nor member id.
func (t *Transactor) commitOffset(ctx context.Context, o Offset) error {
	if t.options.Group == "" {
		return nil
	}
	if err := t.begin(ctx); err != nil {
		return err
	}
	t.open()
	if err := t.addOffsets(ctx); err != nil {
		return err
	}
	return t.setOffset(ctx, o)
}

// addOffsets adds the group's partition of offsets to the transaction.
func (t *Transactor) addOffsets(ctx context.Context) error {
	_, err := t.ask(ctx, question{of: &t.transactions, what: "add the group's offset to the transaction", request: &addoffsetstotxn.Request{
		TransactionalID: t.options.ID, ProducerID: t.session.id, ProducerEpoch: t.session.epoch, GroupID: t.options.Group,
	}})
	return err
}

func (t *Transactor) setOffset(ctx context.Context, o Offset) error {
	_, err := t.ask(ctx, question{of: &t.groups, what: "commit the group's offset", operations: "Read", request: &txnoffsetcommit.Request{
		TransactionalID: t.options.ID, ProducerID: t.session.id, ProducerEpoch: t.session.epoch,
		GroupID: t.options.Group, GenerationID: -1,
		Topics: []txnoffsetcommit.RequestTopic{{Name: t.options.OffsetOf.Topic, Partitions: []txnoffsetcommit.RequestPartition{{
			Partition: t.options.OffsetOf.Number, CommittedOffset: o.N, CommittedLeaderEpoch: -1, CommittedMetadata: o.Metadata,
		}}}},
	}})
	return err
}

func (t *Transactor) askOffset(ctx context.Context) error {
	m, err := t.ask(ctx, question{
		of: &t.groups, what: "ask for the group's offset", operations: "Read",
		request: &offsetRequest{group: t.options.Group, at: t.options.OffsetOf},
	})
	if errors.Is(err, kafka.GroupIdNotFound) { // most brokers say -1
		return nil
	}
	if err != nil {
		return err
	}
	if a, ok := m.(*offsetAnswer); ok {
		t.committed = Offset{N: a.offset, Metadata: a.metadata}
	}
	return nil
}

func (t *Transactor) end(ctx context.Context, commit bool) error {
	what := "abort the transaction"
	if commit {
		what = "commit the transaction"
	}
	_, err := t.ask(ctx, question{of: &t.transactions, what: what, request: &endtxn.Request{
		TransactionalID: t.options.ID, ProducerID: t.session.id, ProducerEpoch: t.session.epoch, Committed: commit,
	}})
	return err
}
