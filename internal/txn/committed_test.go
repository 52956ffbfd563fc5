package txn

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func (c *client) reader() *CommittedReader {
	return NewCommittedReader(c.conn, Partition{c.rig.topics[0], 0}, ReaderOptions{Timeout: requestTimeout})
}

// readBack returns the values from an offset to the end, and the offsets of the first and the last.
func readBack(t *testing.T, r *CommittedReader, from int64) (values []string, first, last int64) {
	t.Helper()
	ctx := bounded(t)
	end, err := r.End(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for rec, err := range r.Records(ctx, from, end) {
		if err != nil {
			t.Fatal(err)
		}
		if values == nil {
			first = rec.Offset
		}
		values, last = append(values, string(rec.Value)), rec.Offset
	}
	return values, first, last
}

// write puts values into the partition in one transaction, and leaves that open.
func (c *client) write(tx *Transactor, values ...string) {
	c.t.Helper()
	if err := tx.Publish(bounded(c.t), []*Batch{batch(c.rig.topics[0], 0, values...)}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) commit(tx *Transactor, n int64) {
	c.t.Helper()
	if _, err := tx.Commit(bounded(c.t), nil, Offset{N: n}); err != nil {
		c.t.Fatal(err)
	}
}

func TestCommittedReaderLeavesOutWhatWasAborted(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		c := r.client()
		tx := c.mustOpen()
		var want []string
		plain := NewProducer(c.conn, c.topics, Options{})
		for i := range int64(6) {
			value := fmt.Sprint("committed ", i)
			c.write(tx, value)
			c.commit(tx, i+1)
			want = append(want, value)
			c.write(tx, fmt.Sprint("aborted ", i), "aborted too")
			loose := fmt.Sprint("loose ", i) // amid the aborted ones
			if _, err := plain.Flush(bounded(t), []*Batch{batch(r.topics[0], 0, loose)}); err != nil {
				t.Fatal(err)
			}
			want = append(want, loose)
			c.write(tx, "aborted as well")
			if err := tx.Abort(bounded(t)); err != nil {
				t.Fatal(err)
			}
		}
		r.wait("no transaction is open", func() bool { return r.open() == 0 })
		got, _, last := readBack(t, c.reader(), 0)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("read differs (-want +got):\n%s", diff)
		}
		if marks, _, _ := readBack(t, c.reader(), last+1); len(marks) != 0 {
			t.Errorf("behind the last record there are marks only, and %q", marks)
		}
		for from := range last + 1 { // from the midst of each transaction, and from between the marks
			if _, first, _ := readBack(t, c.reader(), from); first < from {
				t.Errorf("from %d: the first is %d", from, first)
			}
			got, _, _ := readBack(t, c.reader(), from)
			if n := len(got); n == 0 || cmp.Diff(want[len(want)-n:], got) != "" {
				t.Errorf("from %d: %q", from, got)
			}
		}
	})
}

func TestCommittedReaderWaitsForOpenTransactions(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		c := r.client()
		tx := c.mustOpen()
		c.write(tx, "a")
		c.commit(tx, 1)
		for i, end := range []func(){
			func() { c.commit(tx, 2) },
			func() {
				if err := tx.Abort(bounded(t)); err != nil {
					t.Error(err)
				}
			},
		} {
			before, _, _ := readBack(t, c.reader(), 0)
			c.write(tx, fmt.Sprint("open ", i))
			ended := make(chan time.Time, 1)
			go func() {
				time.Sleep(700 * time.Millisecond)
				now := time.Now()
				end()
				ended <- now
			}()
			got, _, _ := readBack(t, c.reader(), 0)
			if now := time.Now(); now.Before(<-ended) {
				t.Error("the reader did not wait")
			}
			if i == 0 {
				before = append(before, "open 0")
			}
			if diff := cmp.Diff(before, got); diff != "" {
				t.Errorf("read differs (-want +got):\n%s", diff)
			}
			r.wait("the transaction has ended", func() bool { return r.open() == 0 })
		}
	})
}

func TestCommittedReaderOfLargeLog(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		c := r.client()
		tx := c.mustOpen()
		var want []string
		for i := range 30 { // more than one answer holds, and transactions that begin in one and end in another
			value := fmt.Sprintf("%d-%0100000d", i, i)
			c.write(tx, value)
			if i%3 == 2 {
				want = append(want, value)
				c.commit(tx, int64(i))
			} else if err := tx.Abort(bounded(t)); err != nil {
				t.Fatal(err)
			}
		}
		r.wait("no transaction is open", func() bool { return r.open() == 0 })
		got, _, _ := readBack(t, c.reader(), 0)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d of %d values read", len(got), len(want))
		}
	})
}

func TestCommittedReaderAfterDeletion(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		c := r.client()
		tx := c.mustOpen()
		for i := range int64(4) {
			c.write(tx, fmt.Sprint("a", i))
			c.commit(tx, i+1)
		}
		all, _, last := readBack(t, c.reader(), 0)
		r.deleteBefore(4)
		got, _, _ := readBack(t, c.reader(), 0)
		if diff := cmp.Diff(all[2:], got); diff != "" {
			t.Errorf("read differs (-want +got):\n%s", diff)
		}
		var err error
		for _, err = range c.reader().Records(bounded(t), last+100, last+200) {
			break
		}
		if !errors.Is(err, ErrShorterLog) {
			t.Errorf("behind the end: %v", err)
		}
		r.deleteBefore(-1)
		if got, _, _ := readBack(t, c.reader(), 0); len(got) != 0 {
			t.Errorf("all is deleted, and still there is %q", got)
		}
	})
}

// deleteBefore deletes what stands before an offset of the first partition; -1: all.
func (r *rig) deleteBefore(offset int64) {
	r.t.Helper()
	cl := r.reader()
	defer cl.Close()
	req := kmsg.NewPtrDeleteRecordsRequest()
	topic := kmsg.NewDeleteRecordsRequestTopic()
	topic.Topic = r.topics[0]
	part := kmsg.NewDeleteRecordsRequestTopicPartition()
	part.Offset = offset
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	for _, shard := range cl.RequestSharded(bounded(r.t), req) {
		if shard.Err != nil {
			r.t.Fatal(shard.Err)
		}
		for _, t := range shard.Resp.(*kmsg.DeleteRecordsResponse).Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode != 0 {
					r.t.Fatal(kafka.Error(p.ErrorCode))
				}
			}
		}
	}
}
