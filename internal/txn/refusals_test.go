package txn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/testbed"
)

// topic makes a topic with a setting and lets the rig read it.
func (r *rig) topic(setting, value string) string {
	r.t.Helper()
	name := testbed.Name(r.t)
	c := r.client()
	err := c.conn.CreateTopic(bounded(r.t), broker.NewTopic{
		Name: name, Partitions: partitions, Replication: 1, Config: map[string]string{setting: value},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.topics = append(r.topics, name)
	return name
}

// isolate publishes a refused batch by halves and returns the records that stay alone.
func isolate(ctx context.Context, tx *Transactor, in *Batch) (guilty []string, err error) {
	if in.Len() == 1 {
		_, value := in.Value(0)
		return []string{string(value)}, nil
	}
	for _, cut := range [][2]int{{0, in.Len() / 2}, {in.Len() / 2, in.Len()}} {
		half := in.Slice(cut[0], cut[1])
		err := tx.Publish(ctx, []*Batch{half})
		if _, ok := errors.AsType[*RefusedError](err); ok {
			alone, err := isolate(ctx, tx, half)
			if err != nil {
				return nil, err
			}
			guilty = append(guilty, alone...)
			continue
		}
		if err != nil {
			return nil, err
		}
	}
	return guilty, nil
}

// What a broker refuses does not disturb the rest of its transaction, and its records can be told apart within it.
func TestRefusedBatchIsTakenApartInItsTransaction(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		small := r.topic("max.message.bytes", "2000")
		tx := r.client().mustOpen()
		r.mustPublish(tx, 1)
		if err := tx.Publish(bounded(t), []*Batch{batch(small, 1, "before", "it")}); err != nil {
			t.Fatal(err)
		}
		mixed := batch(small, 1, "a", "b", strings.Repeat("x", 3000), "c", strings.Repeat("y", 3000), "d", "e")
		events, last := r.unit(2)
		err := tx.Publish(bounded(t), append(events, mixed, batch(small, 2, "beside")))
		refused, ok := errors.AsType[*RefusedError](err)
		if !ok || len(refused.Refusals) != 1 || refused.Refusals[0].Batch != mixed || !errors.Is(err, kafka.MessageSizeTooLarge) {
			t.Fatalf("error %v", err)
		}
		guilty, err := isolate(bounded(t), tx, mixed)
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{strings.Repeat("x", 3000), strings.Repeat("y", 3000)}; !slices.Equal(guilty, want) {
			t.Errorf("guilty %.20q", guilty)
		}
		// The entry that goes with the commit may be refused, too.
		if _, err := tx.Commit(bounded(t), []*Batch{batch(small, 0, strings.Repeat("z", 3000))}, Offset{N: 2}); !errors.Is(err, kafka.MessageSizeTooLarge) {
			t.Errorf("commit: %v", err)
		}
		if values, _ := r.committed(); !cmp.Equal(values, r.values(1)) {
			t.Errorf("committed nevertheless: %v", values)
		}
		if _, err := tx.Commit(bounded(t), last, Offset{N: 2}); err != nil {
			t.Fatal(err)
		}
		r.mustPublish(tx, 3)
		values, _ := r.settled()
		want := append(r.values(3), "before", "it", "a", "b", "c", "d", "e", "beside")
		slices.Sort(want)
		if d := cmp.Diff(want, values); d != "" {
			t.Errorf("values (-want +got): %s", d)
		}
	})
}

func TestInvalidRecordsAreNamed(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		compacted := r.topic("cleanup.policy", "compact")
		tx := r.client().mustOpen()
		b := batch(compacted, 0, "a", "b")
		b.Append(Record{Value: []byte("no key")})
		b.Append(Record{Key: []byte("k"), Value: []byte("c")})
		b.Append(Record{Value: []byte("no key, again")})
		err := tx.Publish(bounded(t), []*Batch{b})
		refused, ok := errors.AsType[*RefusedError](err)
		if !ok || !errors.Is(err, kafka.InvalidRecord) || !slices.Equal(refused.Refusals[0].Guilty, []int{2, 4}) {
			t.Fatalf("error %v, %+v", err, refused)
		}
		if err := tx.Publish(bounded(t), []*Batch{b.Slice(0, 2), batch(r.topics[0], 0, "d")}); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Commit(bounded(t), nil, Offset{N: 1}); err != nil {
			t.Fatal(err)
		}
		if values, _ := r.settled(); !slices.Equal(values, []string{"a", "b", "d"}) {
			t.Errorf("values %v", values)
		}
	})
}

// The codecs of both producers are the same.
func TestCompressedTransactions(t *testing.T) {
	r := newRig(t, testbed.Kafka(t))
	c := r.client()
	var n int64
	for _, name := range Codecs() {
		codec, err := NewCodec(name)
		if err != nil {
			t.Fatal(err)
		}
		o := r.options()
		o.Codec = codec
		tx, err := Open(bounded(t), c.conn, c.topics, o)
		if err != nil {
			t.Fatal(err)
		}
		n++
		r.mustPublish(tx, n)
	}
	if values, _ := r.settled(); !cmp.Equal(values, r.values(n)) {
		t.Errorf("values: %s", cmp.Diff(r.values(n), values))
	}
}

func TestTopicThatIsMissing(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		late := testbed.Name(t)
		c := r.client()
		o := r.options()
		var told []string
		o.Failed = func(ctx context.Context, f Failure) {
			if told = append(told, f.Topic); errors.Is(f.Err, kafka.UnknownTopicOrPartition) && f.Topic == late {
				if err := c.conn.CreateTopic(ctx, broker.NewTopic{Name: late, Partitions: 1, Replication: 1}); err != nil {
					t.Error(err)
				}
				r.topics = append(r.topics, late)
			}
		}
		tx, err := Open(bounded(t), c.conn, c.topics, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.Publish(bounded(t), []*Batch{batch(late, 0, "a"), batch(r.topics[0], 0, "b")}); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Commit(bounded(t), nil, Offset{N: 1}); err != nil {
			t.Fatal(err)
		}
		if values, _ := r.settled(); !slices.Equal(values, []string{"a", "b"}) || !slices.Contains(told, late) || slices.Contains(told, r.topics[0]) {
			t.Errorf("values %v, told of %v", values, told)
		}

		// The offset's topic has to exist: nobody would keep it otherwise.
		o.OffsetOf.Topic = testbed.Name(t)
		o.ID += "-2"
		told = nil
		if tx, err = Open(bounded(t), c.conn, c.topics, o); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = tx.Commit(ctx, nil, Offset{N: 1})
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, kafka.UnknownTopicOrPartition) || !slices.Contains(told, o.OffsetOf.Topic) {
			t.Errorf("error %v, told of %v", err, told)
		}
	})
}

func TestTopicThatGrowsAndShrinks(t *testing.T) {
	r := newRig(t, testbed.Kafka(t))
	c := r.client()
	tx := c.mustOpen()
	r.mustPublish(tx, 1)
	_, err := c.conn.Client.CreatePartitions(bounded(t), &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: r.topics[0], Count: partitions + 2}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.topics.Forget(r.topics[0])
	r.wait("the topic has grown", func() bool {
		known, err := c.topics.Partitions(bounded(t), r.topics[0])
		c.topics.Forget(r.topics[0])
		return err == nil && len(known) == partitions+2
	})
	if err := tx.Publish(bounded(t), []*Batch{batch(r.topics[0], partitions+1, "new"), batch(r.topics[0], 0, "old")}); err != nil {
		t.Fatal(err)
	}
	r.mustPublish(tx, 2)
	if values, _ := r.settled(); !cmp.Equal(values, append(r.values(2), "new", "old")) {
		t.Errorf("values: %v", values)
	}
	if err := tx.Publish(bounded(t), []*Batch{batch(r.topics[0], partitions+2, "nowhere")}); !errors.Is(err, ErrMoved) {
		t.Errorf("published to a partition that does not exist: %v", err)
	}
}

func TestOffsetsThatCannotBe(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		c := r.client()
		tx := c.mustOpen()
		if _, err := tx.Commit(bounded(t), nil, Offset{N: 1, Metadata: strings.Repeat("m", 4096)}); err != nil {
			t.Error(err)
		}
		if _, err := tx.Commit(bounded(t), nil, Offset{N: 2, Metadata: strings.Repeat("m", 4097)}); !errors.Is(err, kafka.OffsetMetadataTooLarge) {
			t.Errorf("error %v", err)
		}
		tx = c.mustOpen()
		if got := tx.Committed(); got.N != 1 || len(got.Metadata) != 4096 {
			t.Errorf("committed %d, %d bytes", got.N, len(got.Metadata))
		}
		// N may be any number, and a deleted group has none.
		if _, err := tx.Commit(bounded(t), nil, Offset{N: 1 << 60}); err != nil {
			t.Error(err)
		}
		if got := c.mustOpen().Committed(); got != (Offset{N: 1 << 60}) {
			t.Errorf("committed %+v", got)
		}
		res, err := c.conn.Client.DeleteGroups(bounded(t), &kafka.DeleteGroupsRequest{GroupIDs: []string{r.group}})
		if err != nil || res.Errors[r.group] != nil {
			t.Fatal(err, res.Errors)
		}
		if got := c.mustOpen().Committed(); got != (Offset{N: -1}) {
			t.Errorf("a deleted group is at %+v", got)
		}
	})
}

func TestErrorsAreReadable(t *testing.T) {
	one := &RefusedError{Refusals: []Refusal{{Err: fmt.Errorf("p: %w", kafka.MessageSizeTooLarge)}}}
	two := &RefusedError{Refusals: []Refusal{{Err: kafka.InvalidRecord}, {Err: kafka.MessageSizeTooLarge}}}
	if got := one.Error(); !strings.HasPrefix(got, "a batch is refused: p: [10]") {
		t.Error(got)
	}
	if got := two.Error(); !strings.HasPrefix(got, "2 batches are refused, the first: [87]") || !errors.Is(two, kafka.MessageSizeTooLarge) {
		t.Error(got)
	}
}
